"""The table of one-time costs: start, memory and size of each artifact."""

from __future__ import annotations

from collections.abc import Sequence

from ..results import formatting
from ..results.summary import ArtifactResult, Summary
from .table import (
    ARTIFACT,
    EMPTY,
    ArtifactColumn,
    Cell,
    Kind,
    Table,
    bytes_cell,
    seconds_cell,
    table_of,
    text_cell,
)


def _until_steady(row: ArtifactResult) -> Cell:
    if row.until_steady_s is None:
        return EMPTY
    text = f"{formatting.seconds(row.until_steady_s)} ({row.until_steady_calls})"
    return Cell(text, row.until_steady_s)


def _gpu_memory(row: ArtifactResult) -> Cell:
    """Memory on the card, with its source unless that is the driver's count for the process."""
    if row.gpu_memory is None:
        return EMPTY
    value, source = row.gpu_memory
    note = "" if source == "process" else f" ({source})"
    return Cell(formatting.binary_size(value) + note, value)


START = ArtifactColumn("start_s", "start", cell=lambda row: seconds_cell(row.import_s))
LOAD = ArtifactColumn("load_s", "load", cell=lambda row: seconds_cell(row.load_s))
FIRST_CALL = ArtifactColumn(
    "first_call_s", "first call", cell=lambda row: seconds_cell(row.first_call_s)
)
UNTIL_STEADY = ArtifactColumn("until_steady_s", "until steady", detail=1, cell=_until_steady)
MEMORY = ArtifactColumn("memory_bytes", "memory", cell=lambda row: bytes_cell(row.memory_bytes))
GPU_MEMORY = ArtifactColumn("gpu_memory_bytes", "GPU memory", cell=_gpu_memory)
SIZE = ArtifactColumn("size_bytes", "size", cell=lambda row: bytes_cell(row.bytes))
INSTALLED = ArtifactColumn(
    "installed_bytes", "installed", cell=lambda row: bytes_cell(row.installed_bytes)
)


def cost_table(rows: Sequence[ArtifactResult], summary: Summary) -> Table:
    """The table of one-time costs, without columns in which nothing was measured."""
    differ = _formats_with_several_versions(summary)

    def runtime(row: ArtifactResult) -> Cell:
        versions = row.versions if differ else None
        return text_cell(", ".join(f"{name} {v}" for name, v in (versions or {}).items()))

    columns = [
        ARTIFACT,
        ArtifactColumn("runtime", "runtime", is_text=True, cell=runtime),
        *(START, LOAD, FIRST_CALL, UNTIL_STEADY, MEMORY, GPU_MEMORY, SIZE, INSTALLED),
    ]
    caption = "Start, memory and size of each artifact"
    return table_of(Kind.COST, caption, columns, rows).without_empty_columns()


def _formats_with_several_versions(summary: Summary) -> set[str | None]:
    """Formats whose artifacts ran in more than one version of their runtime."""
    versions: dict[str | None, set[str]] = {}
    for row in summary.rows:
        if row.versions:
            versions.setdefault(row.format, set()).add(str(row.versions))
    return {name for name, several in versions.items() if len(several) > 1}
