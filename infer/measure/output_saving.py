"""Save the outputs of an artifact for the user, as `.npy` or Parquet (docs/outputs.md).

FOLDER/outputs.json                 what each output is, and in which files
FOLDER/NAME.npy                     samples x anything, where all samples have one shape
FOLDER/NAME.values.npy, .offsets.npy   rows of all samples, and where each sample begins
FOLDER/samples.parquet              instead, a row a sample and a column an output
FOLDER/calls.parquet                a row a call, of outputs whose samples cannot be told apart

What NumPy has no type for, as bfloat16, is float32 there.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from ..errors import OptionError
from ..records.output_form import OutputForm
from ..records.paths import file_name
from ..system.folder_removal import remove_folder
from ..tensors.chunks import sample_chunks
from ..tensors.dtypes import as_numpys, kind_of
from ..tensors.npy_writer import NpyWriter
from ..tensors.outputs import INDEX, SavedOutput, in_a_row
from ..tensors.text import BYTES, LENGTHS, pack

# Bytes of the name of an output in that of a file, which may have 255 with its endings.
_LONGEST_STEM = 200

Kind = Literal["samples", "rows", "calls"]


@dataclass(frozen=True)
class PlainOutput:
    """An output of all samples, as it is saved.

    Attributes:
        name: its name.
        kind: "samples" of one shape, "rows" of samples that may have another number each, or
            "calls" where the samples cannot be told apart.
        values: samples x anything, rows x anything, or the values of all calls in a row.
        offsets: where the rows or values of each sample or call begin, and where the last ones
            end: int64; None of samples of one shape.
        shapes: the shape in each call; of calls only.
        samples: the number of samples in each; of calls only.
    """

    name: str
    kind: Kind
    values: np.ndarray
    offsets: np.ndarray | None = None
    shapes: tuple[tuple[int, ...], ...] = ()
    samples: tuple[int, ...] = ()

    @classmethod
    def of(cls, name: str, output: SavedOutput) -> PlainOutput:
        """An output as it was saved for the run."""
        if output.has_samples:
            return cls(name, "samples", output.array)
        if (rows := output.rows) is not None:
            return cls(name, "rows", rows.values, rows.offsets)
        values = in_a_row(output.parts) if output.row is None else output.row
        sizes = [part.size for part in output.parts]
        offsets = np.cumsum([0, *sizes], dtype=np.int64)
        samples = tuple(call.samples for call in output.calls)
        return cls(name, "calls", values, offsets, tuple(output.shapes), samples)

    def __len__(self) -> int:
        return len(self.values) if self.offsets is None else len(self.offsets) - 1

    def describe(self) -> dict[str, Any]:
        """What it is, for JSON."""
        return {
            "name": self.name,
            "dtype": "text" if self.is_text else self.values.dtype.name,
            "kind": self.kind,
            "shape": list(self.values.shape[1:]),
        } | ({"shapes": self.shapes, "samples": self.samples} if self.kind == "calls" else {})

    @property
    def is_text(self) -> bool:
        """Whether its values are text."""
        return kind_of(self.values.dtype) == "text"


def require_packages(form: str | None) -> None:
    """Check, before anything is measured, that outputs can be saved in a form; None for none.

    Raises:
        OptionError: a package is missing.
    """
    if form == "parquet" and importlib.util.find_spec("pyarrow") is None:
        raise OptionError(
            "save_outputs",
            form,
            "pyarrow is not installed: pip install 'exportbench[data]', or save them as npy",
        )


def save_outputs(
    folder: Path, label: str, outputs: Mapping[str, SavedOutput], form: OutputForm
) -> None:
    """Write the outputs of an artifact to a folder, which is there when all of them are.

    Args:
        folder: the folder; what is there is replaced.
        label: label of the artifact.
        outputs: its outputs by name.
        form: how they are saved.

    Raises:
        OSError: they cannot be written.
    """
    plain = [PlainOutput.of(name, output) for name, output in outputs.items()]
    part = folder.with_name(f".{folder.name}.part")
    remove_folder(part)
    part.mkdir(parents=True)
    if form == "parquet":
        from .output_tables import write_tables  # needs pyarrow

        files = write_tables(part, plain)
    else:
        files = {output.name: _write_arrays(part, output) for output in plain}
    described = {
        "artifact": label,
        "outputs": [output.describe() | {"files": files[output.name]} for output in plain],
    }
    (part / INDEX).write_text(json.dumps(described, indent=1) + "\n")
    remove_folder(folder)
    part.rename(folder)


def _write_arrays(folder: Path, output: PlainOutput) -> list[str]:
    """Write the `.npy` files of an output; return their names."""
    stem = file_name(output.name)
    if len(os.fsencode(stem)) > _LONGEST_STEM:
        stem = f"output_{hashlib.sha256(os.fsencode(stem)).hexdigest()[:16]}"
    while any(path.name.startswith(f"{stem}.") for path in folder.iterdir()):
        stem += "_"  # of another output, such as "a.values" beside "a"
    values = ".values" if output.offsets is not None else ""
    files: dict[str, Iterator[np.ndarray]] = {}
    if output.is_text:
        files[BYTES] = (pack(part)[0] for (part,) in sample_chunks(output.values))
        files[LENGTHS] = (pack(part)[1] for (part,) in sample_chunks(output.values))
    else:
        files[values] = (as_numpys(part) for (part,) in sample_chunks(output.values))
    if output.offsets is not None:
        files[".offsets"] = iter([output.offsets])
    for ending, parts in files.items():
        first = next(parts)
        with NpyWriter(folder / f"{stem}{ending}.npy", first.dtype, first.shape[1:]) as writer:
            writer.append(first)
            for part in parts:
                writer.append(part)
    return [f"{stem}{ending}.npy" for ending in files]
