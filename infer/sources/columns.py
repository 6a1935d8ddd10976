"""From a column of an Arrow table to an array. For the limited process only."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ..errors import InputError
from .description import NAME, StatedInput
from .images import ImageReader, cast, scaled


class Column:
    """Reads a column a part at a time; each value is a sample."""

    def __init__(self, name: str, column: str, stated: StatedInput, where: str) -> None:
        """Prepare for a column.

        Args:
            name: name of the input.
            column: name of the column.
            stated: what the user says of it.
            where: where to say more, for messages.
        """
        self.column = column
        self._stated = stated
        self._where = f"in [inputs.{name}] {where}"
        self._images: ImageReader | None = None
        self._shape: tuple[int, ...] | None = None
        self._dtype: np.dtype | None = None

    def read(self, part: pa.Array, file: str, first_row: int) -> np.ndarray:
        """Convert a part of the column.

        Args:
            part: the values.
            file: the file, which messages begin with.
            first_row: number of the first value in the file.

        Raises:
            InputError: values are missing, of different shapes, or of a type that no input has.
        """

        def where(row: int) -> str:
            return f"{file}: column '{self.column}', row {first_row + row}"

        part = _plain(part)
        _check_whole(part, where)
        if content := _content_of_images(part, self._stated):
            return self._read_images(content, where)
        if self._stated.is_image:
            raise InputError(f"{where(0)}: is {part.type}; {self._where} it is called an image")
        array = self._values(part, where)
        if self._shape is None or self._dtype is None:
            self._shape, self._dtype = array.shape[1:], array.dtype
        elif array.shape[1:] != self._shape:
            raise self._ragged(where(0), array.shape[1:], self._shape)
        elif array.dtype != self._dtype:
            raise InputError(
                f"{where(0)}: is {_type_text(array.dtype)}, before it came "
                f'{_type_text(self._dtype)}; say one type for all, as dtype = "float32", '
                f"{self._where}"
            )
        return array

    def _read_images(self, content: pa.Array, where: Callable[[int], str]) -> np.ndarray:
        _check_whole(content, where, "it has no bytes: save the data with its images in it")
        self._images = self._images or ImageReader(self._stated, self._where)
        values = content.to_pylist()
        return self._images.read([(where(row), value) for row, value in enumerate(values)])

    def _values(self, part: pa.Array, where: Callable[[int], str]) -> np.ndarray:
        stated = self._stated
        array = self._filled(part, where) if stated.length else self._array(part, where, where)
        if stated.shape:
            if array[0].size != np.prod(stated.shape):
                raise InputError(
                    f"{where(0)} has {array[0].size} values, which are not of the shape "
                    f"{list(stated.shape)}"
                )
            array = array.reshape(len(array), *stated.shape)
        if array.dtype.kind == "O" and (stated.is_scaled or stated.dtype):
            raise InputError(f"{where(0)}: is text, which has no scale and no dtype")
        if stated.is_scaled:
            array = scaled(array, stated, self._where)
        return cast(array, stated.dtype, self._where) if stated.dtype else array

    def _array(
        self, part: pa.Array, where: Callable[[int], str], top: Callable[[int], str]
    ) -> np.ndarray:
        """Numbers or text, or lists of them that all have one length, at any depth."""
        kind = part.type
        if is_text(kind):
            return _objects(part.to_pylist())
        if _is_list(kind):
            lengths = pc.list_value_length(part).to_numpy(zero_copy_only=False)
            if len(odd := np.flatnonzero(lengths != lengths[0])):
                raise self._ragged(where(int(odd[0])), (int(lengths[odd[0]]),), (int(lengths[0]),))
            length = int(lengths[0]) if len(lengths) else 0

            def outer(row: int) -> str:
                return where(row // max(length, 1))

            inner = _plain(part.flatten())
            _check_whole(inner, outer)
            values = self._array(inner, outer, top) if length else np.empty(0, np.float32)
            return values.reshape(len(part), length, *values.shape[1:])
        if not (
            pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind)
        ):
            raise InputError(
                f"{top(0)}: is of the type {kind}, which no input takes; name the columns that are "
                "inputs in a file inputs.toml (docs/inputs.md)"
            )
        array: np.ndarray = part.to_numpy(zero_copy_only=False)
        return array

    def _filled(self, part: pa.Array, where: Callable[[int], str]) -> np.ndarray:
        """Lists of numbers, cut to a length or filled up to it."""
        if not _is_list(part.type) or _is_list(part.type.value_type):
            raise InputError(f"{where(0)}: is {part.type}; 'length' is for lists of numbers")
        assert self._stated.length
        lengths = pc.list_value_length(part).to_numpy(zero_copy_only=False)
        inner = _plain(part.flatten())
        ends = np.cumsum(lengths)
        _check_whole(inner, lambda number: where(int(np.searchsorted(ends, number, "right"))))
        values = self._array(inner, where, where)
        fill = self._fill_of(values.dtype)
        result = np.full((len(part), self._stated.length), fill, values.dtype)
        end = 0
        for row, length in enumerate(map(int, lengths)):
            kept = min(length, self._stated.length)
            result[row, :kept] = values[end : end + kept]
            end += length
        return result

    def _fill_of(self, dtype: np.dtype) -> np.ndarray:
        """What fills lists up, in the type of their values."""
        fill = self._stated.fill
        if dtype.kind == "O":
            raise InputError(f"'length' is for lists of numbers, not of text, {self._where}")
        with np.errstate(all="ignore"):
            value = np.asarray(fill).astype(dtype)
        if dtype.kind in "biu" and value != fill:
            raise InputError(f"fill = {fill}: the values are {dtype}, {self._where}")
        return value

    def _ragged(self, where: str, has: tuple[int, ...], others: tuple[int, ...]) -> InputError:
        return InputError(
            f"{where}: has {_shape_text(has)} values, others have {_shape_text(others)}: say how "
            f"many all shall have, as length = {max(*has, *others, 1)}, {self._where}"
        )


def _shape_text(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape)) or "single"


def _type_text(dtype: np.dtype) -> str:
    return "text" if dtype.kind == "O" else dtype.name


def _plain(part: pa.Array) -> pa.Array:
    """A part without extension types, dictionaries and views, which Polars writes."""
    if isinstance(part.type, pa.BaseExtensionType):
        part = part.storage
    if pa.types.is_dictionary(part.type):
        part = part.dictionary_decode()
    if pa.types.is_string_view(part.type):
        return part.cast(pa.large_string())
    return part.cast(pa.large_binary()) if pa.types.is_binary_view(part.type) else part


def is_text(kind: pa.DataType) -> bool:
    """Whether a type is of text or bytes, whose values lie one after the other."""
    return bool(
        pa.types.is_string(kind)
        or pa.types.is_large_string(kind)
        or pa.types.is_binary(kind)
        or pa.types.is_large_binary(kind)
        or pa.types.is_fixed_size_binary(kind)
    )


def _is_list(kind: pa.DataType) -> bool:
    return isinstance(kind, pa.ListType | pa.LargeListType | pa.FixedSizeListType)


def _check_whole(
    part: pa.Array,
    where: Callable[[int], str],
    problem: str = f"is empty; remove the row, or name the columns to take in a file {NAME}",
) -> None:
    if part.null_count:
        row = int(np.flatnonzero(part.is_null().to_numpy(zero_copy_only=False))[0])
        raise InputError(f"{where(row)}: {problem}")


def _content_of_images(part: pa.Array, stated: StatedInput) -> pa.Array | None:
    """The bytes of images: of an image of `datasets`, or of what the user calls one."""
    if pa.types.is_struct(part.type) and {field.name for field in part.type} == {"bytes", "path"}:
        return part.field("bytes")
    is_bytes = pa.types.is_binary(part.type) or pa.types.is_large_binary(part.type)
    return part if is_bytes and stated.is_image else None


def _objects(values: list[str] | list[bytes]) -> np.ndarray:
    array = np.empty(len(values), object)
    array[:] = values
    return array
