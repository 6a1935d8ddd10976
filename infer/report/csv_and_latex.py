"""A run as CSV, for other programs, and as LaTeX, for papers."""

from __future__ import annotations

import csv
import io
from typing import Any

from tabulate import tabulate

from ..results import formatting
from ..results.percentiles import PERCENTILE_FLOORS
from ..results.summary import ArtifactResult, Summary, Timing
from . import tables


def as_csv(summaries: dict[str, Summary]) -> str:
    """A line for every artifact and kind of calls, in seconds and bytes; empty where not measured.

    Args:
        summaries: by the names of the runs.
    """
    lines = [
        {"run": name, **_of_artifact(row, summary), **_of_calls(point, row.timings.get(point))}
        for name, summary in summaries.items()
        for row in summary.rows
        for point in row.timings or [""]
    ]
    text = io.StringIO()
    if lines:
        writer = csv.DictWriter(text, list(lines[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows({name: _harmless(value) for name, value in line.items()} for line in lines)
    return text.getvalue()


def _harmless(value: Any) -> Any:
    """Text that a spreadsheet does not take for a formula: names are other people's."""
    if isinstance(value, str) and value[:1] in tuple("=+-@\t\r"):
        return f"'{value}"
    return value


def _of_artifact(row: ArtifactResult, summary: Summary) -> dict[str, Any]:
    difference = row.accuracy_difference or {}
    metrics = row.metrics or {}
    card = summary.card or {}
    return {
        "artifact": row.artifact,
        "device": summary.run["device"],
        "card": card.get("name"),
        "card_uuid": card.get("uuid"),
        "format": row.format,
        "weights": row.weights,
        "sha256": row.sha256,
        "outcome": row.outcome,
        "reason": row.reason,
        "start_s": row.import_s,
        "load_s": row.load_s,
        "first_call_s": row.first_call_s,
        "until_steady_s": row.until_steady_s,
        "memory_bytes": row.runtime_rss_bytes,
        "gpu_bytes": row.gpu_bytes,
        "gpu_device_bytes": row.gpu_device_bytes,
        "gpu_runtime_peak_bytes": row.gpu_runtime_peak_bytes,
        "size_bytes": row.bytes,
        "installed_bytes": row.installed_bytes,
        "largest_difference": row.largest_difference,
        "equal_labels": row.equal_labels,
        "accuracy": metrics.get("accuracy"),
        "macro_f1": metrics.get("macro_f1"),
        "weighted_f1": metrics.get("weighted_f1"),
        "accuracy_difference": difference.get("value"),
        "accuracy_difference_low": difference.get("low"),
        "accuracy_difference_high": difference.get("high"),
        "command": row.command,
    }


def _of_calls(point: str, timing: Timing | None) -> dict[str, Any]:
    ratio = timing.ratio if timing else None
    return {
        "calls": point,
        "call_s": timing.call_s if timing else None,
        "samples_per_s": timing.samples_per_s if timing else None,
        "ratio": ratio.value if ratio else None,
        "ratio_low": ratio.low if ratio else None,
        "ratio_high": ratio.high if ratio else None,
        **{
            f"p{percent}_s": timing.percentiles_s.get(f"p{percent}") if timing else None
            for percent in PERCENTILE_FLOORS
        },
        "timed_calls": timing.calls if timing else None,
        "generations": timing.generations if timing else None,
        "of_ceiling": timing.roofline_share if timing else None,
        "joules_per_sample": timing.joules_per_sample if timing else None,
    }


def as_latex(summary: Summary) -> str:
    """The tables of a run, each a tabular for the package booktabs."""
    parts = ["% Needs \\usepackage{booktabs}.", _comment(formatting.conditions(summary))]
    parts += [_comment(notice) for notice in summary.notices]
    for title, rows in tables.sections(summary):
        for columns in tables.tables_of(rows, summary):
            shown = tables.by_speed(rows, summary)
            cells = [[column.cell(row, summary) for column in columns] for row in shown]
            titles = [column.title(summary) for column in columns]
            left = [column.left for column in columns]
            parts += ["", _comment(title), _tabular(titles, cells, left)]
        failed = [row for row in rows if row.outcome != "ok"]
        parts += [_comment(f"{row.artifact}: {row.outcome}: {row.reason}") for row in failed]
    titles, grown = tables.growth(summary)
    if grown:
        left = [True] + [False] * (len(titles) - 1)
        parts += ["", _comment(tables.growth_title(summary)), _tabular(titles, grown, left)]
    parts += ["", *map(_comment, tables.legend(summary))]
    return "\n".join(parts) + "\n"


def _tabular(titles: list[str], cells: list[list[str]], left: list[bool]) -> str:
    text: str = tabulate(
        cells,
        titles,
        tablefmt="latex_booktabs",
        disable_numparse=True,
        colalign=["left" if own else "right" for own in left],
    )
    return text


def _comment(text: str) -> str:
    return "% " + " ".join(text.split())
