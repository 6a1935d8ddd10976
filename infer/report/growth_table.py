"""The table of the growth of a call's time with the size of its inputs."""

from __future__ import annotations

import math

from ..results.formatting import seconds
from ..results.summary import ArtifactResult, Summary
from .table import EMPTY, Cell, Column, Kind, Table


def growth_table(summary: Summary) -> Table | None:
    """The table of times by exporter and input shape; None if no model has two shapes.

    A row has an exporter's artifacts of the same weights; a cell has the time for a call of the
    first workload, and its ratio to that of the smallest shape.
    """
    workload = next(iter(summary.planned_workloads), "")
    sizes: dict[str, int] = {}
    times: dict[tuple[str | None, str], dict[str, float]] = {}
    for row in summary.rows:
        if row.shapes and workload in row.timings:
            sizes[row.shapes] = size_of(row) or 1
            key = row.weights_sha256, exporter_of(row)
            times.setdefault(key, {})[row.shapes] = row.timings[workload].call_s
    times = {key: by_shape for key, by_shape in times.items() if len(by_shape) > 1}
    if not times:
        return None
    shapes = sorted({s for by_shape in times.values() for s in by_shape}, key=sizes.__getitem__)
    rows = []
    for (_, name), by_shape in times.items():
        smallest = next(by_shape[shape] for shape in shapes if shape in by_shape)
        cells = [
            Cell(f"{seconds(by_shape[shape])} ({by_shape[shape] / smallest:.1f})", by_shape[shape])
            if shape in by_shape
            else EMPTY
            for shape in shapes
        ]
        rows.append([Cell(name, name), *cells])
    caption = (
        "How the time for a call grows with its inputs (in brackets: times the smallest), on "
        + summary.device
    )
    columns = [Column("artifact", f"artifact, {workload}", is_text=True)]
    columns += [Column(shape, shape) for shape in shapes]
    return Table(Kind.GROWTH, caption, columns, rows, workload)


def size_of(row: ArtifactResult) -> int | None:
    """Number of values in a sample of an artifact's inputs; None if its shapes are not known."""
    sizes = [int(size) for size in row.shapes.split(" x ") if size.isdigit()]
    return math.prod(sizes) if sizes else None


def exporter_of(row: ArtifactResult) -> str:
    """The last part of an artifact's label, which artifacts of one exporter share."""
    return row.artifact.rpartition("/")[2]
