"""A run as CSV, for other programs: a line for every artifact and kind of calls."""

from __future__ import annotations

import csv
import io
from typing import Any

from ..escaping import csv_cell
from ..results.percentiles import PERCENTILE_FLOORS
from ..results.summary import ArtifactResult, Summary, Timing
from . import agreement_tables, cost_table, speed_tables
from .table import ARTIFACT

# Columns of the tables whose values are written unchanged.
_COSTS = (
    cost_table.START,
    cost_table.LOAD,
    cost_table.FIRST_CALL,
    cost_table.UNTIL_STEADY,
    cost_table.MEMORY,
)
_SIZES = (cost_table.SIZE, cost_table.INSTALLED)
_AGREEMENT = (
    agreement_tables.LARGEST_DIFFERENCE,
    agreement_tables.EQUAL_LABELS,
    agreement_tables.ACCURACY,
    agreement_tables.MACRO_F1,
    agreement_tables.WEIGHTED_F1,
)


def render(summaries: dict[str, Summary]) -> str:
    """Render several runs as CSV, in seconds and bytes; a value is empty if not measured.

    Args:
        summaries: summaries by the names of the runs.
    """
    lines = [
        {
            "run": name,
            **_artifact_values(row, summary),
            **_call_values(workload, row.timings.get(workload)),
        }
        for name, summary in summaries.items()
        for row in summary.rows
        for workload in row.timings or [""]
    ]
    text = io.StringIO()
    if lines:
        writer = csv.DictWriter(text, list(lines[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(
            {
                key: csv_cell(value) if isinstance(value, str) else value
                for key, value in line.items()
            }
            for line in lines
        )
    return text.getvalue()


def _artifact_values(row: ArtifactResult, summary: Summary) -> dict[str, Any]:
    difference = row.accuracy_difference
    card = summary.card
    return {
        ARTIFACT.key: ARTIFACT.cell(row).value,
        "device": summary.run.device,
        "card": card.name if card else None,
        "card_uuid": card.uuid if card else None,
        "format": row.format,
        "weights": row.weights,
        "sha256": row.sha256,
        "outcome": row.outcome,
        "reason": row.reason,
        **{column.key: column.cell(row).value for column in _COSTS},
        # Every source has a column here; the table shows only the best source.
        "gpu_bytes": row.gpu_bytes,
        "gpu_device_bytes": row.gpu_device_bytes,
        "gpu_runtime_peak_bytes": row.gpu_runtime_peak_bytes,
        **{column.key: column.cell(row).value for column in (*_SIZES, *_AGREEMENT)},
        "accuracy_difference": difference.value if difference else None,
        "accuracy_difference_low": difference.low if difference else None,
        "accuracy_difference_high": difference.high if difference else None,
        "command": row.command,
    }


def _call_values(workload: str, timing: Timing | None) -> dict[str, Any]:
    ratio = timing.ratio if timing else None
    return {
        "calls": workload,
        "call_s": speed_tables.call_s(timing).value if timing else None,
        "samples_per_s": speed_tables.samples_per_s(timing).value if timing else None,
        "ratio": ratio.value if ratio else None,
        "ratio_low": ratio.low if ratio else None,
        "ratio_high": ratio.high if ratio else None,
        **{
            f"p{percent}_s": timing.percentiles_s.get(f"p{percent}") if timing else None
            for percent in PERCENTILE_FLOORS
        },
        "timed_calls": timing.calls if timing else None,
        "generations": timing.generations if timing else None,
        "of_ceiling": speed_tables.roofline_share(timing).value if timing else None,
        "joules_per_sample": speed_tables.joules_per_sample(timing).value if timing else None,
    }
