"""Detect outputs whose agreement says little: constant, saturated, or equal for all samples."""

from __future__ import annotations

import numpy as np

from ..tensors.chunks import sample_chunks
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
        elif kind_of(array.dtype) == "text":
            if array.size > 1 and (array == array.reshape(-1)[0]).all():
                findings.append(f"'{name}' is the same text everywhere")
        else:
            findings += _of_numbers(name, array)
    return findings


def _of_numbers(name: str, array: np.ndarray) -> list[str]:
    sample = widened(array[:1]) if array.ndim else widened(array)
    first = sample.reshape(-1)[0]
    bad, is_constant, is_same, at_ends, is_within = 0, True, True, 0, True
    for (chunk,) in sample_chunks(array):
        values = widened(chunk)
        bad += int((~finite(chunk)).sum())
        is_constant = is_constant and bool((values == first).all())
        is_same = is_same and bool((values == sample).all())
        ends, within = _at_ends(chunk)
        at_ends, is_within = at_ends + ends, is_within and within
    findings = []
    if bad:
        findings.append(f"'{name}' is not finite in {bad:,} of {array.size:,} values")
    if is_constant and first == 0:
        findings.append(f"'{name}' is 0 everywhere")
    elif is_constant and array.size > 1:
        findings.append(f"'{name}' is {first:g} everywhere")
    elif is_same and array.ndim and len(array) > 1:
        findings.append(f"'{name}' is the same for all {len(array):,} samples")
    elif is_within and at_ends / array.size >= _SATURATED_SHARE:
        findings.append(f"'{name}' is saturated: nearly all values are at the ends of their range")
    return findings


def _at_ends(array: np.ndarray) -> tuple[int, bool]:
    """The number of values at the ends of their range, and whether all are within such a range."""
    kind = kind_of(array.dtype)
    if kind == "int" and array.dtype.itemsize == 1 and array.dtype.kind in "iu":
        limits = np.iinfo(array.dtype)
        return int(np.isin(array, (limits.min, limits.max)).sum()), True
    if kind != "float":
        return 0, False
    size = np.abs(widened(array))
    near = np.minimum(size, np.abs(size - 1)) <= _SATURATED_BY
    return int(near.sum()), bool((size <= 1 + _SATURATED_BY).all())
