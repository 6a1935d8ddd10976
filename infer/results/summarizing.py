"""From the records of a run to what a report shows: a pure function."""

from __future__ import annotations

import statistics
from typing import Any

from ..records.protocol import NOTICES
from ..records.store import Record
from ..stats import clocks
from ..system.variables import precision_notes
from ..workload import Workload
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
    preflight = found.preflights.get(label)
    if preflight:
        values |= _costs(preflight, found.starts.get(label, []), run)
        values["notes"] = preflight["load"].get("notes", []) + _device_notes(label, preflight, run)
        if failed := (preflight.get("device_time") or {}).get("failed"):
            values["notes"] = [*values["notes"], f"not timed on the device itself: {failed}"]
        if (sweep := preflight.get("sweep")) and not sweep["samples_per_s"]:
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


def _device_notes(label: str, preflight: Record, run: Record) -> list[str]:
    """What of where and in which precision it ran is no matter of course."""
    placement, setup = preflight["predict"].get("placement") or {}, run["setups"].get(label, {})
    tf32, notes = run.get("tf32", False), []
    if placement.get("on_cpu"):
        kinds = ", ".join(f"{kind} ({count})" for kind, count in placement["on_cpu"].items())
        total = sum(placement["nodes"].values())
        notes.append(
            f"{sum(placement['on_cpu'].values())} of its {total} operators ran on the CPU: {kinds}"
        )
    if placement.get("tf32") and not tf32:
        notes.append("its products of float32 may be calculated in TF32")
    return notes + precision_notes(preflight["start"].get("variables", {}), tf32, setup)


def _costs(preflight: Record, starts: list[Record], run: Record) -> dict[str, Any]:
    """What is paid once a process, and what the preflight found."""
    batch = run["protocol"]["batch"]
    processes = [preflight, *starts]

    def median(values: list[float]) -> float:
        return float(statistics.median(values))

    predict, check = preflight["predict"], preflight["check"]["seconds"]
    rates = (preflight.get("sweep") or {}).get("samples_per_s", {})
    peak, bare = predict["peak_rss_bytes"], predict["bare_rss_bytes"]
    return {
        "samples": predict["samples"],
        "import_s": median([record["start"]["spawn_to_ready_s"] for record in processes]),
        "load_s": median([record["load"]["seconds"] for record in processes]),
        "first_call_s": median([record["first_call"]["seconds"] for record in processes]),
        "until_steady_s": preflight["warm_up"]["total_s"],
        "until_steady_calls": preflight["warm_up"]["calls"],
        "best_batch": int(max(rates, key=rates.get)) if rates else None,
        "sweep_ended": (preflight.get("sweep") or {}).get("ended"),
        "peak_rss_bytes": peak,
        "runtime_rss_bytes": peak - bare if peak and bare else None,
        "gpu_bytes": preflight["gpu_bytes"],
        "gpu_device_bytes": preflight["gpu_device_bytes"],
        "gpu_runtime_peak_bytes": preflight["gpu_runtime_peak_bytes"],
        "device_time": {
            int(batch): own
            for batch, own in (preflight.get("device_time") or {}).get("batches", {}).items()
        },
        "installed_bytes": preflight["footprint"]["bytes"],
        "grows_with_batch": (
            check[str(batch)] > check["1"] if batch > 1 and str(batch) in check else None
        ),
        "versions": preflight["start"]["versions"] | preflight["footprint"].get("cuda", {}),
        "placement": preflight["predict"].get("placement"),
        "environment": {
            name: preflight["start"][name]
            for name in ("python", "executable")
            if name in preflight["start"]
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
            warm_up["steady"] and warm_up.get("clock_steady") is not False
            for record in found.starts.get(label, [])
            for warm_up in record["warm_up"]
            if Workload(**warm_up["workload"]).name == point
        ),
        roofline_share=roofline_s / call_s if roofline_s else None,
        joules_per_sample=found.joules_per_sample(label, point),
    )
