"""From the records of a run to what a report shows: a pure function."""

from __future__ import annotations

import statistics
from typing import Any

from ..records.protocol import NOTICES
from ..records.store import Record
from ..stats import clocks
from ..system.variables import precision_notes
from .percentiles import PERCENTILE_FLOORS, percentile
from .record_index import RecordIndex
from .reproduction import _command
from .summary import ArtifactResult, Summary, Timing


def summarize(records: list[Record]) -> Summary:
    """Bring together what the records of a run say."""
    run = next(record for record in records if record["kind"] == "run")
    found = RecordIndex(records)
    rows = [_row(artifact, found, run) for artifact in found.artifacts.values()]
    notices = list(run.get("notices", ()))
    notices += [NOTICES[run["protocol"]["name"]]] if run["protocol"]["name"] in NOTICES else []
    for artifact in found.artifacts.values():
        for notice in (artifact.get("manifest") or {}).get("notices", ()):
            if notice not in notices:
                notices.append(notice)
    notices += found.probe_notices() + found.unused(run) + found.drift_notices()
    notices += found.anchor_notices() + found.isolation_notices() + found.clock_notices(run)
    notices += found.turn_notices()
    if found.interrupted:
        notices.append(
            "INTERRUPTED: the run was cut off; what is shown is what was measured. "
            "It goes on with --resume."
        )
    return Summary(
        run,
        found.speed_references(),
        rows,
        notices,
        found.rooflines,
        clocks.described(found.every_clock()),
        found.interrupted,
        found.ended,
    )


def _row(artifact: Record, found: RecordIndex, run: Record) -> ArtifactResult:
    label = artifact["artifact"]
    manifest = artifact.get("manifest") or {}
    weights = manifest.get("weights") or {}
    outcome = found.outcomes.get(label, {"outcome": "not measured", "reason": "interrupted"})
    values: dict[str, Any] = {
        "artifact": label,
        "path": artifact["path"],
        "shapes": found.shapes(label),
        "format": artifact.get("format"),
        "framework": manifest.get("framework"),
        "weights": weights.get("name"),
        "weights_sha256": weights.get("sha256"),
        "weights_framework": weights.get("framework"),
        "bytes": artifact.get("bytes"),
        "sha256": artifact.get("sha256"),
        "executes_code": manifest.get("executes_code"),
        "classes": tuple(manifest.get("classes", ())),
        "outcome": outcome["outcome"],
        "reason": outcome["reason"],
        "command": _command(artifact, run),
    }
    survey = found.surveys.get(label)
    if survey:
        values |= _costs(survey, found.starts.get(label, []), run)
        values["notes"] = survey["load"].get("notes", []) + _device_notes(label, survey, run)
        if failed := survey.get("device_time", {}).get("failed"):
            values["notes"] = [*values["notes"], f"not timed on the device itself: {failed}"]
        if (sweep := survey.get("sweep")) and not sweep["samples_per_s"]:
            values["notes"] = [*values["notes"], f"the sweep came to nothing: {sweep['ended']}"]
    values["timings"] = {
        point: _timing(label, point, found) for point in found.bursts.get(label, {})
    }
    parity = found.parities.get(label)
    if parity:
        names = ("reference", "largest_difference", "equal_labels", "unequal_samples", "metrics")
        values |= {name: parity.get(name) for name in (*names, "anchor", "accuracy_difference")}
        values["differing"] = parity.get("differing", [])
        values["notes"] = values.get("notes", []) + parity.get("notes", [])
        values |= {"tolerance": parity.get("tolerance"), "tolerance_how": parity.get("how")}
    return ArtifactResult(**values)


def _device_notes(label: str, survey: Record, run: Record) -> list[str]:
    """What of where and in which precision it ran is no matter of course."""
    placement, setup = survey["predict"].get("placement") or {}, run["setups"].get(label, {})
    tf32, notes = run.get("tf32", False), []
    if placement.get("on_cpu"):
        kinds = ", ".join(f"{kind} ({count})" for kind, count in placement["on_cpu"].items())
        total = sum(placement["nodes"].values())
        notes.append(
            f"{sum(placement['on_cpu'].values())} of its {total} operators ran on the CPU: {kinds}"
        )
    if placement.get("tf32") and not tf32:
        notes.append("its products of float32 may be calculated in TF32")
    return notes + precision_notes(survey["start"].get("variables", {}), tf32, setup)


def _costs(survey: Record, starts: list[Record], run: Record) -> dict[str, Any]:
    """What is paid once a process, and what the survey found."""
    batch = run["protocol"]["batch"]
    processes = [survey, *starts]

    def median(values: list[float]) -> float:
        return float(statistics.median(values))

    predict, check = survey["predict"], survey["check"]["seconds"]
    rates = survey.get("sweep", {}).get("samples_per_s", {})
    peak, bare = predict["peak_rss_bytes"], predict["bare_rss_bytes"]
    return {
        "samples": predict["samples"],
        "import_s": median([record["start"]["spawn_to_ready_s"] for record in processes]),
        "load_s": median([record["load"]["seconds"] for record in processes]),
        "first_call_s": median([record["first_call"]["seconds"] for record in processes]),
        "until_steady_s": survey["warm_up"]["total_s"],
        "until_steady_calls": survey["warm_up"]["calls"],
        "best_batch": int(max(rates, key=rates.get)) if rates else None,
        "sweep_ended": survey.get("sweep", {}).get("ended"),
        "peak_rss_bytes": peak,
        "runtime_rss_bytes": peak - bare if peak and bare else None,
        "gpu_bytes": survey["gpu_bytes"],
        "gpu_device_bytes": survey["gpu_device_bytes"],
        "gpu_runtime_peak_bytes": survey["gpu_runtime_peak_bytes"],
        "device_time": {
            int(batch): own
            for batch, own in survey.get("device_time", {}).get("batches", {}).items()
        },
        "installed_bytes": survey["footprint"]["bytes"],
        "grows_with_batch": (
            check[str(batch)] > check["1"] if batch > 1 and str(batch) in check else None
        ),
        "versions": survey["start"]["versions"] | survey["footprint"].get("cuda", {}),
        "placement": survey["predict"].get("placement"),
        "environment": {
            name: survey["start"][name]
            for name in ("python", "executable")
            if name in survey["start"]
        },
    }


def _timing(label: str, point: str, found: RecordIndex) -> Timing:
    generations = found.bursts[label][point]
    medians = [
        statistics.median(second for seconds in turns.values() for second in seconds)
        for turns in generations.values()
    ]
    calls = sorted(s for turns in generations.values() for own in turns.values() for s in own)
    call_s = float(statistics.median(medians))
    roofline_s = found.roofline_s(label, point)
    return Timing(
        call_s=call_s,
        samples_per_s=found.per_call[point] / call_s,
        ratio=found.ratio(label, point),
        percentiles_s={
            f"p{percent}": percentile(calls, percent)
            for percent, floor in PERCENTILE_FLOORS.items()
            if len(calls) >= floor
        },
        calls=len(calls),
        generations=len(generations),
        steady=all(
            record["warm_up"][point]["steady"]
            and record["warm_up"][point].get("clock_steady") is not False
            for record in found.starts.get(label, [])
            if point in record["warm_up"]
        ),
        roofline_share=roofline_s / call_s if roofline_s else None,
        joules_per_sample=found.joules_per_sample(label, point),
    )
