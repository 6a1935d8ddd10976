"""Batches that a function of the user's yields."""

from __future__ import annotations

import importlib.util
import sys
import traceback
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError

_LONGEST = 300


class UserFunction:
    """A function without arguments that yields batches: arrays by the names of inputs.

    Attributes:
        samples: None, since nobody knows before it ends.
    """

    samples: int | None = None

    def __init__(self, file: Path, function: str) -> None:
        """Import the file.

        Raises:
            InputError: it raises an error, or has no such function.
        """
        self._file = file
        self._named = f"{file}:{function}"
        sys.path.insert(0, str(file.parent))  # what lies beside it can be imported
        spec = importlib.util.spec_from_file_location(file.stem, file)
        assert spec and spec.loader
        module = importlib.util.module_from_spec(spec)
        sys.modules[file.stem] = module
        try:
            spec.loader.exec_module(module)
        except (Exception, SystemExit) as error:
            raise self._failed(error) from None
        self._function = getattr(module, function, None)
        if not callable(self._function):
            raise InputError(f"{file}: has no function '{function}'")

    def batches(self) -> Iterator[dict[str, np.ndarray]]:
        """Take batches until there are no more.

        Raises:
            InputError: the function raises an error, or yields something else.
        """
        assert self._function
        number = 0
        try:
            returned = self._function()
        except (Exception, SystemExit) as error:
            raise self._failed(error) from None
        if not isinstance(returned, Iterable):
            raise InputError(
                f"{self._named}: returns {type(returned).__name__}; it must yield batches"
            )
        yielded = iter(returned)
        while True:
            try:
                batch = next(yielded)
            except StopIteration:
                return
            except (Exception, SystemExit) as error:
                raise self._failed(error) from None
            number += 1
            yield self._arrays(batch, number)

    def _arrays(self, batch: Any, number: int) -> dict[str, np.ndarray]:
        which = f"{self._named}: batch {number}"
        if not isinstance(batch, Mapping):
            raise InputError(
                f"{which} is a {type(batch).__name__}; yield a dictionary of arrays by the names "
                "of inputs"
            )
        if not batch:
            raise InputError(f"{which} is an empty dictionary")
        arrays = {}
        for name, value in batch.items():
            try:
                array = np.asarray(value)
                if array.dtype.kind in "US" and not hasattr(value, "dtype"):
                    # As NumPy's text it would lose zeros at the end.
                    array = np.array(value, object)
            except Exception as error:
                raise InputError(f"{which}: '{name}' is no array ({error})") from None
            if not array.ndim:
                raise InputError(
                    f"{which}: '{name}' is a single value; its first axis must count samples"
                )
            arrays[str(name)] = _storable(array, f"{which}: '{name}'")
        lengths = {name: len(array) for name, array in arrays.items()}
        if len(set(lengths.values())) != 1:
            raise InputError(f"{which}: arrays of different lengths, {lengths}")
        return arrays

    def _failed(self, error: BaseException) -> InputError:
        """What the user's code raised, with the last line of it that was executed."""
        frames = traceback.extract_tb(error.__traceback__)
        own = [frame for frame in frames if frame.filename == str(self._file)]
        line = f", line {own[-1].lineno}" if own else ""
        if isinstance(error, SyntaxError) and error.filename == str(self._file):
            line = f", line {error.lineno}"
        what = " ".join(f"{type(error).__name__}: {error}".split())
        hint = ""
        if isinstance(error, PermissionError):
            hint = " (it may not write files or use the network: docs/safety.md)"
        return InputError(f"{self._named}{line}: {what[:_LONGEST]}{hint}")


def _storable(array: np.ndarray, which: str) -> np.ndarray:
    """An array of numbers, or of objects that are text; what NumPy has no name for as float32."""
    if array.dtype.kind in "US":
        return array.astype(object)
    if array.dtype.kind == "O":
        if all(isinstance(value, str | bytes) for value in array.reshape(-1)):
            return array
        raise InputError(f"{which} holds objects; give numbers, text, or lists of equal lengths")
    if array.dtype.kind == "V":  # bfloat16 and others of ml_dtypes
        try:
            return array.astype(np.float32)
        except (TypeError, ValueError):
            pass
    if array.dtype.kind not in "biufc":
        raise InputError(f"{which} is {array.dtype}, which no input takes")
    return array.astype(array.dtype.newbyteorder("="), copy=False)
