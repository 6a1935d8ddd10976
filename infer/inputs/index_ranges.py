"""Ranges of made-up whole numbers that an artifact takes for indices of a table."""

from __future__ import annotations

from pathlib import Path

from ..tensors.dtypes import kind_of
from .loading import read_inputs


def index_ranges(path: Path, limit: int) -> list[str]:
    """Name the inputs with whole numbers beyond a table, as values of `--range` that fit it.

    Args:
        path: file of made-up inputs.
        limit: the largest index that the table has.

    Raises:
        InputError: the file cannot be read.
    """
    return [
        f"{name}=0:{limit}"
        for name, array in read_inputs(path, none_is_well=True).items()
        if kind_of(array.dtype) == "int" and array.size and (array.min() < 0 or array.max() > limit)
    ]
