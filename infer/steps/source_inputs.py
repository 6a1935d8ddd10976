"""Convert inputs that are no file of arrays, for a run or for a command of its own."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from ..errors import InputError
from ..inputs.kept_stores import LARGE_BYTES, begun_store, kept_folder, when_removed
from ..inputs.loading import array_names
from ..inputs.store import is_store
from ..measure.plan import Plan
from ..measure.progress import Progress
from ..regular_file import replace_text
from ..sources.conversion import Conversion, convert, names_in
from ..sources.source import Source, source_of
from ..sources.source_hash import source_sha256
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
        if kept := kept_source(source, tell):
            return replace(plan, stored=kept)
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
        store: Path | None = None
        with progress() as tell:
            # For a few samples not all are converted.
            store = existing_store(source) if most_samples else kept_source(source, tell)
            if store is None:
                store = Path(name) / STORED
                _convert(source, store, tell, most_samples)
        yield store


def kept_source(source: Source, tell: Callable[[Progress], None]) -> Path | None:
    """The store of a source in the folder that the user names; made if it is not there yet.

    Returns:
        None if the user names no folder, or nobody can tell whether a function gives the same.

    Raises:
        InputError: the source cannot be read, or has changed meanwhile.
        OSError: the store cannot be written.
    """
    place = _place(source)
    if place is None or is_store(place):
        return place
    # Whoever finds the folder finds all of it.
    with begun_store(place) as begun:
        _convert(source, begun, tell, kept=True)
        if _place(source) != place:
            raise InputError(f"{source.named}: changed while it was read; start again")
        replace_text(begun / "source.txt", f"{source.named.absolute()}\n")
        with contextlib.suppress(OSError):  # another run was faster
            begun.rename(place)
    if not is_store(place):
        raise InputError(f"{place}: is there, and holds no inputs; remove it")
    return place


def existing_store(source: Source) -> Path | None:
    """The store of a source that an earlier run has kept; None if there is none.

    Raises:
        InputError: the source cannot be read.
    """
    place = _place(source)
    return place if place and is_store(place) else None


def _place(source: Source) -> Path | None:
    """Where the store of a source is kept, as it is now."""
    folder = kept_folder()
    sha256 = source_sha256(source) if folder else None
    return folder / sha256 if folder and sha256 else None


def _convert(
    source: Source,
    store: Path,
    tell: Callable[[Progress], None],
    most_samples: int | None = None,
    *,
    kept: bool = False,
) -> None:
    def announce(size: int) -> None:
        if size > LARGE_BYTES:
            where = store.parent if kept else store
            text = f"{source.named}: about {size / 1e9:.1f} GB are written to {where}"
            tell(Progress("", 0.0, f"{text}; {when_removed(kept=kept)}"))

    def show(done: Conversion) -> None:
        share = done.samples / done.total if done.total else 0.0
        tell(Progress(f"reading {source.named}: {done}", min(1.0, share)))

    try:
        convert(source, store, show, most_samples, announce)
    except BaseException:
        shutil.rmtree(store, ignore_errors=True)
        raise


def check_source_of_resumed(inputs: Path | None, folder: Path) -> None:
    """Check that a run that goes on has what a function had yielded.

    Raises:
        InputError: it is gone; which function is executed is never taken from a file.
    """
    source = source_of(inputs) if inputs else None
    is_function = source is not None and source.kind == "function"
    if source and is_function and not (is_store(folder / STORED) or existing_store(source)):
        raise InputError(
            f"{inputs}: what the function yielded is no longer in {folder / STORED}, and which "
            "function is executed is never taken from a file; start a new run"
        )
