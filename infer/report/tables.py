"""What the tables of a run hold, whatever they are drawn with."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..results.formatting import interval, joules, mebibytes, seconds
from ..results.record_index import highest
from ..results.summary import ArtifactResult, Summary, Timing
from ..stats.ratios import CONFIDENCE, Ratio


@dataclass(frozen=True)
class Column:
    """A column: its title and its cells, both as text."""

    title: Callable[[Summary], str]
    cell: Callable[[ArtifactResult, Summary], str]
    left: bool = False


def _name(row: ArtifactResult, summary: Summary) -> str:
    return row.artifact


def _ratio(ratio: Ratio | None, row: ArtifactResult, summary: Summary) -> str:
    if summary.speed_references.get(row.artifact) == row.artifact:
        return "1 (reference)"
    return interval(ratio)


def _metric(name: str) -> Callable[[ArtifactResult, Summary], str]:
    def cell(row: ArtifactResult, summary: Summary) -> str:
        return f"{row.metrics[name]:.4f}" if row.metrics else "-"

    return cell


def _gpu_memory(row: ArtifactResult, summary: Summary) -> str:
    """With who says so, unless it is the driver for the process."""
    if row.gpu_memory is None:
        return "-"
    value, who = row.gpu_memory
    return mebibytes(value) + ("" if who == "process" else f" ({who})")


def _percentiles(timing: Timing | None) -> str:
    if timing is None or not timing.percentiles_s:
        return "-"
    return " / ".join(f"{name} {seconds(value)}" for name, value in timing.percentiles_s.items())


_ARTIFACT = Column(lambda s: "artifact", _name, left=True)


def speed(point: str, summary: Summary) -> list[Column]:
    """The columns for the calls of one kind."""
    batch = summary.batch_of(point)

    def timing(
        cell: Callable[[Timing, ArtifactResult], str],
    ) -> Callable[[ArtifactResult, Summary], str]:
        return lambda row, s: cell(row.timings[point], row) if point in row.timings else "-"

    columns = [
        _ARTIFACT,
        Column(lambda s: point, timing(lambda t, row: seconds(t.call_s))),
        Column(lambda s: "ratio", timing(lambda t, row: _ratio(t.ratio, row, summary)), left=True),
        Column(
            lambda s: "verdict",
            timing(lambda t, row: t.ratio.verdict if t.ratio else ""),
            left=True,
        ),
    ]
    if batch == 1:
        columns.append(
            Column(lambda s: "percentiles", timing(lambda t, row: _percentiles(t)), left=True)
        )
    else:
        columns += [
            Column(lambda s: "samples/s", timing(lambda t, row: f"{t.samples_per_s:,.0f}")),
            Column(
                _all_samples,
                timing(lambda t, row: seconds((row.samples or 0) / t.samples_per_s)),
            ),
        ]
    if any(
        row.timings[point].roofline_share is not None
        for row in summary.rows
        if point in row.timings
    ):
        columns.append(
            Column(
                lambda s: "of ceiling",
                timing(
                    lambda t, row: "-" if t.roofline_share is None else f"{t.roofline_share:.0%}"
                ),
            )
        )
    if any(
        row.timings[point].joules_per_sample is not None
        for row in summary.rows
        if point in row.timings
    ):
        columns.append(
            Column(lambda s: "energy a sample", timing(lambda t, row: joules(t.joules_per_sample)))
        )
    return columns


def _all_samples(summary: Summary) -> str:
    counts = {row.samples for row in summary.rows if row.samples}
    return f"{counts.pop():,} samples" if len(counts) == 1 else "all samples"


def _runtime(row: ArtifactResult, summary: Summary) -> str:
    """The versions of a row's runtime, where the rows of a format differ in them."""
    versions: dict[str | None, set[str]] = {}
    for other in summary.rows:
        if other.versions:
            versions.setdefault(other.format, set()).add(str(other.versions))
    if not row.versions or max(map(len, versions.values()), default=0) < 2:
        return "-"
    return ", ".join(f"{name} {version}" for name, version in row.versions.items())


COST = [
    _ARTIFACT,
    Column(lambda s: "runtime", _runtime, left=True),
    Column(lambda s: "start", lambda row, s: seconds(row.import_s)),
    Column(lambda s: "load", lambda row, s: seconds(row.load_s)),
    Column(lambda s: "first call", lambda row, s: seconds(row.first_call_s)),
    Column(
        lambda s: "until steady",
        lambda row, s: (
            f"{seconds(row.until_steady_s)} ({row.until_steady_calls})"
            if row.until_steady_s is not None
            else "-"
        ),
    ),
    Column(lambda s: "memory", lambda row, s: mebibytes(row.runtime_rss_bytes)),
    Column(lambda s: "GPU memory", _gpu_memory),
    Column(lambda s: "size", lambda row, s: mebibytes(row.bytes)),
    Column(lambda s: "installed", lambda row, s: mebibytes(row.installed_bytes)),
]

SWEEP = [
    _ARTIFACT,
    Column(lambda s: "best batch", lambda row, s: str(row.best_batch or "-")),
    Column(
        lambda s: "samples/s by batch",
        lambda row, s: "  ".join(
            f"{s.batch_of(point)}: {row.timings[point].samples_per_s:,.0f}"
            for point in sorted(row.timings, key=s.batch_of)
            if point == f"batch {s.batch_of(point)}"
        ),
        left=True,
    ),
    Column(lambda s: "ended since", lambda row, s: row.sweep_ended or "-", left=True),
]

# Bytes from which on the rate of a copy is more than the time to start it.
_LEAST_COPY = 1 << 20

# Shares of the reference's accuracy that MLPerf asks for, the higher first.
_MARGINS = (("99.9%", 0.999), ("99%", 0.99))


def _is_yardstick(row: ArtifactResult) -> bool:
    """Whether an artifact's outputs are those that it would be compared with."""
    return row.artifact == row.reference and row.anchor is None


def _accuracy_difference(row: ArtifactResult) -> str:
    found = row.accuracy_difference
    if not found or _is_yardstick(row):
        return "-"
    return f"{found['value']:+.4f} [{found['low']:+.4f}, {found['high']:+.4f}]"


def _kept(row: ArtifactResult) -> str:
    """The largest of the margins that the accuracy is surely within."""
    found = row.accuracy_difference
    if not found or not row.metrics or _is_yardstick(row):
        return "-"
    before = row.metrics["accuracy"] - found["value"]
    for name, share in _MARGINS:
        if found["low"] >= -(1 - share) * before:
            return name
    return "neither"


ON_DEVICE = "On the device itself"


def _copy(seconds_taken: float, size: int) -> str:
    """The time of a copy, and its rate where that says something."""
    rate = f" ({size / seconds_taken / 1e9:.3g} GB/s)" if size >= _LEAST_COPY else ""
    return seconds(seconds_taken) + rate


def on_device(batch: int) -> list[Column]:
    """The columns for what calls of so many samples take on a card itself."""

    def cell(shown: Callable[[dict[str, Any]], str]) -> Callable[[ArtifactResult, Summary], str]:
        return lambda row, s: shown(row.device_time[batch]) if batch in row.device_time else "-"

    return [
        _ARTIFACT,
        Column(lambda s: f"queued, batch {batch}", cell(lambda t: seconds(t["queued_s"]))),
        Column(lambda s: "queued samples/s", cell(lambda t: f"{batch / t['queued_s']:,.0f}")),
        Column(lambda s: "one call", cell(lambda t: seconds(t["call_s"]))),
        Column(lambda s: "by events", cell(lambda t: seconds(t["event_s"]))),
        Column(lambda s: "to enqueue", cell(lambda t: seconds(t["enqueue_s"]))),
        Column(lambda s: "copy in", cell(lambda t: _copy(t["copy_in_s"], t["copy_in_bytes"]))),
        Column(lambda s: "copy out", cell(lambda t: _copy(t["copy_out_s"], t["copy_out_bytes"]))),
        Column(lambda s: "bound by", cell(lambda t: t["bound"] or "cannot tell"), left=True),
    ]


AGREEMENT = [
    _ARTIFACT,
    Column(lambda s: "outcome", lambda row, s: row.outcome, left=True),
    Column(
        lambda s: "largest difference",
        lambda row, s: (
            "-"
            if row.largest_difference is None
            else "reference"
            if _is_yardstick(row)
            else f"{row.largest_difference:.1e}"
        ),
    ),
    Column(
        lambda s: "equal labels",
        lambda row, s: "-" if row.equal_labels is None else f"{row.equal_labels:.2%}",
    ),
    Column(lambda s: "accuracy", _metric("accuracy")),
    Column(lambda s: "accuracy less the reference's", lambda row, s: _accuracy_difference(row)),
    Column(lambda s: "surely keeps", lambda row, s: _kept(row)),
    Column(lambda s: "macro F1", _metric("macro_f1")),
    Column(lambda s: "weighted F1", _metric("weighted_f1")),
]


def tables_of(rows: list[ArtifactResult], summary: Summary) -> list[list[Column]]:
    """The columns of each table that the rows of a section fill."""
    measured = {point for row in rows for point in row.timings}
    planned = [point for point in summary.points if point in measured]
    # Of artifacts whose inputs allow one batch only; what a sweep adds has a table of its own.
    own = {point for row in rows if not row.best_batch for point in row.timings}
    planned += sorted(own - {*planned})
    result = [speed(point, summary) for point in planned]
    if any(row.best_batch for row in rows):
        result.append(SWEEP)
    batches = sorted({batch for row in rows for batch in row.device_time}, reverse=True)
    for columns in map(on_device, batches):
        result.append([one for one in columns if any(one.cell(r, summary) != "-" for r in rows)])
    if any(row.import_s is not None for row in rows):
        costs = [column for column in COST if any(column.cell(r, summary) != "-" for r in rows)]
        agreement = AGREEMENT
        if not any(row.accuracy_difference and not _is_yardstick(row) for row in rows):
            agreement = [
                column
                for column in AGREEMENT
                if column.title(summary) not in ("accuracy less the reference's", "surely keeps")
            ]
        result += [costs, agreement]
    return result


DIFFERING_TITLE = "Samples that differ"
_SHOWN_DIFFERING = 5


def differing(rows: list[ArtifactResult]) -> tuple[list[str], list[list[str]]]:
    """Samples on which an artifact and its reference differ, with both answers: titles and rows."""

    def answer(one: dict[str, object]) -> str:
        value = one["value"]
        return (
            f"{one['label']}: {value:.6g}"
            if isinstance(value, float)
            else f"{one['label']}: {value}"
        )

    truth = any("true" in one for row in rows for one in row.differing)
    titles = ["artifact", "sample", "reference", "artifact's answer", *(["truth"] if truth else [])]
    lines = []
    for row in rows:
        for one in row.differing[:_SHOWN_DIFFERING]:
            cells = [row.artifact, str(one["sample"]), answer(one["reference"]), answer(one["own"])]
            lines.append(cells + ([str(one.get("true", "-"))] if truth else []))
        more = len(row.differing) - _SHOWN_DIFFERING
        if more > 0:
            cells = [row.artifact, f"and {more} more", "", "see results.jsonl"]
            lines.append(cells + ([""] if truth else []))
    return titles, lines


def notes(rows: list[ArtifactResult]) -> list[str]:
    """What was done to inputs and outputs, and what may differ; several artifacts in a line."""
    said: dict[str, list[str]] = {}
    for row in rows:
        for note in row.notes:
            said.setdefault(note, []).append(row.artifact)
    allowed: dict[str, list[str]] = {}
    for row in rows:
        if row.tolerance is not None and not _is_yardstick(row):
            where = f" from {row.anchor} on the CPU" if row.anchor else ""
            text = f"differences{where} up to {row.tolerance:.2g} pass: {row.tolerance_how}"
            allowed.setdefault(text, []).append(row.artifact)
    return [f"{', '.join(own)}: {text}" for text, own in (said | allowed).items()]


def by_speed(rows: list[ArtifactResult], summary: Summary) -> list[ArtifactResult]:
    """The fastest first, by the first kind of calls; what was not measured is left out."""
    first = next(iter(summary.points), "")

    def call_s(row: ArtifactResult) -> float:
        return row.timings[first].call_s if first in row.timings else float("inf")

    return sorted((row for row in rows if row.import_s is not None), key=call_s)


def sections(summary: Summary) -> list[tuple[str, list[ArtifactResult]]]:
    """Title and rows of each comparison; the title says on which device."""
    result = []
    for rows in summary.groups:
        weights = rows[0].weights
        if len({row.artifact for row in rows}) > 1 and weights:
            title = f"Same weights: {weights}, trained in {rows[0].weights_framework}"
        elif weights:
            title = f"Weights: {weights}, trained in {rows[0].weights_framework}"
        else:
            title = "Artifacts without a manifest"
        result.append((title, rows))
    if summary.own_training:
        title = "Each framework's own training, in its own formats (the paper's comparison)"
        result.append((title, summary.own_training))
    return [(f"{title}, on {summary.device}", rows) for title, rows in result]


def growth_title(summary: Summary) -> str:
    """Title of the table of `growth`."""
    return (
        "How the time for a call grows with its inputs (in brackets: times the smallest), on "
        + summary.device
    )


def growth(summary: Summary) -> tuple[list[str], list[list[str]]]:
    """How the time for a call grows with the inputs: titles and rows; no rows for one shape.

    A row is an exporter's artifacts of the same weights; a cell the time for a call of the first
    kind, and its ratio to that of the smallest shape.
    """
    point = next(iter(summary.points), "")
    shapes: dict[str, int] = {}
    times: dict[tuple[str | None, str], dict[str, float]] = {}
    for row in summary.rows:
        if row.shapes and point in row.timings:
            sizes = [int(size) for size in row.shapes.split(" x ") if size.isdigit()]
            shapes[row.shapes] = math.prod(sizes)
            key = row.weights_sha256, row.artifact.rpartition("/")[2]
            times.setdefault(key, {})[row.shapes] = row.timings[point].call_s
    times = {key: own for key, own in times.items() if len(own) > 1}
    if not times:
        return [], []
    order = sorted({shape for own in times.values() for shape in own}, key=lambda one: shapes[one])
    rows = []
    for (_, name), own in times.items():
        smallest = next(own[shape] for shape in order if shape in own)
        cells = [
            f"{seconds(own[shape])} ({own[shape] / smallest:.1f})" if shape in own else "-"
            for shape in order
        ]
        rows.append([name, *cells])
    return [f"artifact, {point}", *order], rows


# What `infer.stats.ratios.level` takes, by device.
_UNDISTURBED = {
    "cpu": "the tenth percentile of those",
    "cuda": "the median of those in the second halves of bursts",
}


def legend(summary: Summary) -> list[str]:
    """How to read the tables."""
    references = sorted(set(summary.speed_references.values()))
    if not references:
        return []
    return [
        f"ratio: time of an undisturbed call ({_UNDISTURBED[summary.run['device']]} in a "
        f"generation of processes) over that of {' or '.join(references)}, "
        f"below 1 is faster; in brackets its {CONFIDENCE:.0%} interval, corrected for the number "
        "of artifacts.",
        "could have seen: half the width of that interval, the smallest difference that would "
        "have shown in this run.",
        *_roofline(summary),
        *_of_card(summary),
        *_on_device(summary),
        "start: interpreter and import. until steady: warm-up, with its calls. memory: resident "
        "at its peak, above the bare interpreter. installed: the runtime with what it needs.",
    ]


def _of_card(summary: Summary) -> list[str]:
    lines = []
    known = {row.gpu_memory[1] for row in summary.rows if row.gpu_memory}
    if known:
        said = {
            "process": "what the driver says that the process held at most",
            "card": "(card): by how much the memory in use on the card grew, since the driver "
            "does not tell of the process",
            "runtime": "(runtime): what the runtime counts itself, without CUDA's own",
        }
        lines.append("GPU memory: " + "; ".join(said[who] for who in said if who in known) + ".")
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
    """How to read the tables that only a card has."""
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
    """What "of ceiling" is, with the rates behind it; and what could not be measured."""
    lines = []
    if "flops_per_s" in highest(summary.rooflines) and "bytes_per_s" in highest(summary.rooflines):
        arithmetic = _rates(summary, "flops_per_s", 1e9, "GFLOP/s")
        copied = _rates(summary, "bytes_per_s", 1e9, "GB/s")
        product, where, more = "NumPy's matrix product", "", ""
        if summary.run["device"] == "cuda":
            product, where = "cuBLAS's matrix product", " on the card"
            tf32 = _rates(summary, "tf32_flops_per_s", 1e9, "GFLOP/s")
            arithmetic += f", and {tf32} in TF32" if tf32 else ""
            more = _copies(summary)
        lines.append(
            f"of ceiling: the least time that the arithmetic allows at the rate of {product} "
            f"({arithmetic} at the start and end of this run), or reading the weights at that of "
            f"a copy{where} ({copied}){more}, over the time taken."
        )
    reasons: dict[str, list[str]] = {}
    for record in summary.rooflines:
        for name, reason in record.get("failed", {}).items():
            if name not in reasons.setdefault(reason, []):
                reasons[reason].append(name)
    for reason, names in reasons.items():
        what = ", ".join(name.removesuffix("_per_s").replace("_", " ") for name in names)
        lines.append(f"of ceiling: not measured ({what}): {reason}.")
    return lines


def _rates(summary: Summary, name: str, unit: float, called: str) -> str:
    """A rate at the start of a run and at its end; empty where it was not measured."""
    found = [record.get(name) for record in summary.rooflines]
    known = [f"{value / unit:,.0f}" for value in found if value is not None]
    return f"{' and '.join(known)} {called}" if known else ""


def _copies(summary: Summary) -> str:
    """How copies between host and card count."""
    rates = highest(summary.rooflines)
    told = [
        f"{rates[f'{way}_device_{kind}bytes_per_s'] / 1e9:,.0f}"
        for way in ("to", "from")
        for kind in ("", "pinned_")
        if f"{way}_device_{kind}bytes_per_s" in rates
    ]
    if len(told) < 4:
        return ""
    return (
        ", and for calls from host to host that of copying inputs and outputs at the best rate "
        f"(to the card {told[0]} GB/s, pinned {told[1]}; from it {told[2]}, pinned {told[3]})"
    )


def warnings(rows: list[ArtifactResult], summary: Summary) -> list[str]:
    """What casts doubt on a row, or must be known to judge its times."""
    lines = []
    for row in rows:
        if row.grows_with_batch is False:
            lines.append(
                f"{row.artifact}: a full batch takes no longer than one sample; its calls may be "
                "all overhead, or not do what they are timed for"
            )
        unsteady = [point for point, timing in row.timings.items() if not timing.steady]
        if unsteady:
            lines.append(
                f"{row.artifact}: calls were not steady when warm-up ended ({unsteady[0]})"
            )
    return lines
