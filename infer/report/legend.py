"""The legend: sentences that explain how to read the tables of a run."""

from __future__ import annotations

from ..results.rooflines import highest
from ..results.summary import Summary
from ..stats.ratios import CONFIDENCE
from .speed_tables import has_ceiling

# The statistic that `infer.stats.call_times.log_call_time` uses, by device.
_UNDISTURBED = {
    "cpu": "the tenth percentile of those",
    "cuda": "the median of those in the second halves of bursts",
}


def legend(summary: Summary) -> list[str]:
    """The legend of the tables of a run."""
    references = sorted(set(summary.speed_references.values()))
    if not references:
        return []
    return [
        f"ratio: time of an undisturbed call ({_UNDISTURBED[summary.run.device]} in a "
        f"generation of processes) over that of {' or '.join(references)}, "
        f"below 1 is faster; in brackets its {CONFIDENCE:.0%} interval, corrected for the number "
        "of artifacts.",
        "the time of a call is the median. Turns in which most artifacts were slower are left out "
        "of it and of the ratio, and counted in the percentiles.",
        "verdict: faster or slower if the interval lies on one side of 1, undecided if it holds 1, "
        "unknown if there are too few generations of processes for one; half its width is the "
        "smallest difference that would have shown.",
        *_roofline(summary),
        *_of_card(summary),
        *_on_device(summary),
        "start: interpreter and import. until steady: warm-up, with its calls. memory: the "
        "most that the process held above the bare interpreter, without the files that it maps: "
        "libraries and the inputs. installed: the runtime with what it needs.",
    ]


def _of_card(summary: Summary) -> list[str]:
    lines = []
    known = {row.gpu_memory[1] for row in summary.rows if row.gpu_memory}
    if known:
        texts = {
            "process": "what the driver says that the process held at most",
            "card": "(card): by how much the memory in use on the card grew, since the driver "
            "does not tell of the process",
            "runtime": "(runtime): what the runtime counts itself, without CUDA's own",
        }
        lines.append(
            "GPU memory: " + "; ".join(texts[source] for source in texts if source in known) + "."
        )
    if any(
        timing.joules_per_sample is not None
        for row in summary.rows
        for timing in row.timings.values()
    ):
        lines.append(
            "energy a sample: of the whole card, by its counter, pauses between calls included."
        )
    return lines


def _on_device(summary: Summary) -> list[str]:
    """The legend of the tables that only runs on a card have."""
    lines = []
    if any(row.device_time for row in summary.rows):
        lines.append(
            "queued: calls with their input on the device, enqueued one after the other with one "
            "wait at the end. one call: such a call with a wait of its own. by events: the "
            "device's own time of it. to enqueue: what the host needs for it. bound by launches: "
            "the device waits for the host. copy in, copy out: of pageable memory."
        )
    if any(row.anchor for row in summary.rows):
        lines.append(
            "largest difference, equal labels, accuracy less the reference's: beside the outputs "
            "of the reference on the CPU."
        )
    return lines


def _roofline(summary: Summary) -> list[str]:
    """Explain "of ceiling", with the measured rates, and the rates that are missing."""
    lines = []
    rates = highest(summary.rooflines)
    if not has_ceiling(summary):
        lines.append(
            "of ceiling: not shown. Calls were faster than the measured rates allow, so something "
            "else took the processor while these were measured."
        )
    elif "flops_per_s" in rates and "bytes_per_s" in rates:
        arithmetic = _rates(summary, "flops_per_s", 1e9, "GFLOP/s")
        copied = _rates(summary, "bytes_per_s", 1e9, "GB/s")
        product, where, more = "NumPy's matrix product", "", ""
        times = "start and end" if len(summary.rooflines) > 1 else "start"
        if summary.run.device == "cuda":
            product, where = "cuBLAS's matrix product", " on the card"
            tf32 = _rates(summary, "tf32_flops_per_s", 1e9, "GFLOP/s")
            arithmetic += f", and {tf32} in TF32" if tf32 else ""
            more = _copies(summary)
        lines.append(
            f"of ceiling: the least time that the arithmetic allows at the rate of {product} "
            f"({arithmetic} at the {times} of this run), or reading the weights at that of "
            f"a copy{where} ({copied}){more}, over the time taken."
        )
    reasons: dict[str, list[str]] = {}
    for record in summary.rooflines:
        for name, reason in record.failed.items():
            if name not in reasons.setdefault(reason, []):
                reasons[reason].append(name)
    for reason, names in reasons.items():
        what = ", ".join(name.removesuffix("_per_s").replace("_", " ") for name in names)
        lines.append(f"of ceiling: not measured ({what}): {reason}.")
    return lines


def _rates(summary: Summary, name: str, unit: float, called: str) -> str:
    """Format a rate at the start and at the end of a run; empty if it was not measured."""
    values = [getattr(record, name) for record in summary.rooflines]
    known = [f"{value / unit:,.0f}" for value in values if value is not None]
    return f"{' and '.join(known)} {called}" if known else ""


def _copies(summary: Summary) -> str:
    """Explain how copies between host and card are counted."""
    rates = highest(summary.rooflines)
    gb_per_s = [
        f"{rates[f'{way}_device_{kind}bytes_per_s'] / 1e9:,.0f}"
        for way in ("to", "from")
        for kind in ("", "pinned_")
        if f"{way}_device_{kind}bytes_per_s" in rates
    ]
    if len(gb_per_s) < 4:
        return ""
    return (
        ", and for calls from host to host that of copying inputs and outputs at the best rate "
        f"(to the card {gb_per_s[0]} GB/s, pinned {gb_per_s[1]}; "
        f"from it {gb_per_s[2]}, pinned {gb_per_s[3]})"
    )
