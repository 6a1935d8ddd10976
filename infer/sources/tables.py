"""Batches of Parquet and Arrow files, by the names of their columns."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ..errors import InputError
from ..inputs.loading import LABELS
from .columns import Column, is_text
from .description import NAME, Description, StatedInput

# What a column of labels is called where nobody says it; the second is what `datasets` calls it.
_LABELS = (LABELS, "label")
_BATCH_BYTES = 16 << 20
_MOST_ROWS = 1 << 16
# Rows at a time where they hold images, which are far larger when they are read.
_IMAGES = 32


class Tables:
    """The rows of Parquet or Arrow files, one file after the other.

    Attributes:
        samples: how many rows there are; None if that is not known before they are read.
    """

    def __init__(self, files: Sequence[Path], described: Description, advice: str) -> None:
        """Look at the columns.

        Args:
            files: the files.
            described: what the user says of the columns.
            advice: where to say more, for messages.

        Raises:
            InputError: a file is damaged, or a column is missing.
        """
        if described.classes:
            raise InputError(f"{files[0]}: 'classes' is for folders of images; {advice}")
        pa.set_cpu_count(1)
        pa.set_memory_pool(pa.system_memory_pool())
        self._files = files
        self.samples = _rows(files)
        names = list(_schema(files[0]).names)
        labels = described.labels or next((name for name in _LABELS if name in names), None)
        # Of what is called labels nothing gets to a model by itself: it may be the truth too.
        stated = described.inputs or {
            name: StatedInput() for name in names if name not in (labels, *_LABELS)
        }
        columns = {name: said.column or name for name, said in stated.items()}
        if labels:
            columns[LABELS] = labels
        for file in files:
            _check_columns(file, list(columns.values()))
        self._columns = {
            name: Column(name, column, stated.get(name, StatedInput()), advice)
            for name, column in columns.items()
        }

    def batches(self) -> Iterator[dict[str, np.ndarray]]:
        """Read some rows at a time.

        Raises:
            InputError: a file is damaged, or a value does not fit.
        """
        names = list(dict.fromkeys(column.column for column in self._columns.values()))
        for file in self._files:
            first = 0
            for part in _parts(file, names):
                if not part.num_rows:
                    continue
                yield {
                    name: column.read(part.column(column.column), str(file), first)
                    for name, column in self._columns.items()
                }
                first += part.num_rows


def saved_files(folder: Path) -> list[Path]:
    """The Arrow files of a folder that `datasets` has saved.

    Raises:
        InputError: it is none, or has several splits.
    """
    splits = folder / "dataset_dict.json"
    try:
        if splits.exists():
            names = json.loads(splits.read_text("utf-8"))["splits"]
            raise InputError(
                f"{folder}: holds the splits {', '.join(names)}; name one, as {folder / names[0]}"
            )
        state = json.loads((folder / "state.json").read_text("utf-8"))
        files = [Path(entry["filename"]) for entry in state["_data_files"]]
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise InputError(
            f"{folder}: not a folder that `datasets` has saved ({type(error).__name__}: {error})"
        ) from None
    if any(len(file.parts) != 1 or file.name == ".." for file in files):
        raise InputError(f"{folder}: its files lie elsewhere; save it anew with save_to_disk")
    if not files:
        raise InputError(f"{folder}: holds no rows")
    return [folder / file for file in files]


def _is_parquet(file: Path) -> bool:
    with file.open("rb") as opened:
        return opened.read(4) == b"PAR1"


def _schema(file: Path) -> pa.Schema:
    try:
        if _is_parquet(file):
            return pq.read_schema(file)
        with _arrow(file) as reader:
            return reader.schema
    except (pa.ArrowException, OSError) as error:
        raise _damaged(file, error) from None


def _rows(files: Sequence[Path]) -> int | None:
    """The number of rows, which Parquet tells in each file and Arrow's streams do not."""
    try:
        if all(map(_is_parquet, files)):
            return sum(int(pq.read_metadata(file).num_rows) for file in files)
    except (pa.ArrowException, OSError):  # whoever reads the file says which
        pass
    return None


def _check_columns(file: Path, wanted: Sequence[str]) -> None:
    names = _schema(file).names
    for name in wanted:
        if names.count(name) != 1:
            problem = "has several columns" if name in names else "has no column"
            raise InputError(
                f"{file}: {problem} '{name}' (there are: {', '.join(names)}); say which one is "
                f'meant, as column = "{names[0] if names else name}", in a file {NAME}'
            )


def _parts(file: Path, columns: list[str]) -> Iterator[pa.RecordBatch]:
    """The rows of a file, a limited number of bytes at a time."""
    try:
        if not _is_parquet(file):
            with _arrow(file) as reader:
                for batch in _batches_of(reader):
                    chosen = batch.select(columns)
                    rows = _rows_of(chosen.nbytes, chosen.num_rows, chosen.schema)
                    for start in range(0, chosen.num_rows, rows):
                        yield from _cut(chosen.slice(start, rows))
            return
        # A text that many rows have is there once, and would fill the memory if it were repeated.
        of_text = [field.name for field in _schema(file) if is_text(field.type)]
        with pq.ParquetFile(file, pre_buffer=False, read_dictionary=of_text) as table:
            meta = table.metadata
            size = sum(meta.row_group(i).total_byte_size for i in range(meta.num_row_groups))
            rows = _rows_of(size, meta.num_rows, table.schema_arrow)
            for part in table.iter_batches(rows, columns=columns, use_threads=False):
                yield from _cut(part)
    except (pa.ArrowException, OSError) as error:
        raise _damaged(file, error) from None


def _cut(part: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    """Parts of it that do not take far more bytes where each row has its own text."""
    if part.num_rows > 1 and sum(map(_repeated_bytes, part.columns)) > 2 * _BATCH_BYTES:
        half = part.num_rows // 2
        yield from _cut(part.slice(0, half))
        yield from _cut(part.slice(half))
    else:
        yield part


def _repeated_bytes(column: pa.Array) -> int:
    """Bytes of text of a column of a dictionary, once each row has its own; 0 for others."""
    if not pa.types.is_dictionary(column.type) or not is_text(column.type.value_type):
        return 0
    lengths = pc.binary_length(column.dictionary).take(column.indices)
    return int(pc.sum(lengths, min_count=0).as_py())


def _rows_of(size: int, rows: int, schema: pa.Schema) -> int:
    at_once = max(1, min(_MOST_ROWS, _BATCH_BYTES * rows // max(size, 1)))
    plain = [k.value_type if pa.types.is_dictionary(k) else k for k in schema.types]
    has_content = any(
        pa.types.is_struct(kind) or pa.types.is_binary(kind) or pa.types.is_large_binary(kind)
        for kind in plain
    )
    return min(at_once, _IMAGES) if has_content else at_once


def _arrow(file: Path) -> pa.ipc.RecordBatchStreamReader | pa.ipc.RecordBatchFileReader:
    """Open an Arrow file, of the kind with an index or a stream as `datasets` writes it.

    Mapped files would count in the limit of memory.
    """
    with file.open("rb") as opened:
        has_index = opened.read(6) == b"ARROW1"
    source = pa.OSFile(str(file))
    return pa.ipc.open_file(source) if has_index else pa.ipc.open_stream(source)


def _batches_of(
    reader: pa.ipc.RecordBatchStreamReader | pa.ipc.RecordBatchFileReader,
) -> Iterator[pa.RecordBatch]:
    if isinstance(reader, pa.ipc.RecordBatchFileReader):
        return (reader.get_batch(index) for index in range(reader.num_record_batches))
    return iter(reader)


def _damaged(file: Path, error: Exception) -> InputError:
    if isinstance(error, OSError) and error.strerror:
        return InputError(f"{file}: cannot be read ({error.strerror})")
    return InputError(f"{file}: damaged, or neither Parquet nor Arrow ({error})")
