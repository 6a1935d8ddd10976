"""Values of TensorFlow, and their types, as NumPy has them."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from ..tensors.signature import TensorSpec


def tensor_of(array: np.ndarray) -> tf.Tensor:
    """Convert an array; text becomes strings."""
    # The type of text that holds no value cannot be seen.
    return tf.constant(array, tf.string if array.dtype.kind == "O" else None)


def array_of(value: tf.Tensor) -> Any:
    """Copy a tensor to the host."""
    array = value.numpy()
    # A single text is given as bytes.
    return array if hasattr(array, "dtype") else tf.make_ndarray(tf.make_tensor_proto(array))


def dtype_name(name: str, dtype: Any) -> str:
    """NumPy's name of a tensor's type.

    Raises:
        NotImplementedError: it is a handle and no values.
    """
    if dtype == tf.string:
        return "string"
    if dtype in (tf.resource, tf.variant):
        raise NotImplementedError(f"'{name}' is a {dtype.name}, which has no values")
    return str(np.dtype(dtype.as_numpy_dtype).name)


def spec_of(name: str, value: Any) -> TensorSpec:
    """Describe an input or output of a function."""
    shape = tuple(value.shape.as_list()) if value.shape.rank is not None else None
    return TensorSpec(name, shape, dtype_name(name, value.dtype))
