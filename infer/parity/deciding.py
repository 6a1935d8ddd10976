"""Decide whether a quantised model passes: by its numbers, or else by labels or accuracy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from ..stats.accuracy import Difference
from ..tensors.dtypes import kind_of, widened
from ..tensors.outputs import Outputs
from .quantised import ExpectedError
from .tolerance import Tolerance

# Labels decide if so many of the clear answers are the same.
EQUAL_CLEAR_LABELS = 0.95
# So many samples must have a clear answer, for labels to say anything.
LEAST_CLEAR = 20
# Accuracy decides if it is surely not lower by more than this.
ACCURACY_LOSS = 0.01
# Whole numbers that name classes pass at this agreement beyond chance (Cohen's kappa).
AGREEMENT = 0.9


@dataclass(frozen=True)
class Decision:
    """Whether an artifact passes.

    Attributes:
        passed: whether it does.
        decided_by: what decided.
        text: why, in words; the end of "differs from the reference" or of "passes".
    """

    passed: bool
    decided_by: Literal["numbers", "labels", "accuracy"]
    text: str


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
    if not failed:
        return Decision(True, "numbers", _numbers(compared, limits))
    texts = []
    decided: list[Decision] = []
    for name, result in failed.items():
        error = limits[name].expected
        if error is None:
            decision = _class_numbers(outputs[name], reference[name])
        elif name == scores and result["channel"] is None and result["slope"] is None:
            decision = _scores(result, outputs[name], reference[name], error, accuracy)
        else:
            decision = None
        beyond = why_beyond(name, result, error)
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
        text = (
            f"accuracy differs by {accuracy.value:+.4f} [{accuracy.low:+.4f}, {accuracy.high:+.4f}]"
        )
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
    equal = outputs.argmax(axis=1)[clear] == reference.argmax(axis=1)[clear]
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
