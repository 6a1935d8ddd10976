"""Summarise the events of a run for reports: a pure function."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Any

from ..best_effort import best_effort
from ..records.artifact_events import ArtifactOpened
from ..records.events import AnyEvent, elapsed_s, latest
from ..records.process_events import PreflightDone, ProcessStarted
from ..records.profile_events import ProfileMeasured
from ..records.run_events import RunStarted
from ..stats import clocks
from ..system.recorded_variables import precision_notes
from ..variant import TUNED
from . import formatting
from .neighbours import neighbour_notes
from .notices import notices
from .percentiles import PERCENTILE_FLOORS, percentile
from .record_index import RecordIndex
from .reproduction import command_of
from .rooflines import roofline_s
from .summary import ArtifactResult, Summary, Timing


def summarize(events: Sequence[AnyEvent]) -> Summary:
    """Summarise the events of a run.

    Raises:
        ValueError: the events contain no run.
    """
    index = RecordIndex(events)
    return Summary(
        index.run,
        index.speed_references(),
        [_result(artifact, index) for artifact in index.artifacts.values()],
        notices(index),
        index.rooflines,
        best_effort(lambda: clocks.described(index.every_clock()), "", _left_out),
        index.interrupted,
        index.ended,
        elapsed_s(events),
        tuple(event.profile for event in latest(ProfileMeasured, events).values()),
    )


def _left_out(error: Exception) -> None:
    """Leave out what is only shown and could not be calculated."""


def _result(artifact: ArtifactOpened, index: RecordIndex) -> ArtifactResult:
    label, manifest, run = artifact.artifact, artifact.manifest, index.run
    weights = manifest.weights if manifest else {}
    outcome = index.outcomes.get(label)
    reference = index.unlike_reference(label)
    values: dict[str, Any] = {
        "artifact": label,
        "path": artifact.path,
        "shapes": index.shapes(label),
        "format": artifact.format,
        "framework": manifest.framework if manifest else None,
        "weights": weights.get("name"),
        "weights_sha256": weights.get("sha256"),
        "weights_framework": weights.get("framework"),
        "bytes": artifact.bytes,
        "sha256": artifact.sha256,
        "executes_code": manifest.executes_code if manifest else None,
        "classes": manifest.classes if manifest else (),
        "outcome": outcome.outcome if outcome else "not measured",
        "reason": outcome.reason if outcome else "interrupted",
        "command": command_of(artifact, run, index.artifacts[reference] if reference else None),
    }
    notes: list[str] = []
    preflight = index.preflights.get(label)
    if preflight:
        values |= _costs(preflight, index.starts.get(label, []), run)
        notes += [
            *preflight.load.notes,
            *_reset_notes(preflight),
            *_device_notes(label, preflight, run),
        ]
        if preflight.device_time and preflight.device_time.failed:
            notes.append(f"not timed on the device itself: {preflight.device_time.failed}")
        if preflight.sweep and not preflight.sweep.samples_per_s:
            notes.append(f"the sweep measured nothing: {preflight.sweep.ended}")
    values["timings"] = {
        workload: _timing(label, workload, index) for workload in index.bursts.get(label, {})
    }
    parity = index.parities.get(label)
    if parity:
        values |= {
            "reference": parity.reference,
            "anchor": parity.anchor,
            "largest_difference": parity.largest_difference,
            "equal_labels": parity.equal_labels,
            "unequal_samples": parity.unequal_samples,
            "metrics": parity.metrics,
            "metric_intervals": parity.metric_intervals,
            "accuracy_difference": parity.accuracy_difference,
            "differing": parity.differing,
            "tolerance": parity.tolerance,
            "tolerance_how": parity.how,
            "doubts": (*parity.doubts, *parity.tolerance_doubts, *parity.quantisation_doubts),
        }
        notes += parity.notes
    notes += neighbour_notes(label, index)
    return ArtifactResult(**values, notes=notes)


def _reset_notes(preflight: PreflightDone) -> list[str]:
    """How calls were made independent of those before, and what that costs."""
    reset = preflight.predict.reset
    if reset is None:
        return []
    if reset.how == "nothing":
        return ["its calls are independent: it keeps no state between them"]
    done = "reset" if reset.how == "reset" else "loaded again"
    return [f"{done} before each call, which takes {formatting.seconds(reset.seconds)} of its time"]


def _device_notes(label: str, preflight: PreflightDone, run: RunStarted) -> list[str]:
    """What of where and in which precision it ran is no matter of course."""
    placement, notes = preflight.predict.placement, []
    if placement.get("on_cpu"):
        kinds = ", ".join(f"{kind} ({count})" for kind, count in placement["on_cpu"].items())
        total = sum(placement["nodes"].values())
        notes.append(
            f"{sum(placement['on_cpu'].values())} of its {total} operators ran on the CPU: {kinds}"
        )
    if placement.get("tf32") and not run.tf32:
        notes.append("its products of float32 may be calculated in TF32")
    variant = run.variants.get(label, TUNED)
    return notes + precision_notes(preflight.start.variables, run.tf32, variant)


def _costs(
    preflight: PreflightDone, starts: list[ProcessStarted], run: RunStarted
) -> dict[str, Any]:
    """The costs of each process, and the results of preflight."""
    batch = run.protocol.batch
    processes: list[PreflightDone | ProcessStarted] = [preflight, *starts]

    def median(values: list[float]) -> float:
        return float(statistics.median(values))

    predict, check = preflight.predict, preflight.check.seconds
    rates = preflight.sweep.samples_per_s if preflight.sweep else {}
    peak, bare = predict.peak_bytes, predict.bare_bytes
    # The first of each process, by the time that it took: later ones find the process warm.
    warm_ups = sorted(
        (start.warm_up[0] for start in starts if start.warm_up), key=lambda first: first.total_s
    )
    warm_up = warm_ups[len(warm_ups) // 2] if warm_ups else None
    return {
        "samples": predict.samples,
        "import_s": median([process.start.spawn_to_ready_s for process in processes]),
        "load_s": median([process.load.seconds for process in processes]),
        "first_call_s": median([process.first_call.seconds for process in processes]),
        "until_steady_s": warm_up.total_s if warm_up else None,
        "until_steady_calls": warm_up.calls if warm_up else None,
        "best_batch": max(rates, key=lambda size: rates[size]) if rates else None,
        "sweep_ended": preflight.sweep.ended if preflight.sweep else None,
        "peak_rss_bytes": predict.peak_rss_bytes,
        "memory_bytes": peak - bare if peak and bare else None,
        "gpu_bytes": preflight.gpu_bytes,
        "gpu_device_bytes": preflight.gpu_device_bytes,
        "gpu_runtime_peak_bytes": preflight.gpu_runtime_peak_bytes,
        "device_time": preflight.device_time.batches if preflight.device_time else {},
        "installed_bytes": preflight.footprint.bytes,
        "grows_with_batch": check[batch] > check[1] if batch > 1 and batch in check else None,
        "versions": preflight.start.versions | preflight.footprint.cuda,
        "placement": preflight.predict.placement,
        "environment": {
            "python": preflight.start.python,
            "executable": preflight.start.executable,
        },
    }


def _timing(label: str, workload: str, index: RecordIndex) -> Timing:
    generations = index.bursts[label][workload]
    # The turns that the ratio is of, so that both say the same; percentiles are of all calls.
    kept = index.undisturbed(workload).get(label) or generations
    medians = [
        statistics.median(second for seconds in turns.values() for second in seconds)
        for turns in kept.values()
    ]
    calls = sorted(s for turns in generations.values() for burst in turns.values() for s in burst)
    call_s = float(statistics.median(medians))
    least_s = best_effort(lambda: roofline_s(index, label, workload), None, _left_out)
    warm_ups = [
        start.warm_up_for(index.workloads[workload]) for start in index.starts.get(label, [])
    ]
    return Timing(
        call_s=call_s,
        samples_per_s=index.per_call[workload] / call_s,
        ratio=index.ratio(label, workload),
        percentiles_s={
            f"p{percent}": percentile(calls, percent)
            for percent, floor in PERCENTILE_FLOORS.items()
            if len(calls) >= floor
        },
        calls=len(calls),
        generations=len(generations),
        steady=all(
            warm_up.steady and warm_up.clock_steady is not False for warm_up in warm_ups if warm_up
        ),
        roofline_share=least_s / call_s if least_s else None,
        joules_per_sample=index.joules_per_sample(label, workload),
        workload=index.workloads[workload],
    )
