"""Types of tensors by name, including those that NumPy lacks, and how they are stored.

A type is called as in NumPy ("float32", "bool", "complex64"), as in ml_dtypes ("bfloat16",
"float8_e4m3fn", "int4"), "str" for text, or "any" where the file does not tell it.
"""

from __future__ import annotations

import numpy as np

TEXT = "str"
ANY = "any"  # of a tensor whose file does not tell its type
_TEXT_NAMES = {TEXT, "string", "object", "bytes"}


class UnknownTypeError(ValueError):
    """A tensor type that is not known here."""


def is_text(name: str) -> bool:
    """Whether a type is text, as each runtime calls it."""
    return name in _TEXT_NAMES or name.startswith(("<U", "|S"))


def dtype_of(name: str) -> np.dtype:
    """Return NumPy's type of this name; the object type for text.

    Raises:
        UnknownTypeError: there is none.
    """
    if is_text(name):
        return np.dtype(object)
    try:
        return np.dtype(name)
    except TypeError:
        import ml_dtypes

        if not isinstance(getattr(ml_dtypes, name, None), type):
            raise UnknownTypeError(f"tensors of type '{name}' are not known here") from None
        dtype: np.dtype = np.dtype(getattr(ml_dtypes, name))
        return dtype


def kind_of(dtype: np.dtype) -> str:
    """One of "float", "int", "bool", "complex", "text", "other"."""
    if dtype.kind == "V" or dtype.name in ("bfloat16", "int4", "uint4", "int2", "uint2"):
        if dtype.name.startswith(("bfloat", "float")):
            return "float"
        return "int" if dtype.name.startswith(("int", "uint")) else "other"
    if dtype.name.startswith("float8") or dtype.name.startswith(("float4", "float6")):
        return "float"
    names = {"f": "float", "i": "int", "u": "int", "b": "bool", "c": "complex"}
    return names.get(dtype.kind, "text" if dtype.kind in "OUS" else "other")


def are_comparable_numbers(mine: np.dtype, theirs: np.dtype) -> bool:
    """Whether what stands for real numbers is real too.

    NumPy would drop the imaginary part of complex numbers, and read numbers from text.
    """
    real = ("float", "int", "bool")
    return kind_of(theirs) not in real or kind_of(mine) in real


def epsilon_of(dtype: np.dtype) -> float:
    """The step from 1 to the next value of a floating-point or complex type."""
    if dtype.kind in "fc":
        return float(np.finfo(dtype).eps)
    import ml_dtypes

    return float(ml_dtypes.finfo(dtype).eps)


def widened(array: np.ndarray) -> np.ndarray:
    """Convert values to float64 or complex128 to compute differences; text is left as it is."""
    kind = kind_of(array.dtype)
    if kind == "text":
        return array
    return array.astype(np.complex128 if kind == "complex" else np.float64)


def storable(array: np.ndarray) -> np.ndarray:
    """Convert an array of numbers to a type that `.npy` can hold without pickles.

    `restored` converts it back, given the name of the type.
    """
    if array.dtype.kind == "V" or not _is_numpys(array.dtype):
        return array.view({1: np.uint8, 2: np.uint16}[array.dtype.itemsize])
    return array


def as_numpys(array: np.ndarray) -> np.ndarray:
    """Convert to a type that NumPy has by itself and that holds every value, as float32."""
    if _is_numpys(array.dtype):
        return array
    name = array.dtype.name
    if kind_of(array.dtype) == "int":
        return array.astype(np.uint8 if name.startswith("uint") else np.int8)
    return array.astype(np.float32)


def restored(array: np.ndarray, name: str) -> np.ndarray:
    """Convert back an array that `storable` converted, given the name of its type."""
    if is_text(name):
        return array
    dtype = dtype_of(name)
    return array if _is_numpys(dtype) or array.dtype == dtype else array.view(dtype)


def _is_numpys(dtype: np.dtype) -> bool:
    return dtype.kind in "biufcSUOMm" and dtype.type.__module__ == "numpy"
