"""How far the outputs of a quantised model may be from those of the model that it was made from.

All of it is derived from the file's steps and from the reference's outputs; the outputs that are
judged have no influence.

Rounding to steps of a size s adds an error that is uniform within half a step: s / sqrt(12) in the
root mean square (Widrow and Kollar, Quantization Noise, 2008). Each of n quantised values adds one,
independent of the others, and the errors reach the output about as large as they are in the last
layer, so that there they come to s sqrt(n / 12), where s is the step there. The step of a value
of b bits is its range over 2^b - 1; where the file does not tell it, the range is taken as 8 times
the standard deviation of all values of the output, as of a normal distribution that is cut off at
4 standard deviations.

A softmax or a sigmoid between the last layer and the output lets as much of an error through as its
derivative at the reference's own outputs. The output's own rounding after it is added, once.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..tensors.dtypes import widened
from ..tensors.precision import OutputSteps, Quantisation

# Passes by its numbers: root mean square of the differences over what is expected, and the largest
# over the same. Chosen with small networks, so that conversions by ONNX Runtime's quantizers pass,
# and most of those with a wrong zero point, scale or order of channels do not (docs/parity.md).
WITHIN, LARGEST_WITHIN = 2.5, 20.0
# Up to this multiple, accuracies on true labels can decide.
STILL_LIKELY = 4.0
# No error inside is allowed more of the reference's own spread than this, whatever the steps are:
# another network differs by more than the whole of it.
LARGEST_SHARE = 1 / 3
# The rounding of the output itself is known better than errors that pass through layers.
OWN_WITHIN = 1.25
_RANGE = 8.0
_SIMPLEX_TOLERANCE = 1e-2
_LEAST_PROBABILITY = 1e-12


@dataclass(frozen=True)
class ExpectedError:
    """The error that quantisation is expected to cause in an output.

    Attributes:
        inner: root mean square of the error that the steps inside cause.
        inner_at_most: the same where the function at the end lets most of it through.
        output_step: the step of the output itself; 0 if it is not quantised after a function.
        clipped: by how much the range of a quantised output cuts off the reference, at most.
        beyond: root mean square of what is cut off.
        spread: root mean square of the reference's deviations from its mean over the samples.
        how: how it was derived, in words.
    """

    inner: float
    inner_at_most: float
    output_step: float
    clipped: float
    beyond: float
    spread: float
    how: str

    @property
    def limit(self) -> float:
        """The largest root mean square that passes by numbers."""
        return self._limit(WITHIN)

    @property
    def likely_limit(self) -> float:
        """The largest root mean square at which accuracies can decide."""
        return self._limit(STILL_LIKELY)

    @property
    def largest(self) -> float:
        """The largest difference of a value that passes by numbers."""
        inner = min(LARGEST_WITHIN * self.inner_at_most, 4 * self.spread)
        return inner + self.output_step + self.clipped

    @property
    def uncapped_limit(self) -> float:
        """The largest root mean square that the steps may cause, whatever the spread is."""
        return math.hypot(
            WITHIN * math.hypot(self.inner, self.beyond),
            OWN_WITHIN * self.output_step / math.sqrt(12),
        )

    @property
    def is_coarse(self) -> bool:
        """Whether the output's own steps are about as large as what the reference varies."""
        return self.output_step > self.spread

    def _limit(self, times: float) -> float:
        inner = min(times * math.hypot(self.inner, self.beyond), LARGEST_SHARE * self.spread)
        return math.hypot(inner, OWN_WITHIN * self.output_step / math.sqrt(12))


def expected_error(
    reference: np.ndarray, quantised: Sequence[tuple[Quantisation, OutputSteps | None]]
) -> ExpectedError:
    """Derive the error that quantisation is expected to cause in an output.

    Args:
        reference: the reference's output, N x anything, of a floating-point type.
        quantised: of each artifact of the two that is quantised, how it is, and the last steps of
            this output where its file tells them.
    """
    values = np.abs(widened(reference)) if reference.dtype.kind == "c" else widened(reference)
    values = np.where(np.isfinite(values), values, 0.0)
    spread = spread_of(values)
    parts = [_error(values, spread, quantisation, steps) for quantisation, steps in quantised]
    return ExpectedError(
        math.hypot(*(part.inner for part in parts)),
        math.hypot(*(part.inner_at_most for part in parts)),
        math.hypot(*(part.output_step for part in parts)),
        max(part.clipped for part in parts),
        max(part.beyond for part in parts),
        spread,
        "; and ".join(dict.fromkeys(part.how for part in parts)),
    )


def spread_of(values: np.ndarray) -> float:
    """The root mean square of deviations from the mean over the samples; of the whole, if it is 0.

    Args:
        values: N x anything, finite.
    """
    if not values.size:
        return 0.0
    count = len(values) if values.ndim else 1
    if count > 1:
        deviations = (values - values.mean(axis=0)) * math.sqrt(count / (count - 1))
        spread = float(np.sqrt(np.mean(deviations**2)))
        if spread:
            return spread
    return float(np.std(values)) or float(np.max(np.abs(values), initial=0.0)) or 1.0


def _error(
    values: np.ndarray, spread: float, quantisation: Quantisation, steps: OutputSteps | None
) -> ExpectedError:
    text = quantisation.text
    if steps is None or not quantisation.activations:
        gain, scale = _Gain(1.0, 1.0), max(spread, _deviation(values))
        where = "the deviation of the output"
        if is_distribution(values):
            logits = logits_of(values)
            gain, scale = _softmax_gain(values), max(spread_of(logits), _deviation(logits))
            where = "the deviation of the logarithms of these probabilities"
        share = math.hypot(
            _share(quantisation.weight_bits) * math.sqrt(quantisation.weights),
            _share(quantisation.activation_bits) * math.sqrt(quantisation.activations),
        )
        return ExpectedError(
            inner=gain.mean * scale * share,
            inner_at_most=gain.largest * scale * share,
            output_step=0.0,
            clipped=0.0,
            beyond=0.0,
            spread=spread,
            how=f"{text}, {share:.2g} of {where} ({scale:.3g})",
        )
    gain = _Gain(1.0, 1.0)
    if steps.through == "softmax" and is_distribution(values):
        gain = _softmax_gain(values)
    elif steps.through == "sigmoid":
        gain = _gain(values * (1 - values))
    # A weight counts as so many values of the activations' bits.
    of_weights = (_share(quantisation.weight_bits) / _share(quantisation.activation_bits)) ** 2
    count = quantisation.activations + quantisation.weights * of_weights
    inner = steps.inner * math.sqrt(count / 12)
    clipped = 0.0
    how = f"{text}, the last of them in steps of {steps.inner:.3g}"
    if steps.through:
        how += f" before {steps.through}"
        how += f" and of {steps.output_step:.3g} after it" if steps.output_step else ""
    beyond = 0.0
    if steps.low is not None and steps.high is not None:
        excess = np.maximum(np.maximum(steps.low - values, values - steps.high), 0.0)
        clipped = float(excess.max(initial=0.0))
        beyond = float(np.sqrt(np.mean(excess**2))) if excess.size else 0.0
        if clipped > steps.output_step:
            how += f", which end at {steps.low:.3g} and {steps.high:.3g}"
    output_step = steps.output_step if steps.through else 0.0
    return ExpectedError(
        gain.mean * inner, gain.largest * inner, output_step, clipped, beyond, spread, how
    )


def _share(bits: int) -> float:
    """The error of rounding to this number of bits, as a share of the values' spread."""
    return _RANGE / ((1 << bits) - 1) / math.sqrt(12)


def is_distribution(values: np.ndarray) -> bool:
    """Whether the last axis holds the probabilities of classes."""
    if values.ndim < 2 or values.shape[-1] < 2 or not values.size:
        return False
    sums = values.sum(axis=-1)
    return bool(values.min() >= 0) and bool(np.abs(sums - 1).max() <= _SIMPLEX_TOLERANCE)


@dataclass(frozen=True)
class _Gain:
    """How much of an error a function lets through: the root mean square, and the largest."""

    mean: float
    largest: float


def _gain(derivatives: np.ndarray) -> _Gain:
    return _Gain(
        float(np.sqrt(np.mean(derivatives**2))), float(np.max(np.abs(derivatives), initial=0.0))
    )


def _softmax_gain(p: np.ndarray) -> _Gain:
    """How much of an error in the logits softmax lets through.

    The derivative of p_i by the logit j is p_i (1 - p_i) for i = j, else -p_i p_j.
    """
    others = (p**2).sum(axis=-1, keepdims=True) - p**2
    return _gain(p * np.sqrt((1 - p) ** 2 + others))


def _deviation(values: np.ndarray) -> float:
    """The standard deviation of all values, those of all channels together."""
    return float(np.std(values)) if values.size else 0.0


def logits_of(p: np.ndarray) -> np.ndarray:
    """The logits of probabilities, N x classes, whose mean over the classes is 0."""
    logarithms = np.log(np.maximum(p, _LEAST_PROBABILITY))
    centred: np.ndarray = logarithms - logarithms.mean(axis=-1, keepdims=True)
    return centred
