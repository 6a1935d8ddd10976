"""Decide whether a quantised model passes: by its numbers, or else by labels or accuracy."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from ..stats.accuracy import Difference
from ..tensors.chunks import largest_columns
from ..tensors.dtypes import kind_of, widened
from ..tensors.outputs import Outputs
from .lone_rows import lone_rows_text
from .quantised_tolerance import ExpectedError
from .tolerance import Tolerance

# Labels decide if so many of the clear answers are the same.
EQUAL_CLEAR_LABELS = 0.95
# So many samples must have a clear answer, for labels to say anything.
LEAST_CLEAR = 20
# Accuracy decides if it is surely not lower by more than this.
ACCURACY_LOSS = 0.01
# What passes is a doubt if it differs by more than these shares of the spread, in the root mean
# square, or in all samples alike: errors of rounding differ between the samples, those of a wrong
# zero point or scale do so less. Right conversions to 8 bits of trained residual networks stay
# below; those of depthwise convolutions may not (docs/parity.md).
DOUBTFUL_SHARE, DOUBTFUL_COMMON_SHARE = 0.05, 0.01
# Whole numbers that name classes pass at this agreement beyond chance (Cohen's kappa).
AGREEMENT = 0.9


@dataclass(frozen=True)
class Decision:
    """Whether an artifact passes.

    Attributes:
        passed: whether it does.
        decided_by: what decided; "nothing" if numbers cannot, and nothing else is there.
        text: why, in words; the end of "differs from the reference" or of "passes".
        doubts: what passes though a fault could cause it too, by output.
    """

    passed: bool
    decided_by: Literal["numbers", "labels", "accuracy", "nothing"]
    text: str
    doubts: tuple[str, ...] = ()


def decide(
    compared: Mapping[str, Any],
    outputs: Outputs,
    reference: Outputs,
    limits: Mapping[str, Tolerance],
    scores: str | None,
    accuracy: Difference | None,
) -> Decision:
    """Decide whether a quantised model passes.

    Args:
        compared: the result of `compare`.
        outputs, reference: outputs of both by the reference's names.
        limits: tolerances by output; at least one has an expected error.
        scores: name of the output with a value for every class; None if there is none.
        accuracy: the accuracy less the reference's, on true labels; None where there are none.
    """
    failed = {
        name: result for name, result in compared["by_output"].items() if not result["passed"]
    }
    if failed:
        decision = _failed(failed, outputs, reference, limits, scores, accuracy)
    else:
        decision = Decision(True, "numbers", _numbers(compared, limits))
    if not decision.passed or decision.decided_by == "accuracy":
        return decision
    doubts = {
        name: doubt
        for name, limit in limits.items()
        if limit.expected
        and (doubt := doubt_of(name, outputs[name], reference[name], limit.expected))
    }
    if accuracy is not None and doubts:
        text = _accuracy_text(accuracy)
        if scores and doubts.keys() == {scores} and accuracy.low >= -ACCURACY_LOSS:
            return Decision(True, "accuracy", f"{doubts[scores]}; {text}")
        doubts = {name: f"{doubt}; {text}" for name, doubt in doubts.items()}
    return replace(decision, doubts=tuple(doubts.values()))


def doubt_of(name: str, outputs: np.ndarray, reference: np.ndarray, error: ExpectedError) -> str:
    """Say that an output differs by more than quantisation to 8 bits does as a rule; "" if not.

    Args:
        name: name of the output.
        outputs, reference: N x anything, of one shape.
        error: what quantisation is expected to do.
    """
    with np.errstate(invalid="ignore"):
        errors = np.subtract(widened(outputs), widened(reference))
    errors = np.where(np.isfinite(errors), np.abs(errors) if np.iscomplexobj(errors) else errors, 0)
    if not errors.size or not error.spread:
        return ""
    share = float(np.sqrt(np.mean(errors**2))) / error.spread
    count = len(errors) if errors.ndim else 1
    common = 0.0
    if count >= LEAST_CLEAR:
        # What is left of independent errors in a mean of so many is taken off.
        mean = float(np.mean(errors.mean(axis=0) ** 2)) / error.spread**2
        common = math.sqrt(max(0.0, mean - share**2 / count))
    if share <= DOUBTFUL_SHARE and common <= DOUBTFUL_COMMON_SHARE:
        return ""
    text = f"'{name}' differs by {share:.1%} of its spread in the root mean square"
    return f"{text}, by {common:.1%} in all samples alike" if common else text


def _failed(
    failed: Mapping[str, Any],
    outputs: Outputs,
    reference: Outputs,
    limits: Mapping[str, Tolerance],
    scores: str | None,
    accuracy: Difference | None,
) -> Decision:
    """Decide about outputs that do not pass by their numbers."""
    texts = []
    decided: list[Decision] = []
    for name, result in failed.items():
        if any(result.get("lone_rows", ())):
            return Decision(False, "numbers", lone_rows_text(name, result["lone_rows"]))
        error = limits[name].expected
        if error is None:
            decision = _class_numbers(outputs[name], reference[name])
        elif name == scores and result["channel"] is None and result["slope"] is None:
            decision = _scores(result, outputs[name], reference[name], error, accuracy)
        else:
            decision = None
        beyond = why_beyond(name, result, error)
        if decision is None and error is not None and _is_indistinct(result, error):
            return Decision(False, "nothing", _indistinct_text(name, error))
        texts.append(f"{beyond}; {decision.text}" if decision else beyond)
        if decision is None or not decision.passed:
            return Decision(False, decision.decided_by if decision else "numbers", texts[-1])
        decided.append(decision)
    return Decision(True, decided[0].decided_by, "; ".join(texts))


def _numbers(compared: Mapping[str, Any], limits: Mapping[str, Tolerance]) -> str:
    shares = {
        name: result["root_mean_square"] / (result["root_mean_square_limit"] or 1.0)
        for name, result in compared["by_output"].items()
        if limits[name].expected is not None
    }
    if not shares:
        return "equal within one step"
    name = max(shares, key=lambda name: shares[name])
    result = compared["by_output"][name]
    return (
        f"the differences of '{name}' are {result['root_mean_square']:.2g} in the root mean "
        f"square, up to {result['root_mean_square_limit']:.2g} passes"
    )


def why_beyond(name: str, result: Mapping[str, Any], error: ExpectedError | None) -> str:
    """What of an output does not pass by its numbers."""
    if error is None:
        return (
            f"'{name}' differs by {result['largest_difference']:.2g}, more than "
            f"{result['tolerance']:g}"
        )
    if result["root_mean_square"] > result["root_mean_square_limit"]:
        return (
            f"the differences of '{name}' are {result['root_mean_square']:.2g} in the root mean "
            f"square, more than the {result['root_mean_square_limit']:.2g} that its quantisation "
            "may cause"
        )
    if result["slope"] is not None:
        times = f"{result['slope']:.3g} times"
        return f"'{name}' changes {times} as much as the reference's: a scale is wrong"
    if result["channel"] is not None:
        axis, place = result["channel"]
        return (
            f"'{name}' differs at {place} of axis {axis} by more than half of what the reference "
            "varies there: a channel is in another place, or broken"
        )
    return (
        f"'{name}' differs by {result['largest_difference']:.2g} in places, more than "
        f"{result['tolerance']:.2g}"
    )


def _accuracy_text(accuracy: Difference) -> str:
    return f"accuracy differs by {accuracy.value:+.4f} [{accuracy.low:+.4f}, {accuracy.high:+.4f}]"


def _is_indistinct(result: Mapping[str, Any], error: ExpectedError) -> bool:
    """Whether the steps may cause as much as was found, and more than tells two models apart."""
    measured = result["root_mean_square"]
    return bool(error.limit < error.uncapped_limit and measured <= error.uncapped_limit)


def _indistinct_text(name: str, error: ExpectedError) -> str:
    share = error.uncapped_limit / error.spread
    return (
        f"its quantisation may change '{name}' by {share:.0%} of what the reference varies over "
        "the samples, so that the numbers judge nothing: give inputs whose outputs vary more"
    )


def _scores(
    result: Mapping[str, Any],
    outputs: np.ndarray,
    reference: np.ndarray,
    error: ExpectedError,
    accuracy: Difference | None,
) -> Decision | None:
    """Decide by accuracy, or else by labels; None where neither can."""
    measured = result["root_mean_square"]
    if accuracy is not None and measured <= error.likely_limit:
        text = _accuracy_text(accuracy)
        if accuracy.low >= -ACCURACY_LOSS:
            return Decision(True, "accuracy", text)
        if accuracy.high < -ACCURACY_LOSS:
            return Decision(False, "accuracy", text)
    if measured > error.limit:
        return None
    top = np.sort(widened(reference), axis=1)
    clear = top[:, -1] - top[:, -2] > 2 * error.likely_limit
    count = int(clear.sum())
    if count < LEAST_CLEAR:
        return Decision(
            False,
            "labels",
            f"only {count} of {len(clear)} samples have an answer that is clear enough to decide",
        )
    equal = largest_columns(outputs)[clear] == largest_columns(reference)[clear]
    text = f"{equal.mean():.2%} of {count} clear labels are the same"
    return Decision(bool(equal.mean() >= EQUAL_CLEAR_LABELS), "labels", text)


def _class_numbers(outputs: np.ndarray, reference: np.ndarray) -> Decision | None:
    """Decide by whole numbers that name classes; None for other outputs."""
    if kind_of(reference.dtype) != "int" or not reference.size:
        return None
    observed = float((outputs == reference).mean())
    classes = np.unique(np.concatenate([outputs.ravel(), reference.ravel()]))
    by_chance = sum(
        float((outputs == value).mean() * (reference == value).mean()) for value in classes[:10_000]
    )
    agreement = (observed - by_chance) / (1 - by_chance) if by_chance < 1 else 1.0
    text = f"{observed:.2%} of its values are the same (kappa {agreement:.3f})"
    return Decision(agreement >= AGREEMENT, "labels", text)
