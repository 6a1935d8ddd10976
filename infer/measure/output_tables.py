"""Write outputs as Parquet: a row a sample, or a row a call where samples cannot be told apart."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ..tensors.dtypes import as_numpys
from .output_saving import PlainOutput

SAMPLES, CALLS = "samples.parquet", "calls.parquet"
# Bytes of values that are converted at once.
_CHUNK_BYTES = 16 << 20


def write_tables(folder: Path, outputs: Sequence[PlainOutput]) -> dict[str, list[str]]:
    """Write the tables of outputs to a folder.

    Returns:
        The file of each output, by its name.

    Raises:
        OSError: they cannot be written.
    """
    pa.set_cpu_count(1)
    pa.set_memory_pool(pa.system_memory_pool())
    tables: dict[str, list[PlainOutput]] = {}
    for output in outputs:
        tables.setdefault(CALLS if output.kind == "calls" else SAMPLES, []).append(output)
    for name, columns in tables.items():
        _write_table(folder / name, columns)
    return {output.name: [name] for name, columns in tables.items() for output in columns}


def _write_table(path: Path, outputs: Sequence[PlainOutput]) -> None:
    writer: pq.ParquetWriter | None = None
    try:
        for begin, end in _chunks(outputs):
            arrays = {output.name: _column(output, begin, end) for output in outputs}
            fields = [
                pa.field(output.name, arrays[output.name].type, metadata=_metadata(output))
                for output in outputs
            ]
            for output in outputs:
                if output.kind == "calls":
                    name = f"{output.name}.shape"
                    while name in arrays:  # an output, or the shapes of another
                        name += "_"
                    shapes = [list(shape) for shape in output.shapes[begin:end]]
                    arrays[name] = pa.array(shapes, pa.list_(pa.int64()))
                    fields.append(pa.field(name, arrays[name].type))
            schema = pa.schema(fields)
            writer = writer or pq.ParquetWriter(path, schema)
            writer.write_batch(pa.record_batch(list(arrays.values()), schema=schema))
    finally:
        if writer is not None:
            writer.close()


def _chunks(outputs: Sequence[PlainOutput]) -> list[tuple[int, int]]:
    """Ranges of rows whose values fit into memory."""
    rows = len(outputs[0])
    size = sum(output.values.nbytes for output in outputs)
    at_once = max(1, min(rows, _CHUNK_BYTES * rows // max(size, 1)))
    return [(begin, min(begin + at_once, rows)) for begin in range(0, max(rows, 1), at_once)]


def _column(output: PlainOutput, begin: int, end: int) -> pa.Array:
    """Some rows of a column: single values, or lists; a list of lists where rows have values."""
    if output.offsets is None:
        return _lists(output.values[begin:end])
    offsets = output.offsets[begin : end + 1]
    inner = _lists(output.values[offsets[0] : offsets[-1]])
    return pa.ListArray.from_arrays(pa.array(offsets - offsets[0], pa.int32()), inner)


def _lists(values: np.ndarray) -> pa.Array:
    """N x anything as N values, or N lists of the values in one row."""
    values = as_numpys(values)
    if values.dtype.kind == "c":  # real and imaginary part
        single = np.float32 if values.dtype.itemsize == 8 else np.float64
        values = np.ascontiguousarray(values)[..., None].view(single)
    flat = pa.array(np.ascontiguousarray(values).reshape(-1))
    if values.ndim == 1:
        return flat
    length = int(np.prod(values.shape[1:], dtype=np.int64))
    offsets = np.arange(len(values) + 1, dtype=np.int64) * length
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), flat)


def _metadata(output: PlainOutput) -> dict[str, str]:
    described = output.describe()
    return {"shape": json.dumps(described["shape"]), "dtype": described["dtype"]}
