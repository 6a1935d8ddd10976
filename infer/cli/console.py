"""What commands show the user: progress, results on the terminal and as JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from ..errors import UsageError
from ..measure.progress import Progress as Standing

# Columns of a table that goes to a file.
_WIDE = 140


@contextmanager
def progress() -> Iterator[Callable[[Standing], None]]:
    """Shows on a terminal how far a run has come."""
    console = Console(stderr=True)
    columns = (
        BarColumn(bar_width=24),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeElapsedColumn(),
        TextColumn("elapsed,"),
        TimeRemainingColumn(),
        TextColumn("left  {task.description}"),
    )
    with Progress(
        *columns,
        console=console,
        disable=not console.is_terminal,
        refresh_per_second=2,  # it is drawn while others are timed
    ) as progress:
        task = progress.add_task("", total=1.0)

        def tell(standing: Standing) -> None:
            progress.update(task, description=standing.doing, completed=standing.share)

        yield tell


def emit(value: Any, show: Callable[[Console], None], json_file: str | None) -> None:
    """Show results, as JSON where that is for the terminal, and write them where it is asked."""
    text = json.dumps(value, indent=2) + "\n"
    if json_file == "-":
        print(text, end="")
        return
    if json_file:
        _write_json(Path(json_file), text)
    console = Console()
    if not console.is_terminal:
        console.width = max(console.width, _WIDE)
    show(console)


def try_json(json_file: str | None) -> None:
    """Have an error now rather than after the measurement."""
    if json_file and json_file != "-":
        _write_json(Path(json_file), "")


def _write_json(path: Path, text: str) -> None:
    try:
        path.write_text(text)
    except OSError as error:
        raise UsageError(f"--json {path}: {error.strerror}") from None
