"""What the tables of a run hold, whatever they are drawn with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from infer.statistics import CONFIDENCE, Ratio
from infer.summary import Row, Summary


@dataclass(frozen=True)
class Column:
    """A column: its title and its cells, both as text."""

    title: Callable[[Summary], str]
    cell: Callable[[Row, Summary], str]
    left: bool = False


def _name(row: Row, summary: Summary) -> str:
    return row.artifact


def _samples(summary: Summary) -> str:
    counts = {row.samples for row in summary.rows if row.samples}
    return f"{counts.pop():,} samples" if len(counts) == 1 else "all samples"


def _seconds(value: float | None) -> str:
    if value is None:
        return "-"
    for unit, scale in (("s", 1.0), ("ms", 1e-3)):
        if value >= scale:
            return f"{value / scale:.3g} {unit}"
    return f"{value * 1e6:.3g} µs"


def _ratio(ratio: Ratio | None, row: Row, summary: Summary) -> str:
    if row.artifact == summary.speed_reference:
        return "1 (reference)"
    if ratio is None:
        return "-"
    if ratio.low is None or ratio.high is None:
        return f"{ratio.value:.2f}"
    return f"{ratio.value:.2f} [{ratio.low:.2f}, {ratio.high:.2f}]"


def _verdict(row: Row, summary: Summary) -> str:
    return row.pass_ratio.verdict if row.pass_ratio else ""


def _rate(row: Row, summary: Summary) -> str:
    return f"{row.samples / row.pass_s:,.0f}" if row.samples and row.pass_s else "-"


def _metric(name: str) -> Callable[[Row, Summary], str]:
    def cell(row: Row, summary: Summary) -> str:
        return f"{row.metrics[name]:.4f}" if row.metrics else "-"

    return cell


def _mebibytes(value: int | None) -> str:
    return "-" if value is None else f"{value / 2**20:.1f} MiB"


def _percentile(row: Row, summary: Summary) -> str:
    found = row.single_percentiles_s or {}
    return f"{_seconds(found['p90'])} / {_seconds(found['p95'])}" if "p95" in found else "-"


_ARTIFACT = Column(lambda s: "artifact", _name, left=True)

SPEED = [
    _ARTIFACT,
    Column(_samples, lambda row, s: _seconds(row.pass_s)),
    Column(lambda s: "ratio", lambda row, s: _ratio(row.pass_ratio, row, s), left=True),
    Column(lambda s: "verdict", _verdict, left=True),
    Column(lambda s: "samples/s", _rate),
]

COST = [
    _ARTIFACT,
    Column(lambda s: "one sample", lambda row, s: _seconds(row.single_s)),
    Column(lambda s: "ratio", lambda row, s: _ratio(row.single_ratio, row, s), left=True),
    Column(lambda s: "p90 / p95", _percentile),
    Column(lambda s: "start", lambda row, s: _seconds(row.import_s)),
    Column(lambda s: "load", lambda row, s: _seconds(row.load_s)),
    Column(lambda s: "first call", lambda row, s: _seconds(row.first_call_s)),
    Column(lambda s: "memory", lambda row, s: _mebibytes(row.peak_rss_bytes)),
    Column(lambda s: "size", lambda row, s: _mebibytes(row.bytes)),
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
            if row.artifact == row.reference
            else f"{row.largest_difference:.1e}"
        ),
    ),
    Column(
        lambda s: "equal labels",
        lambda row, s: "-" if row.equal_labels is None else f"{row.equal_labels:.2%}",
    ),
    Column(lambda s: "accuracy", _metric("accuracy")),
    Column(lambda s: "macro F1", _metric("macro_f1")),
    Column(lambda s: "weighted F1", _metric("weighted_f1")),
]


def by_speed(rows: list[Row]) -> list[Row]:
    """The fastest first; what was not measured last."""
    return sorted(rows, key=lambda row: (row.pass_s is None, row.pass_s or 0.0))


def sections(summary: Summary) -> list[tuple[str, list[Row]]]:
    """Title and rows of each comparison."""
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
    return result


def conditions(summary: Summary) -> str:
    """Machine and setup, in a line."""
    run = summary.run
    machine = run["environment"]
    gpus = ", ".join(gpu["name"] for gpu in machine["gpus"]) or "no GPU"
    return (
        f"{machine['processor']}, {machine['cores']} cores, {gpus}; on {run['device']} with "
        f"{run['threads']} threads; batch {run['protocol']['batch']}, "
        f"{run['protocol']['rounds']} rounds of {run['protocol']['passes']} passes; "
        f"load at start {machine['load_average'][0]:.1f}"
    )


def legend(summary: Summary) -> list[str]:
    """How to read the tables."""
    if summary.speed_reference is None:
        return []
    return [
        f"ratio: time over that of {summary.speed_reference}, paired by round, below 1 is faster; "
        f"in brackets its {CONFIDENCE:.0%} interval, corrected for the number of artifacts.",
        "start: interpreter and import. memory: peak resident, the runtime included.",
    ]
