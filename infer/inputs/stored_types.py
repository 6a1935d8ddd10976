"""Tell values as a quantised input stores them from the numbers that they stand for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import InputError
from ..tensors.signature import TensorSpec
from .lazy_array import LazyArray

_PIXELS = (0.0, 1.0)


@dataclass(frozen=True)
class StoredTypes:
    """How quantised inputs are stored, which take real numbers.

    Attributes:
        dtypes: the types that they are stored in, by input.
        setting: the setting that takes them as they are stored, as --set takes it.
    """

    dtypes: Mapping[str, str]
    setting: str


def check_real_numbers(
    spec: TensorSpec, array: LazyArray | None, stored: StoredTypes | None, value_range: Any
) -> None:
    """Check that an input is not given as it is stored.

    Pixels that the user's range scales are no such values.

    Raises:
        InputError: it is.
    """
    dtype = stored.dtypes.get(spec.name) if stored else None
    if dtype is None or array is None or stored is None or array.dtype.name != dtype:
        return
    if dtype == "uint8" and value_range is not None and tuple(value_range) == _PIXELS:
        return
    raise InputError(
        f"'{spec.name}' is {dtype}, and takes the real numbers that its {dtype} stands for: give "
        f"these, or have it run as it is stored with --set {stored.setting}"
    )
