"""Show the progress of a run on a terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from ..console import Terminal
from ..escaping import terminal
from ..measure.progress import Progress as Standing

# The largest share that is shown: the clock of a bar that is whole stands still.
_MOST = 0.9999


@contextmanager
def progress() -> Iterator[Callable[[Standing], None]]:
    """Show the progress of a run on a terminal."""
    console = Terminal(stderr=True)
    columns = (
        BarColumn(bar_width=24),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeElapsedColumn(),
        TextColumn("elapsed,"),
        TimeRemainingColumn(),
        TextColumn("left  {task.description}", markup=False),
    )
    with Progress(
        *columns,
        console=console,
        disable=not console.is_terminal,
        refresh_per_second=2,  # rarely, since it is drawn while artifacts are timed
    ) as progress:
        task = progress.add_task("", total=1.0)

        def tell(standing: Standing) -> None:
            if standing.notice:
                console.print(standing.notice, soft_wrap=True)
                return
            share = min(standing.share, _MOST)
            progress.update(task, description=terminal(standing.doing), completed=share)

        yield tell
