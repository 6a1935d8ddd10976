"""Write what comes of a source to a store, a batch at a time."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import InputError
from ..inputs.loading import LABELS, is_of_labels
from ..inputs.store import StoreWriter
from ..tensors.text import BYTES, packed_names, unpack_all
from .batches import read_batches
from .source import Source


@dataclass(frozen=True)
class Conversion:
    """How far a conversion has come.

    Attributes:
        samples: number of samples that are written.
        total: how many there are in all; None if that is not known.
        per_second: samples a second so far.
    """

    samples: int
    total: int | None
    per_second: float

    def __str__(self) -> str:
        of = "" if self.total is None else f" of {self.total:,}"
        return f"{self.samples:,}{of} samples, {self.per_second:,.0f} a second"


def names_in(source: Source) -> list[str]:
    """The names of the arrays in the first batch of a source.

    Raises:
        InputError: as `read_batches`.
    """
    for batch in read_batches(source):
        return list(unpack_all(batch.arrays))
    return []


def convert(
    source: Source,
    folder: Path,
    tell: Callable[[Conversion], None],
    most_samples: int | None = None,
    announce: Callable[[int], None] = lambda size: None,
) -> None:
    """Write a store of what comes of a source; memory is that of a batch.

    Args:
        source: the source.
        folder: the folder of the store, which is not there yet, or empty.
        tell: is told how far it has come, after each batch.
        most_samples: number of samples after which it ends; None for all.
        announce: is told how many bytes there will be, after the first batch, if that is known.

    Raises:
        InputError: as `read_batches`; or batches do not go together, or there is no sample, or no
            room for as many.
        OSError: the store cannot be written.
    """
    started = time.monotonic()
    samples = 0
    names: set[str] = set()
    with StoreWriter(folder) as store:
        for batch in read_batches(source):
            arrays = batch.arrays
            if names and arrays.keys() != names:
                other = min(arrays.keys() ^ names)
                raise InputError(f"{source.named}: some batches have '{other}', and some have not")
            if not names and batch.total:
                count = min(batch.total, most_samples or batch.total)
                announce(_check_room(arrays, count, folder, source.named))
            names = set(arrays)
            _write(store, arrays, f"{source.named}: sample {samples}")
            samples += _samples(arrays)
            seconds = max(time.monotonic() - started, 1e-9)
            tell(Conversion(samples, batch.total, samples / seconds))
            if most_samples and samples >= most_samples:
                break
        if not samples:
            raise InputError(f"{source.named}: holds no samples")
        if all(map(is_of_labels, names)):
            raise InputError(f"{source.named}: holds no inputs beside '{LABELS}'")


def _check_room(arrays: dict[str, np.ndarray], samples: int, folder: Path, named: Path) -> int:
    """Check, by the first batch, that there is room for as many samples; return their bytes.

    Raises:
        InputError: there is not.
    """
    size = sum(array.nbytes for array in arrays.values()) * samples // _samples(arrays)
    free = shutil.disk_usage(folder).free
    if size > free:
        raise InputError(
            f"{named}: {samples:,} samples take about {size / 1e9:,.1f} GB, and {folder} has "
            f"{free / 1e9:,.1f} GB; write elsewhere with --out, or $TMPDIR where there is no --out"
        )
    return size


def _write(store: StoreWriter, arrays: dict[str, np.ndarray], where: str) -> None:
    try:
        store.append({name: array for name, array in arrays.items() if not is_of_labels(name)})
        store.append_truth({name: array for name, array in arrays.items() if is_of_labels(name)})
    except ValueError as error:
        raise InputError(f"{where}: {error}") from None


def _samples(arrays: dict[str, np.ndarray]) -> int:
    of_text = {name + BYTES for name in packed_names(arrays)}
    return next(len(array) for name, array in arrays.items() if name not in of_text)
