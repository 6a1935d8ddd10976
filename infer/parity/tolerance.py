"""The tolerances: how far outputs may differ, from precisions and the reference alone."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..tensors.chunks import value_chunks
from ..tensors.dtypes import dtype_of, epsilon_of, kind_of, widened
from ..tensors.outputs import Outputs
from ..tensors.precision import OutputSteps, Quantisation
from .quantised_tolerance import ExpectedError, expected_error, is_distribution, logits_of

# Accumulated rounding errors, in steps of the precision relative to the largest value of an output.
# Errors of many roundings grow as the square root of their number (Higham and Mary, 2019):
# 1,000 is the root of 20,000 products in a sum, in each of 50 layers, each rounded. In float16 and
# bfloat16, sums are kept in float32 and rounded once a layer: 10 is the root of 100 layers. In TF32
# only the two factors of a product are reduced to 10 bits; sums and all else are float32. Tensor
# cores may truncate the other bits: the root mean square of that error is 0.58 of a step, for two
# factors 0.82 a layer, so it is 8 in 100 layers (4, if they are rounded before).
# Where the weights alone have 16 bits, one factor of a product was rounded, once: 3 in 100 layers.
ROUNDINGS = {
    **{"float64": 1000, "float32": 1000, "tf32": 8, "float16": 10, "bfloat16": 10},
    **{"weights of float16": 3, "weights of bfloat16": 3},
}
# Probabilities in precisions coarser than float32 may also differ by as much as their logits may.
# Odds that change by more than this factor are another answer, whatever the precision.
MOST_ODDS = 2.0
# Steps of precisions that are not NumPy types: 10 bits of mantissa, 7 of bfloat16.
FLOAT32_STEP = float(np.finfo(np.float32).eps)
_STEPS = {"tf32": 2.0**-10, "weights of float16": 2.0**-10, "weights of bfloat16": 2.0**-7}


@dataclass(frozen=True)
class Tolerance:
    """The largest absolute difference that passes, and how it was derived.

    Attributes:
        value: the largest difference.
        how: how it was derived, in words.
        expected: what quantisation is expected to do to an output of a quantised model.
        odds: factor by which the odds of a probability may change where it differs by more than
            the value; None for other outputs.
    """

    value: float
    how: str
    expected: ExpectedError | None = None
    odds: float | None = None


def tolerances(
    reference: Outputs,
    precisions: Iterable[str],
    *,
    given: float | None = None,
) -> dict[str, Tolerance]:
    """Derive the tolerance of each output from the precisions and the reference alone.

    The outputs that are judged have no influence.

    Args:
        reference: outputs of the reference, by name.
        precisions: precisions of the two artifacts; the coarsest counts.
        given: the user's tolerance, which replaces all others.
    """
    return {
        name: Tolerance(given, "given by --tolerance")
        if given is not None
        else _tolerance(array, list(precisions))
        for name, array in reference.items()
    }


def step_of(precision: str) -> float | None:
    """The relative step of a precision; None if it is not floating point or a known name."""
    if precision in _STEPS:
        return _STEPS[precision]
    try:
        dtype = dtype_of(precision)
    except ValueError:
        return None
    return epsilon_of(dtype) if kind_of(dtype) in ("float", "complex") else None


def _tolerance(array: np.ndarray, precisions: list[str]) -> Tolerance:
    kind = kind_of(array.dtype)
    if kind in ("text", "bool", "other"):
        return Tolerance(0.0, "equal")
    bound = Tolerance(0.0, "equal, as whole numbers must be")
    if kind in ("float", "complex"):
        # Outputs of a coarser type than the weights are rounded to that type.
        output_type = {"complex64": "float32", "complex128": "float64"}.get(
            array.dtype.name, array.dtype.name
        )
        known = [name for name in [*precisions, output_type] if step_of(name) is not None]
        precision = max(known, key=lambda name: ROUNDINGS.get(name, 10) * (step_of(name) or 0.0))
        roundings = ROUNDINGS.get(precision, 10)
        scale = _largest(array) or 1.0
        bound = Tolerance(
            roundings * (step_of(precision) or 0.0) * scale,
            f"{roundings:,} roundings of {precision} in values up to {scale:.3g}",
        )
        if (step_of(precision) or 0.0) > FLOAT32_STEP and kind == "float":
            bound = _with_odds(bound, roundings * (step_of(precision) or 0.0), widened(array))
    return bound


def _with_odds(bound: Tolerance, share: float, values: np.ndarray) -> Tolerance:
    """Let probabilities differ as their logits may, by this share of the largest logit.

    Softmax turns what the logits may differ by, d, into odds that change by exp(2 d) at most: the
    logit of a class may rise by d while all others fall by it.
    """
    if not is_distribution(np.where(np.isfinite(values), values, 0.0)):
        return bound
    largest = float(np.max(np.abs(logits_of(values))))
    odds = min(math.exp(2 * share * largest), MOST_ODDS)
    how = f"{bound.how}; or in the logits, of up to {largest:.3g}: odds up to {odds:.3g} times"
    return replace(bound, how=how, odds=odds)


def odds_are_within(outputs: np.ndarray, reference: np.ndarray, odds: float) -> np.ndarray:
    """Whether the odds of each probability differ by no more than a factor; N x classes, bool."""
    p, q = widened(outputs), widened(reference)
    # p / (1 - p) <= odds * q / (1 - q), and the same the other way round, without a division.
    up, down = p * (1 - q), q * (1 - p)
    within: np.ndarray = (up <= odds * down) & (down <= odds * up)
    return within


def _largest(array: np.ndarray) -> float:
    """The largest absolute value that is finite."""
    largest = 0.0
    for (part,) in value_chunks(array):
        values = np.abs(widened(part))
        largest = max(largest, float(np.max(values, initial=0.0, where=np.isfinite(values))))
    return largest


def quantised_tolerances(
    reference: Outputs, quantised: Sequence[tuple[Quantisation, Mapping[str, OutputSteps]]]
) -> dict[str, Tolerance]:
    """Derive the tolerances of outputs that quantisation changes.

    Args:
        reference: outputs of the reference, by name.
        quantised: of each artifact of the two that is quantised, how it is, and the last steps of
            its outputs by the reference's names.
    """
    limits = {}
    for name, array in reference.items():
        kind = kind_of(array.dtype)
        if kind == "int" and array.dtype.itemsize == 1:
            limits[name] = Tolerance(1.0, "one step, since the model is quantised")
        elif kind in ("float", "complex"):
            error = expected_error(array, [(how, steps.get(name)) for how, steps in quantised])
            limits[name] = Tolerance(error.largest, error.how, error)
    return limits
