"""Detect outputs whose agreement says little: constant, saturated, or equal for all samples."""

from __future__ import annotations

import numpy as np

from ..tensors.differences import finite
from ..tensors.dtypes import kind_of, widened
from ..tensors.outputs import Outputs

# Outputs are saturated if at least this share of them is at most this far from 0 or 1.
_SATURATED_SHARE, _SATURATED_BY = 0.99, 1e-6


def uninformative_outputs(outputs: Outputs) -> list[str]:
    """List reasons why agreement of these outputs says little, one line each, for the user.

    Args:
        outputs: outputs of the reference, each N x anything.
    """
    findings = []
    for name, array in outputs.items():
        if not array.size:
            findings.append(f"'{name}' is empty")
            continue
        if kind_of(array.dtype) == "text":
            if array.size > 1 and (array == array.reshape(-1)[0]).all():
                findings.append(f"'{name}' is the same text everywhere")
            continue
        values = widened(array)
        bad = ~finite(array)
        if bad.any():
            findings.append(f"'{name}' is not finite in {bad.sum():,} of {array.size:,} values")
        if (values == 0).all():
            findings.append(f"'{name}' is 0 everywhere")
        elif array.size > 1 and (values == values.reshape(-1)[0]).all():
            findings.append(f"'{name}' is {values.reshape(-1)[0]:g} everywhere")
        elif array.ndim and len(array) > 1 and (values == values[:1]).all():
            findings.append(f"'{name}' is the same for all {len(array):,} samples")
        elif _saturated(array):
            findings.append(
                f"'{name}' is saturated: nearly all values are at the ends of their range"
            )
    return findings


def _saturated(array: np.ndarray) -> bool:
    kind = kind_of(array.dtype)
    if kind == "int" and array.dtype.itemsize == 1 and array.dtype.kind in "iu":
        limits = np.iinfo(array.dtype)
        return bool(np.isin(array, (limits.min, limits.max)).mean() >= _SATURATED_SHARE)
    if kind != "float":
        return False
    values = widened(array)
    ends = np.minimum(np.abs(values), np.abs(np.abs(values) - 1)) <= _SATURATED_BY
    return bool(ends.mean() >= _SATURATED_SHARE and (np.abs(values) <= 1 + _SATURATED_BY).all())
