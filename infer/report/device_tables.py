"""The table of the times of calls on a card, without the host's."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..records.processes import DeviceTime
from ..results import formatting
from ..results.summary import ArtifactResult
from .table import (
    ARTIFACT,
    EMPTY,
    ArtifactColumn,
    Cell,
    Kind,
    Table,
    seconds_cell,
    table_of,
    text_cell,
)

# Size in bytes from which a copy's rate, not the time to start it, determines its duration.
_LEAST_COPY = 1 << 20


def device_table(batch: int, rows: Sequence[ArtifactResult]) -> Table:
    """The table of the device's times of calls.

    Args:
        batch: samples a call.
        rows: the artifacts, in the order to show.
    """

    def cell(made: Callable[[DeviceTime], Cell]) -> Callable[[ArtifactResult], Cell]:
        return lambda row: made(row.device_time[batch]) if batch in row.device_time else EMPTY

    def rate(times: DeviceTime) -> Cell:
        value = batch / times.queued_s
        return Cell(formatting.three_digits(value), value)

    columns = [
        ARTIFACT,
        ArtifactColumn(
            "queued_s", f"queued, batch {batch}", cell=cell(lambda t: seconds_cell(t.queued_s))
        ),
        ArtifactColumn("queued_samples_per_s", "queued samples/s", detail=3, cell=cell(rate)),
        ArtifactColumn("call_s", "one call", cell=cell(lambda t: seconds_cell(t.call_s))),
        ArtifactColumn(
            "event_s", "by events", detail=4, cell=cell(lambda t: seconds_cell(t.event_s))
        ),
        ArtifactColumn(
            "enqueue_s", "to enqueue", detail=2, cell=cell(lambda t: seconds_cell(t.enqueue_s))
        ),
        ArtifactColumn(
            "copy_in_s",
            "copy in",
            detail=1,
            cell=cell(lambda t: _copy(t.copy_in_s, t.copy_in_bytes)),
        ),
        ArtifactColumn(
            "copy_out_s",
            "copy out",
            detail=1,
            cell=cell(lambda t: _copy(t.copy_out_s, t.copy_out_bytes)),
        ),
        ArtifactColumn(
            "bound",
            "bound by",
            is_text=True,
            cell=cell(lambda t: text_cell(t.bound or "cannot tell")),
        ),
    ]
    caption = f"On the device itself, batch {batch}"
    return table_of(Kind.DEVICE_TIME, caption, columns, rows).without_empty_columns()


def _copy(seconds: float, size: int) -> Cell:
    """The time of a copy, and its rate if the copy is large enough."""
    rate = f" ({formatting.three_digits(size / seconds / 1e9)} GB/s)" if size >= _LEAST_COPY else ""
    return Cell(formatting.seconds(seconds) + rate, seconds)
