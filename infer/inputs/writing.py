"""Write a file of inputs."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ..errors import InputError
from ..tensors.text import pack_all


def write_inputs(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write arrays to an `.npz` file, as `loading.read_inputs` reads it.

    `numpy.savez` takes the names as those of arguments, and has some of its own: no model could
    have an input called "file".

    Args:
        path: path of the file.
        arrays: arrays by name; those of objects hold text.

    Raises:
        InputError: a name is no text that a file can hold.
    """
    with zipfile.ZipFile(path, "w") as archive:
        for name, array in pack_all(arrays).items():
            try:
                opened = archive.open(f"{name}.npy", "w", force_zip64=True)
            except UnicodeEncodeError:
                raise InputError(f"'{name}': not a name that a file of inputs can hold") from None
            with opened as member:
                np.lib.format.write_array(member, np.asanyarray(array), allow_pickle=False)
