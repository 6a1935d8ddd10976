"""Compare the outputs of two artifacts: their numbers, and the labels of classifiers."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from ..outcome import Failure, Outcome
from ..tensors.chunks import largest_columns, value_chunks
from ..tensors.differences import differences
from ..tensors.dtypes import kind_of, widened
from ..tensors.outputs import Outputs
from ..tensors.text import escaped
from .beyond_tolerance import allow, count_beyond, place_in, value_at
from .element_differences import ElementDifferences, element_differences
from .lone_rows import judge_rows, lone_row_entry
from .quantised_outputs import judge
from .quantised_tolerance import ExpectedError
from .row_pairs import LoneRows
from .tolerance import Tolerance, odds_are_within
from .whole_calls import WholeCall

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
        allowed: the share of values, or of rows, that may differ, by output.
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
    elementwise: dict[str, ElementDifferences] = {}
    by_output: dict[str, dict[str, Any]] = {}
    for name, expected in reference.items():
        if outputs[name].shape != expected.shape:
            raise Failure(
                Outcome.PARITY_FAIL,
                f"'{name}' has the shape {outputs[name].shape}, the reference's {expected.shape}",
            )
        apart = elementwise[name] = element_differences(
            outputs[name],
            expected,
            limits[name].value,
            absolute=name in absolute,
            calls=calls.get(name),
        )
        by_output[name] = {
            "largest_difference": apart.largest,
            "largest_relative_difference": apart.largest_relative,
            "tolerance": limits[name].value,
            "how": limits[name].how,
            "passed": bool(apart.largest <= limits[name].value),
        }
        error = limits[name].expected
        if error is not None:
            difference = differences(outputs[name], expected, absolute=name in absolute)
            by_output[name] |= judge(outputs[name], expected, difference, error)
        odds = limits[name].odds
        if odds is not None and not by_output[name]["passed"]:
            apart = elementwise[name] = element_differences(
                *(outputs[name], expected, limits[name].value),
                absolute=name in absolute,
                calls=calls.get(name),
                excused=partial(odds_are_within, odds=odds),
            )
            by_output[name]["passed"] = bool(apart.largest <= limits[name].value)
        by_output[name] |= count_beyond(apart, outputs[name], expected, calls.get(name))
        share = (allowed or {}).get(name)
        if name in lone_rows:
            by_output[name] |= judge_rows(lone_rows[name], apart.rows_beyond, share)
        elif share is not None:
            by_output[name] |= allow(by_output[name], share)
        if error is not None and share is not None and by_output[name]["passed"]:
            by_output[name] |= _judged_within(outputs[name], expected, difference, error)
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
    for name, apart in elementwise.items():
        if len(listed) < _NAMED_SAMPLES and not by_output[name]["passed"] and reference[name].ndim:
            for sample in _beyond(name, apart, outputs[name], reference[name], calls.get(name)):
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
    largest = 0.0
    for a, b in value_chunks(array, expected):
        largest = float(np.maximum(largest, differences(a, b).max(initial=0.0)))
    return largest if np.isfinite(largest) else None


def _compare_labels(
    scores: np.ndarray, expected: np.ndarray, classes: Sequence[str]
) -> dict[str, Any]:
    """Compute a classifier's share of equal labels, and list the first samples that differ."""
    equal = largest_columns(scores) == largest_columns(expected)
    unequal = np.flatnonzero(~equal)[:_NAMED_SAMPLES]
    return {
        "equal_labels": float(equal.mean()),
        "unequal_samples": unequal.tolist(),
        "differing": [_labels(int(row), scores, expected, classes) for row in unequal],
    }


def _judged_within(
    outputs: np.ndarray, expected: np.ndarray, difference: np.ndarray, error: ExpectedError
) -> dict[str, Any]:
    """Judge the values of a quantised model that are not beyond what any may differ by.

    So many may be beyond as the user allows, which says nothing of a wrong scale of all others.
    """
    is_beyond = ~(difference <= error.largest)
    a, b = widened(outputs), widened(expected)
    return judge(np.where(is_beyond, b, a), b, np.where(is_beyond, 0.0, difference), error)


def _badness(output: Mapping[str, Any]) -> tuple[bool, float, float]:
    """Sort key: how near to failing an output is, or how much it fails; larger is worse."""
    difference, limit = output["largest_difference"], output["tolerance"]
    fails = not output["passed"]
    if not fails and output.get("allowed_share") is not None:
        return fails, 0.0, 0.0  # more may differ than the tolerance says
    if np.isnan(difference):
        return fails, float("inf"), float("inf")
    if limit == 0:
        return fails, (float("inf") if difference else 0.0), difference
    return fails, difference / limit, difference


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
    apart: ElementDifferences,
    array: np.ndarray,
    expected: np.ndarray,
    calls: Sequence[WholeCall] | None,
) -> list[dict[str, Any]]:
    """List the samples or calls with the largest differences, with both values at that place."""
    listed = []
    for unit in apart.worst_units[:_NAMED_SAMPLES]:
        place = int(apart.unit_place[unit])
        at = place_in(unit, place, expected.shape, calls)
        where = f"{name}[{', '.join(map(str, at))}]" if at else name
        listed.append(
            {
                **({"sample": int(unit)} if calls is None else calls[unit].key),
                "answer": {"label": where, "value": _plain(value_at(array, unit, place, calls))},
                "reference": {
                    "label": where,
                    "value": _plain(value_at(expected, unit, place, calls)),
                },
            }
        )
    return listed


def _plain(value: Any) -> float | str:
    """Convert a value for JSON."""
    if isinstance(value, str | bytes):
        return escaped(value)
    if isinstance(value, complex | np.complexfloating):
        return str(value)
    number = float(value)
    return number if np.isfinite(number) else str(number)
