"""Convert an array of an inputs file to the type, layout and shape of an input."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..errors import InputError
from ..escaping import shell_word
from ..tensors.dtypes import ANY, dtype_of, is_text, kind_of, restored
from ..tensors.layouts import layouts, layouts_apart
from ..tensors.signature import TensorSpec
from ..tensors.text import as_text
from .lazy_array import LazyArray

# Pixels that are scaled together.
_PIXELS = 1 << 17


def possible_layouts(spec: TensorSpec, array: LazyArray) -> list[tuple[int, ...] | None]:
    """Find the layouts in which an array fits an input; empty if there is none.

    Returns:
        Axes to transpose by, or None for unchanged.
    """
    have = kind_of(array.dtype)
    wanted = have if spec.dtype == ANY else kind_of(dtype_of(spec.dtype))
    if wanted != have and not (array.dtype == np.uint8 and wanted == "float") and have != "other":
        return []
    if spec.shape is None or _is_single_value(spec, array):
        return [None]
    return layouts(array.shape, spec.shape)


def stated_ranges(stated: Mapping[str, Any] | None) -> dict[str, Any]:
    """The ranges of inputs that a manifest's signature states, by name; None for those without.

    Args:
        stated: the manifest's signature, if there is one.
    """
    return {spec["name"]: spec.get("range") for spec in (stated or {}).get("inputs", [])}


def converted(spec: TensorSpec, array: np.ndarray, limits: Any) -> tuple[np.ndarray, str]:
    """Convert an array to the type of an input.

    If the file does not tell the type, the array is left as it is, except for pixels with a range.

    Args:
        spec: specification of the input.
        array: array of the file.
        limits: range that the input is made for, as the user or the manifest states it; None for
            the artifact's own.

    Returns:
        The array, and a note of how its values were changed; "" if they were not.

    Raises:
        InputError: it cannot be converted without changing what the values mean.
    """
    if spec.dtype == ANY:
        if _is_scaled(spec, array, limits):
            return _scaled(array), "uint8 scaled by 1/255"
        return array, ""
    if is_text(spec.dtype):
        return _text(spec, array), ""
    dtype = dtype_of(spec.dtype)
    if array.dtype == dtype:
        return array, ""
    if _is_scaled(spec, array, limits or spec.range):
        return _scaled(array), "uint8 scaled by 1/255"
    if array.dtype.kind == "V" and array.dtype.itemsize == dtype.itemsize:
        return restored(array, spec.dtype), ""  # as NumPy writes types that it does not know
    have, wanted = kind_of(array.dtype), kind_of(dtype)
    note = f"{array.dtype} converted to {dtype.name}"
    if have == wanted and have in ("float", "complex"):
        with np.errstate(over="ignore"):
            return array.astype(dtype, order="C"), note
    if have == wanted == "int":
        whole = array.astype(dtype)
        if (whole.astype(array.dtype) == array).all() and ((whole < 0) == (array < 0)).all():
            return whole, note
        raise InputError(f"'{spec.name}' holds values that {dtype.name} cannot")
    remedy = ""
    if array.dtype == np.uint8 and wanted == "float":
        remedy = f"; if it is made for values in 0..1, say so as --range {spec.name}=0:1"
    raise InputError(f"'{spec.name}' is {array.dtype}, the artifact takes {spec.dtype}{remedy}")


def _text(spec: TensorSpec, array: np.ndarray) -> np.ndarray:
    if kind_of(array.dtype) != "text":
        raise InputError(f"'{spec.name}' is {array.dtype}, the artifact takes text")
    return as_text(array)


def _scaled(array: np.ndarray) -> np.ndarray:
    """Pixels of uint8 in 0..1, float32, in the order of the axes.

    Some rows at a time, few enough for the cache of a core.
    """
    if not array.ndim:
        return _scaled(array.reshape(1)).reshape(())
    pixels = np.empty(array.shape, np.float32)
    together = max(1, _PIXELS // max(1, math.prod(array.shape[1:])))
    for first in range(0, len(array), together):
        some = pixels[first : first + together]
        some[...] = array[first : first + together]
        np.divide(some, np.float32(255), out=some)
    return pixels


def _is_scaled(spec: TensorSpec, array: np.ndarray, limits: Any) -> bool:
    """Whether an array holds pixels in 0..255, and the input is made for 0..1."""
    return (
        array.dtype == np.uint8
        and spec.dtype in ("float32", ANY)
        and limits is not None
        and tuple(limits) == (0.0, 1.0)
    )


def _is_single_value(spec: TensorSpec, array: LazyArray) -> bool:
    """Whether an input takes one value and the array holds one, however many axes they have."""
    return array.size == 1 and (spec.shape == () or (not array.ndim and set(spec.sizes) == {1}))


def with_axes_of_single_value(spec: TensorSpec, array: LazyArray) -> tuple[LazyArray, str]:
    """Give a single value the axes of its input, all of length 1, and note it."""
    shape = tuple(1 for _ in spec.sizes)
    if array.shape == shape or not _is_single_value(spec, array):
        return array, ""
    values = array.view().reshape(shape)
    return array.with_values(values), f"one value, of shape {list(array.shape)} in the file"


def check_shape(spec: TensorSpec, array: LazyArray, other: str, label: str) -> None:
    """Check that an array has the shape of an input, whatever its number of samples.

    Args:
        spec: specification of the input.
        array: array of the file.
        other: its name there.
        label: label of the artifact.

    Raises:
        InputError: the shape differs.
    """
    if spec.shape is None:
        return
    fits = len(spec.shape) == array.ndim and all(
        not isinstance(size, int) or size == have
        for size, have in zip(spec.shape[1:], array.shape[1:], strict=False)
    )
    if fits:
        return
    wanted = " x ".join("any" if s is None else str(s) for s in spec.shape) or "a single value"
    have = " x ".join(map(str, array.shape)) or "a single value"
    apart, remedy = layouts_apart(spec.shape, array.shape), ""
    if apart is not None:
        option = shell_word(f"{label}:{spec.name}@{apart[0]}={other}@{apart[1]}")
        remedy = f"; if only the layout differs, say how, as --map {option}"
    raise InputError(f"'{spec.name}' has the shape {have}, the artifact takes {wanted}{remedy}")
