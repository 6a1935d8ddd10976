"""Check that outputs can be compared: classes and finite values."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from ..outcome import Failure, Outcome
from ..tensors.chunks import sample_chunks, value_chunks
from ..tensors.differences import finite, same_non_finite
from ..tensors.outputs import Outputs


def check_classes(outputs: Outputs, classes: int | None) -> None:
    """Check that the only output of a classifier has a column for each class.

    Args:
        outputs: outputs that have samples, each N x anything.
        classes: expected number of columns of an output with two dimensions; None if not known.

    Raises:
        Failure: the number is another.
    """
    for name, array in outputs.items():
        if len(outputs) == 1 and classes and array.ndim == 2 and array.shape[1] != classes:
            raise Failure(
                Outcome.PARITY_FAIL,
                f"'{name}' has {array.shape[1]} classes, the labels and manifest say {classes}",
            )


def check_finite(
    outputs: Outputs, reference: Outputs | None = None, *, whole: Collection[str] = ()
) -> None:
    """Check that outputs are finite, except where the reference has the same non-finite value.

    Args:
        outputs: outputs by name.
        reference: outputs of the reference, by the same names; None to allow no exceptions.
        whole: outputs whose samples cannot be told apart, so that values are counted.

    Raises:
        Failure: a value is not finite.
    """
    for name, array in outputs.items():
        expected = (reference or {}).get(name)
        if expected is None or expected.shape != array.shape:
            expected = None
        units = "values" if name in whole or not array.ndim else "rows"
        counted, total = 0, 0
        for chunk, beside in sample_chunks(array, array if expected is None else expected):
            bad = ~finite(chunk)
            if expected is not None and bad.any():
                bad &= ~same_non_finite(chunk, beside)
            count = bad.size if units == "values" else len(bad)
            counted += int(bad.reshape(count, bad.size // max(1, count)).any(axis=1).sum())
            total += count
        if counted:
            raise Failure(
                Outcome.NON_FINITE, f"'{name}' is not finite in {counted:,} of {total:,} {units}"
            )


def check_as_finite(outputs: Outputs, reference: Outputs, label: str) -> None:
    """Check that outputs are non-finite wherever the reference is.

    Raises:
        Failure: they are finite there.
    """
    for name, expected in reference.items():
        if outputs[name].shape == expected.shape:
            more = sum(
                int((finite(mine) & ~finite(theirs)).sum())
                for mine, theirs in value_chunks(outputs[name], expected)
            )
            if more:
                raise Failure(
                    Outcome.PARITY_FAIL,
                    f"'{name}' is finite in {more:,} values where that of {label} is not",
                )


def check_lone_finite(outputs: Outputs, paired: Outputs) -> None:
    """Check that values which have no partner in the reference are finite.

    Args:
        outputs: all values of outputs whose rows were paired.
        paired: those of the rows that have a partner.

    Raises:
        Failure: one is not finite.
    """
    for name, array in outputs.items():
        if more := _count_non_finite(array) - _count_non_finite(paired[name]):
            raise Failure(
                Outcome.NON_FINITE,
                f"'{name}' is not finite in {more:,} values of rows that the reference has not",
            )


def _count_non_finite(array: np.ndarray) -> int:
    return sum(int((~finite(part)).sum()) for (part,) in value_chunks(array))
