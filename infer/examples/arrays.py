"""The small arrays of examples: a `.npy` file each, in a folder of the artifact.

Who reads a run may read a stranger's: files are regular ones and no links, their types and sizes
are as recorded, and there are limits.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from ..records.example_events import ExampleArray
from ..records.paths import file_name
from ..regular_file import NoRegularFileError, opened_folder
from ..system.folder_removal import remove_folder
from ..tensors.npy_writer import NpyWriter
from ..tensors.row_files import OutputError, opened_row

FOLDER = "examples"
# The longest side of a picture or map that is kept, and the most values of an array.
MOST_SIDE = 256
_MOST_VALUES = MOST_SIDE * MOST_SIDE * 3
_HEADER_BYTES = 1 << 10


class ExamplesError(ValueError):
    """An array of examples cannot be read; the message is one line."""


class ArrayWriter:
    """Writes the arrays of an artifact's examples, and removes those of before.

    Args:
        run: folder of the run.
        label: label of the artifact.

    Raises:
        OSError: the folder cannot be made.
    """

    def __init__(self, run: Path, label: str) -> None:
        self._folder = run / FOLDER / file_name(label)
        remove_folder(self._folder)
        self._folder.mkdir(parents=True)
        self._count = 0

    def write(self, array: np.ndarray, low: float = 0.0, high: float = 255.0) -> ExampleArray:
        """Write an array of up to 256 x 256 x 3 values.

        Args:
            array: uint8, int32 or float64.
            low, high: what 0 and 255 stand for.

        Raises:
            OSError: it cannot be written.
        """
        number, self._count = self._count, self._count + 1
        with NpyWriter(self._folder / f"{number}.npy", array.dtype) as writer:
            writer.append(array.reshape(-1))
        return ExampleArray(number, array.dtype.name, array.shape, low, high)  # type: ignore[arg-type]


def read_array(run: Path, label: str, recorded: ExampleArray) -> np.ndarray:
    """Read an array of an artifact's examples.

    Args:
        run: folder of the run.
        label: label of the artifact.
        recorded: what the records say of it.

    Raises:
        ExamplesError: it is not there, or not as recorded.
    """
    shape = recorded.shape
    count = math.prod(shape)
    if len(shape) > 3 or min(shape, default=0) < 0 or count > _MOST_VALUES:
        raise ExamplesError(f"an array of {list(shape)} is larger than any example")
    dtype = np.dtype(recorded.dtype)
    most = count * dtype.itemsize + _HEADER_BYTES
    try:
        with (
            opened_folder(run.resolve()) as of_run,
            opened_folder(FOLDER, of_run) as of_all,
            opened_folder(file_name(label), of_all) as folder,
            opened_row(folder, f"{recorded.file}.npy", dtype, most, count) as row,
        ):
            return row.read().astype(dtype).reshape(shape)
    except (NoRegularFileError, OutputError) as error:
        raise ExamplesError(str(error)) from None
    except OSError as error:
        raise ExamplesError(f"{error.strerror}") from None
