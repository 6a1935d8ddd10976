"""Write a file of inputs."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ..errors import InputError
from ..tensors.npy_writer import write_header
from ..tensors.text import pack_all
from .drawn import DrawnArray


def write_inputs(path: Path, arrays: Mapping[str, np.ndarray | DrawnArray]) -> None:
    """Write arrays to an `.npz` file, as `loading.read_inputs` reads it.

    `numpy.savez` takes the names as those of arguments, and has some of its own: no model could
    have an input called "file".

    Args:
        path: path of the file.
        arrays: arrays by name; those of objects hold text, random ones are drawn meanwhile.

    Raises:
        InputError: a name is no text that a file can hold, or there is too little room on the disk.
        OSError: it cannot be written.
    """
    packed: dict[str, np.ndarray | DrawnArray] = {}
    for name, array in arrays.items():
        packed |= {name: array} if isinstance(array, DrawnArray) else pack_all({name: array})
    needed = sum(array.nbytes for array in packed.values() if isinstance(array, DrawnArray))
    free = shutil.disk_usage(path.parent).free
    if needed > free:
        raise InputError(
            f"{path}: random inputs of {needed / 1e9:.1f} GB, {free / 1e9:.1f} GB are free there; "
            "draw fewer with --samples"
        )
    with zipfile.ZipFile(path, "w") as archive:
        for name, array in packed.items():
            try:
                opened = archive.open(f"{name}.npy", "w", force_zip64=True)
            except UnicodeEncodeError:
                raise InputError(f"'{name}': not a name that a file of inputs can hold") from None
            with opened as member:
                if isinstance(array, DrawnArray):
                    write_header(member, array.dtype, array.shape)
                    for piece in array.pieces():
                        member.write(piece.tobytes())
                else:
                    np.lib.format.write_array(member, np.asanyarray(array), allow_pickle=False)
