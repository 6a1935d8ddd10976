"""Convert inputs that are no file of arrays, for a run or for a command of its own."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from ..errors import InputError
from ..inputs.loading import array_names
from ..inputs.store import is_store
from ..measure.plan import Plan
from ..measure.progress import Progress
from ..sources.conversion import Conversion, convert, names_in
from ..sources.source import Source, source_of
from .progress_bar import progress

# In the folder of a run.
STORED = "inputs"
# A file or folder, or None where there may be no inputs.
Files = TypeVar("Files", Path, Path | None)


def names_of(inputs: Path) -> list[str]:
    """The names of the arrays that a file holds or a source yields.

    Raises:
        InputError: it cannot be read.
    """
    source = source_of(inputs)
    return names_in(source) if source else array_names(inputs)


def with_stored_inputs(plan: Plan, folder: Path, tell: Callable[[Progress], None]) -> Plan:
    """Convert the inputs of a plan, if they are no file of arrays, to a store in a run's folder.

    What a run that was cut off has converted before is taken as it is.

    Raises:
        InputError: they cannot be read.
        OSError: the store cannot be written.
    """
    source = source_of(plan.inputs) if plan.inputs else None
    if source is None:
        return plan
    store = folder / STORED
    if not is_store(store):
        _convert(source, store, tell)
    return replace(plan, stored=store)


def remove_stored_inputs(folder: Path) -> None:
    """Remove what was converted for a run that has ended."""
    shutil.rmtree(folder / STORED, ignore_errors=True)


@contextmanager
def stored_inputs(inputs: Files, most_samples: int | None = None) -> Iterator[Files | Path]:
    """The file of inputs, or a store that they are converted to and that is removed afterwards.

    Args:
        inputs: as the user names them; None for none.
        most_samples: number of samples that are needed; None for all.

    Raises:
        InputError: they cannot be read.
    """
    source = source_of(inputs) if inputs else None
    if source is None:
        yield inputs
        return
    with tempfile.TemporaryDirectory(prefix="exportbench-") as name:
        store = Path(name) / STORED
        with progress() as tell:
            _convert(source, store, tell, most_samples)
        yield store


def _convert(
    source: Source,
    store: Path,
    tell: Callable[[Progress], None],
    most_samples: int | None = None,
) -> None:
    def show(done: Conversion) -> None:
        share = done.samples / done.total if done.total else 0.0
        tell(Progress(f"reading {source.named}: {done}", min(1.0, share)))

    try:
        convert(source, store, show, most_samples)
    except BaseException:
        shutil.rmtree(store, ignore_errors=True)
        raise


def check_source_of_resumed(inputs: Path | None, folder: Path) -> None:
    """Check that a run that goes on has what a function had yielded.

    Raises:
        InputError: it is gone; which function is executed is never taken from a file.
    """
    source = source_of(inputs) if inputs else None
    if source and source.kind == "function" and not is_store(folder / STORED):
        raise InputError(
            f"{inputs}: what the function yielded is no longer in {folder / STORED}, and which "
            "function is executed is never taken from a file; start a new run"
        )
