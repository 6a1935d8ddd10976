"""Compare the outputs of two artifacts: their numbers, and the labels of classifiers."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

from ..outcome import Failure, Outcome
from ..tensors.differences import differences
from ..tensors.dtypes import kind_of, widened
from ..tensors.outputs import Outputs
from ..tensors.text import escaped
from .beyond_tolerance import allow, count_beyond
from .lone_rows import judge_rows, lone_row_entry, rows_beyond
from .quantised_outputs import judge
from .row_pairs import LoneRows
from .tolerance import Tolerance, odds_are_within
from .whole_calls import WholeCall, by_call, place_of

# Maximum number of differing samples that are listed.
_NAMED_SAMPLES = 20
# What is told of the output that is nearest to failing, or fails most.
_OF_THE_WORST = ("largest_difference", "largest_relative_difference", "tolerance", "how")


def scores_of(reference: Outputs, classes: int | None = None) -> str | None:
    """The name of the output with a value for every class; None if there is none."""
    two = [n for n, a in reference.items() if a.ndim == 2 and a.shape[1] > 1 and _numbers(a)]
    fitting = [name for name in two if classes and reference[name].shape[1] == classes]
    return next(iter(fitting or two), None)


def _numbers(array: np.ndarray) -> bool:
    return kind_of(array.dtype) in ("float", "int")


def compare(
    outputs: Outputs,
    reference: Outputs,
    tolerance: float | Mapping[str, Tolerance],
    *,
    absolute: Collection[str] = (),
    classes: Sequence[str] = (),
    allowed: Mapping[str, float] | None = None,
    calls: Mapping[str, Sequence[WholeCall]] | None = None,
    lone_rows: Mapping[str, LoneRows] | None = None,
) -> dict[str, Any]:
    """Compare numbers and labels of an artifact with the reference's.

    Args:
        outputs: outputs by the reference's names, each N x anything; if both have just one output,
            names may differ.
        reference: outputs of the reference.
        tolerance: largest absolute difference that passes, for all outputs or for each.
        absolute: outputs whose absolute values are compared.
        classes: names of the classes, if known.
        allowed: the share of values that may differ, of outputs of whole numbers.
        calls: the calls of outputs whose samples cannot be told apart; their values are in one row.
        lone_rows: rows without a partner, of outputs whose rows were paired.

    Returns:
        The largest differences and the tolerance of the output that is nearest to failing or
        fails most, `passed`, `by_output`, the share of equal labels of classifiers, and
        `differing`: samples with other labels or with differences beyond tolerance, and both
        answers.

    Raises:
        Failure: the names or shapes differ.
    """
    if len(outputs) == len(reference) == 1:
        outputs = {next(iter(reference)): next(iter(outputs.values()))}
    if outputs.keys() != reference.keys():
        raise Failure(
            Outcome.PARITY_FAIL,
            f"outputs are {', '.join(outputs)}, the reference's {', '.join(reference)}",
        )
    if not reference:
        raise Failure(Outcome.PARITY_FAIL, "there is no output to compare")
    limits = {
        name: tolerance[name] if isinstance(tolerance, Mapping) else Tolerance(tolerance, "given")
        for name in reference
    }
    calls, lone_rows = calls or {}, lone_rows or {}
    elementwise: dict[str, np.ndarray] = {}
    by_output: dict[str, dict[str, Any]] = {}
    for name, expected in reference.items():
        if outputs[name].shape != expected.shape:
            raise Failure(
                Outcome.PARITY_FAIL,
                f"'{name}' has the shape {outputs[name].shape}, the reference's {expected.shape}",
            )
        elementwise[name] = differences(outputs[name], expected, absolute=name in absolute)
        by_output[name] = _largest(elementwise[name], expected, limits[name])
        error = limits[name].expected
        if error is not None:
            by_output[name] |= judge(outputs[name], expected, elementwise[name], error)
        odds = limits[name].odds
        if odds is not None and not by_output[name]["passed"]:
            within = odds_are_within(outputs[name], expected, odds)
            elementwise[name] = np.where(within, 0.0, elementwise[name])
            by_output[name]["passed"] = bool((elementwise[name] <= limits[name].value).all())
        by_output[name] |= count_beyond(elementwise[name], limits[name].value)
        if (at := by_output[name]["at"]) is not None and kind_of(expected.dtype) == "text":
            both = (array[tuple(at)] for array in (outputs[name], expected))
            by_output[name]["texts"] = [escaped(text) for text in both]
        if name in calls and by_output[name]["at"]:
            call, place = place_of(by_output[name]["at"][0], calls[name])
            by_output[name] |= {"at": [call.samples[0], *place], "call_samples": len(call.samples)}
        share = (allowed or {}).get(name)
        if name in lone_rows:
            wrong = rows_beyond(elementwise[name], limits[name].value, calls[name])
            by_output[name] |= judge_rows(lone_rows[name], wrong, share)
        elif share is not None:
            by_output[name] |= allow(name, by_output[name], expected, share)
    worst = max(by_output, key=lambda name: _badness(by_output[name]))
    result: dict[str, Any] = {
        **{key: by_output[worst][key] for key in _OF_THE_WORST},
        "passed": all(output["passed"] for output in by_output.values()),
        "by_output": by_output,
        "differing": [],
    }
    scores = scores_of(reference, len(classes) or None)
    if scores is not None and len(reference[scores]):
        result |= _compare_labels(outputs[scores], reference[scores], classes)
    listed = {sample["sample"] for sample in result["differing"]}
    for name, lone in lone_rows.items():
        for row in lone.listed if not by_output[name]["passed"] else ():
            if len(listed) < _NAMED_SAMPLES and row.sample not in listed:
                listed.add(row.sample)
                result["differing"].append(lone_row_entry(name, row))
    for name, difference in elementwise.items():
        if len(listed) < _NAMED_SAMPLES and not by_output[name]["passed"] and difference.ndim:
            beyond = (
                _beyond_in_calls(
                    name, difference, outputs[name], reference[name], limits[name], calls[name]
                )
                if name in calls
                else _beyond(name, difference, outputs[name], reference[name], limits[name])
            )
            for sample in beyond:
                if len(listed) < _NAMED_SAMPLES and sample["sample"] not in listed:
                    listed.add(sample["sample"])
                    result["differing"].append(sample)
    return result


def largest_difference(array: np.ndarray | None, expected: np.ndarray) -> float | None:
    """Compute the largest absolute difference of two arrays.

    None if the shapes differ, or if only one of two values is finite.
    """
    if array is None or array.shape != expected.shape:
        return None
    largest = float(differences(array, expected).max(initial=0.0))
    return largest if np.isfinite(largest) else None


def _largest(difference: np.ndarray, expected: np.ndarray, limit: Tolerance) -> dict[str, Any]:
    """The largest differences of one output, and whether they pass."""
    if kind_of(expected.dtype) == "text":
        shares = difference
    else:
        with np.errstate(invalid="ignore"):
            shares = difference / np.maximum(np.abs(widened(expected)), 1e-12)
    largest = float(difference.max(initial=0.0))
    return {
        "largest_difference": largest,
        # An infinity differs by 0 from itself; the relative difference would be NaN.
        "largest_relative_difference": float(
            np.where(difference == 0, 0.0, shares).max(initial=0.0)
        ),
        "tolerance": limit.value,
        "how": limit.how,
        "passed": bool(largest <= limit.value),
    }


def _compare_labels(
    scores: np.ndarray, expected: np.ndarray, classes: Sequence[str]
) -> dict[str, Any]:
    """Compute a classifier's share of equal labels, and list the first samples that differ."""
    equal = scores.argmax(axis=1) == expected.argmax(axis=1)
    unequal = np.flatnonzero(~equal)[:_NAMED_SAMPLES]
    return {
        "equal_labels": float(equal.mean()),
        "unequal_samples": unequal.tolist(),
        "differing": [_labels(int(row), scores, expected, classes) for row in unequal],
    }


def _badness(output: Mapping[str, Any]) -> tuple[float, float]:
    """Sort key: how near to failing an output is, or how much it fails; larger is worse."""
    difference, limit = output["largest_difference"], output["tolerance"]
    if output["passed"] and output.get("allowed_share") is not None:
        return 0.0, 0.0  # more may differ than the tolerance says
    if np.isnan(difference):
        return float("inf"), float("inf")
    if limit == 0:
        return (float("inf") if difference else 0.0), difference
    return difference / limit, difference


def _labels(
    row: int, array: np.ndarray, expected: np.ndarray, classes: Sequence[str]
) -> dict[str, Any]:
    """The labels of a sample on either side, with their values."""

    def label_and_value(values: np.ndarray) -> dict[str, Any]:
        label = int(values.argmax())
        name = classes[label] if label < len(classes) else str(label)
        return {"label": name, "value": float(widened(values)[label])}

    return {
        "sample": row,
        "answer": label_and_value(array[row]),
        "reference": label_and_value(expected[row]),
    }


def _beyond(
    name: str,
    difference: np.ndarray,
    array: np.ndarray,
    expected: np.ndarray,
    limit: Tolerance,
) -> list[dict[str, Any]]:
    """List the samples with the largest differences, with both values at that place."""
    if not difference.size:
        return []
    flat = difference.reshape(len(difference), -1)
    ranked = np.where(np.isnan(flat), np.inf, flat)
    rows = np.flatnonzero((ranked > limit.value).any(axis=1))
    rows = rows[np.argsort(-ranked[rows].max(axis=1), kind="stable")][:_NAMED_SAMPLES]
    listed = []
    for row in rows:
        at = np.unravel_index(int(ranked[row].argmax()), array.shape[1:])
        place = f"{name}[{', '.join(map(str, at))}]" if at else name
        listed.append(
            {
                "sample": int(row),
                "answer": {"label": place, "value": _plain(array[(row, *at)])},
                "reference": {"label": place, "value": _plain(expected[(row, *at)])},
            }
        )
    return listed


def _beyond_in_calls(
    name: str,
    difference: np.ndarray,
    array: np.ndarray,
    expected: np.ndarray,
    limit: Tolerance,
    calls: Sequence[WholeCall],
) -> list[dict[str, Any]]:
    """List the calls with the largest differences, by their first sample."""
    listed = []
    parts = (by_call(values, calls) for values in (difference, array, expected))
    for call, apart, output, reference in zip(calls, *parts, strict=True):
        shape = 1, *(apart.shape or (1,))
        worst = _beyond(
            name, apart.reshape(shape), output.reshape(shape), reference.reshape(shape), limit
        )
        if worst:
            largest = float(np.where(np.isnan(apart), np.inf, apart).max())
            listed.append((largest, worst[0] | call.key))
    listed.sort(key=lambda entry: -entry[0])
    return [entry for _, entry in listed[:_NAMED_SAMPLES]]


def _plain(value: Any) -> float | str:
    """Convert a value for JSON."""
    if isinstance(value, str | bytes):
        return escaped(value)
    if isinstance(value, complex | np.complexfloating):
        return str(value)
    number = float(value)
    return number if np.isfinite(number) else str(number)
