"""Whether two artifacts agree: the numbers, the labels, the task."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import AmbiguousMatchError, MapError
from ..outcome import Failure, Outcome
from ..tensors.differences import differences, finite, same_non_finite
from ..tensors.dtypes import dtype_of, epsilon_of, kind_of, widened
from ..tensors.layouts import layouts
from ..tensors.matching import TensorMatch, match_tensors
from ..tensors.outputs import Outputs
from ..tensors.outputs import read_outputs as read_outputs  # where people look for it
from ..tensors.rules import Rule

# Roundings that may add up, in steps of the precision relative to the largest value of an output.
# Errors of many roundings grow as the square root of their number (Higham and Mary, 2019):
# 1,000 is that of 20,000 products in a sum, in each of 50 layers, all rounded in that precision.
# In the halves sums are kept in float32 and rounded once a layer: 10 is the root of 100 layers.
# In TF32 only the two factors of a product are taken to 10 bits; sums and all else are float32.
# Tensor cores may cut off what is beyond: that is off by 0.58 of a step in the root mean square,
# two by 0.82 a layer, so it is 8 in 100 layers (4, if they are rounded before).
ROUNDINGS = {"float64": 1000, "float32": 1000, "tf32": 8, "float16": 10, "bfloat16": 10, "int8": 10}
# Steps of what is no type of NumPy's: of 8 bits, symmetric; of 10 bits after the point.
_STEPS = {"int8": 1 / 128, "tf32": 2.0**-10}
# The reference differs from itself by its noise; another runtime may by some times that.
NOISE_FACTOR = 10.0
# Comparisons that the user can ask for: results that are not unique in their sign, say.
COMPARISONS = ("value", "abs")
_NAMED_SAMPLES = 20
# Outputs are saturated where so large a share of them is as close as this to 0 or to 1.
_SATURATED_SHARE, _SATURATED_BY = 0.99, 1e-6


@dataclass(frozen=True)
class Tolerance:
    """The largest absolute difference that passes, and how it came about."""

    value: float
    how: str


def check_outputs(
    outputs: Outputs, samples: int, classes: int | None, without_rows: Collection[str] = ()
) -> None:
    """Check that outputs have a row a sample, and a column a class.

    Args:
        outputs: by name.
        samples: how many rows there should be.
        classes: how many columns an output of two dimensions should have, where it is known.
        without_rows: names of outputs that have rows for calls.

    Raises:
        Failure: they have not.
    """
    for name, array in outputs.items():
        if name in without_rows:
            continue
        if array.ndim == 0 or len(array) != samples:
            raise Failure(
                Outcome.PARITY_FAIL,
                f"'{name}' has the shape {array.shape}, expected {samples} rows",
            )
        if len(outputs) == 1 and classes and array.ndim == 2 and array.shape[1] != classes:
            raise Failure(
                Outcome.PARITY_FAIL,
                f"'{name}' has {array.shape[1]} classes, the labels and manifest say {classes}",
            )


def check_finite(outputs: Outputs, reference: Outputs | None = None) -> None:
    """Check that outputs are finite, but where the reference has the same value that is not.

    Args:
        outputs: by name.
        reference: by the same names; None if nothing excuses them.

    Raises:
        Failure: they are not.
    """
    for name, array in outputs.items():
        bad = ~finite(array)
        if reference is not None and name in reference and reference[name].shape == array.shape:
            bad &= ~same_non_finite(array, reference[name])
        if bad.any():
            rows = bad.reshape(bad.shape[0], -1).any(axis=1) if bad.ndim else bad.reshape(1)
            raise Failure(
                Outcome.NON_FINITE,
                f"'{name}' is not finite in {int(rows.sum())} of {rows.size} rows",
            )


def check_as_finite(outputs: Outputs, reference: Outputs, label: str) -> None:
    """Check that outputs are not finite wherever the reference is not.

    Raises:
        Failure: they hold numbers there.
    """
    for name, expected in reference.items():
        if outputs[name].shape == expected.shape:
            more = int((finite(outputs[name]) & ~finite(expected)).sum())
            if more:
                raise Failure(
                    Outcome.PARITY_FAIL,
                    f"'{name}' is finite in {more:,} values where that of {label} is not",
                )


def take(outputs: Outputs, rows: list[int]) -> Outputs:
    """Some rows of outputs, by their numbers."""
    return {name: array[rows] if array.ndim else array for name, array in outputs.items()}


# Pairs


def pair_outputs(
    outputs: Outputs,
    reference: Outputs,
    rules: Mapping[str, Rule],
    label: str,
    reference_label: str,
) -> tuple[Outputs, list[TensorMatch]]:
    """An artifact's outputs as the reference calls them and lays them out.

    Args:
        outputs: of the artifact, by its own names.
        reference: of the reference.
        rules: of the user, by the artifact's names.
        label, reference_label: for what is said to the user.

    Returns:
        The outputs in the reference's order, and the pairs.

    Raises:
        Failure: outputs are missing or too many, or could be several.
    """

    def ways(name: str, other: str) -> list[tuple[int, ...] | None]:
        mine, theirs = kind_of(outputs[name].dtype), kind_of(reference[other].dtype)
        if (mine == "text") != (theirs == "text"):
            return []
        return layouts(outputs[name].shape, reference[other].shape)

    try:
        pairs = match_tensors(
            list(outputs), list(reference), rules, ways, outputs=True, label=label
        )
    except MapError as error:
        raise Failure(Outcome.BAD_INPUT, str(error)) from None
    except AmbiguousMatchError as error:
        raise Failure(Outcome.BAD_INPUT, f"outputs of {reference_label}: {error}") from None
    mine = {one.other: one for one in pairs}
    missing = [name for name in reference if name not in mine]
    extra = outputs.keys() - {one.name for one in pairs}
    if missing or extra:
        # What could be none of those that are missing is rather left out than paired.
        fitting = {name for name in extra if any(ways(name, other) for other in missing)}
        spare = min(extra - fitting or extra) if extra else missing[0]
        raise Failure(
            Outcome.PARITY_FAIL,
            f"outputs are {', '.join(outputs)}, those of {reference_label} are "
            f"{', '.join(reference)}; say which is which with --map {label}:NAME=OTHER, or leave "
            f"one out with --ignore {spare}",
        )
    paired = {}
    for name in reference:
        array = outputs[mine[name].name]
        axes = mine[name].axes
        if axes is not None:
            if len(axes) != array.ndim:
                raise Failure(
                    Outcome.BAD_INPUT,
                    f"'{mine[name].name}' has {array.ndim} dimensions, the layout in --map "
                    f"{len(axes)}",
                )
            array = array.transpose(axes)
        paired[name] = array
    return paired, pairs


# Tolerances


def tolerances(
    reference: Outputs,
    precisions: Iterable[str],
    *,
    given: float | None = None,
    noise: Mapping[str, float] | None = None,
) -> dict[str, Tolerance]:
    """What may differ in each output: from the precision and the reference alone.

    Nothing here knows the outputs that are judged.

    Args:
        reference: outputs of the reference, by name.
        precisions: of the two artifacts; the coarsest counts.
        given: by the user, in place of all else.
        noise: by how much the reference differs from itself, run otherwise, by output.
    """
    return {
        name: Tolerance(given, "given by --tolerance")
        if given is not None
        else _tolerance(array, list(precisions), (noise or {}).get(name, 0.0))
        for name, array in reference.items()
    }


def step_of(precision: str) -> float | None:
    """The relative step of a precision; None for one that is no such thing."""
    if precision in _STEPS:
        return _STEPS[precision]
    try:
        dtype = dtype_of(precision)
    except ValueError:
        return None
    return epsilon_of(dtype) if kind_of(dtype) in ("float", "complex") else None


def _tolerance(array: np.ndarray, precisions: list[str], noise: float) -> Tolerance:
    kind = kind_of(array.dtype)
    if kind in ("text", "bool", "other"):
        return Tolerance(0.0, "equal")
    bound = Tolerance(0.0, "equal, as whole numbers must be")
    if kind == "int" and "int8" in precisions and array.dtype.itemsize == 1:
        bound = Tolerance(1.0, "one step, since the model is quantised")
    if kind in ("float", "complex"):
        # Outputs in a coarser type than the weights are rounded to it.
        own = {"complex64": "float32", "complex128": "float64"}.get(
            array.dtype.name, array.dtype.name
        )
        known = [name for name in [*precisions, own] if step_of(name) is not None]
        precision = max(known, key=lambda name: ROUNDINGS.get(name, 10) * (step_of(name) or 0.0))
        roundings = ROUNDINGS.get(precision, 10)
        values = np.abs(widened(array))
        scale = float(np.max(values, initial=0.0, where=np.isfinite(values))) or 1.0
        bound = Tolerance(
            roundings * (step_of(precision) or 0.0) * scale,
            f"{roundings:,} roundings of {precision} in values up to {scale:.3g}",
        )
    if np.isfinite(noise) and NOISE_FACTOR * noise > bound.value:
        return Tolerance(
            NOISE_FACTOR * noise,
            f"{NOISE_FACTOR:g} times the {noise:.2g} by which the reference differs from itself",
        )
    return bound


# Comparison


def scores_of(reference: Outputs, classes: int | None = None) -> str | None:
    """The name of the output that holds a value for every class; None where none does."""
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
) -> dict[str, Any]:
    """Numbers and labels of an artifact beside the reference's.

    Args:
        outputs: by the reference's names, each N x anything; if both have just one, by any.
        reference: the same of the reference.
        tolerance: largest absolute difference that passes, of all outputs or of each.
        absolute: outputs of which the absolute values are compared.
        classes: names of the classes, where they are known.

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
    limits = {
        name: tolerance[name] if isinstance(tolerance, Mapping) else Tolerance(tolerance, "given")
        for name in reference
    }
    by_output: dict[str, dict[str, Any]] = {}
    found: dict[str, np.ndarray] = {}
    for name, expected in reference.items():
        array = outputs[name]
        if array.shape != expected.shape:
            raise Failure(
                Outcome.PARITY_FAIL,
                f"'{name}' has the shape {array.shape}, the reference's {expected.shape}",
            )
        difference = found[name] = differences(array, expected, absolute=name in absolute)
        if kind_of(expected.dtype) == "text":
            shares = difference
        else:
            with np.errstate(invalid="ignore"):
                shares = difference / np.maximum(np.abs(widened(expected)), 1e-12)
        largest = float(difference.max(initial=0.0))
        by_output[name] = {
            "largest_difference": largest,
            # An infinity differs by nothing from itself; the share of that is no number.
            "largest_relative_difference": float(
                np.where(difference == 0, 0.0, shares).max(initial=0.0)
            ),
            "tolerance": limits[name].value,
            "how": limits[name].how,
            "passed": bool(largest <= limits[name].value),
        }
    if not by_output:
        raise Failure(Outcome.PARITY_FAIL, "there is no output to compare")
    worst = max(by_output, key=lambda name: _badness(by_output[name]))
    result: dict[str, Any] = {
        **by_output[worst],
        "passed": all(one["passed"] for one in by_output.values()),
        "by_output": by_output,
        "differing": [],
    }
    scores = scores_of(reference, len(classes) or None)
    if scores is not None and len(reference[scores]):
        equal = outputs[scores].argmax(axis=1) == reference[scores].argmax(axis=1)
        unequal = np.flatnonzero(~equal)
        result["equal_labels"] = float(equal.mean())
        result["unequal_samples"] = unequal[:_NAMED_SAMPLES].tolist()
        result["differing"] = [
            _answers(int(row), outputs[scores], reference[scores], classes)
            for row in unequal[:_NAMED_SAMPLES]
        ]
    listed = {one["sample"] for one in result["differing"]}
    for name, difference in found.items():
        if len(listed) < _NAMED_SAMPLES and not by_output[name]["passed"] and difference.ndim:
            for one in _beyond(name, difference, outputs[name], reference[name], limits[name]):
                if len(listed) < _NAMED_SAMPLES and one["sample"] not in listed:
                    listed.add(one["sample"])
                    result["differing"].append(one)
    return result


def _badness(one: Mapping[str, Any]) -> tuple[float, float]:
    difference, limit = one["largest_difference"], one["tolerance"]
    if np.isnan(difference):
        return float("inf"), float("inf")
    if limit == 0:
        return (float("inf") if difference else 0.0), difference
    return difference / limit, difference


def _answers(
    row: int, array: np.ndarray, expected: np.ndarray, classes: Sequence[str]
) -> dict[str, Any]:
    """Both answers of a classifier for a sample: labels, and the values of these."""

    def answer(values: np.ndarray) -> dict[str, Any]:
        label = int(values.argmax())
        name = classes[label] if label < len(classes) else str(label)
        return {"label": name, "value": float(widened(values)[label])}

    return {"sample": row, "own": answer(array[row]), "reference": answer(expected[row])}


def _beyond(
    name: str,
    difference: np.ndarray,
    array: np.ndarray,
    expected: np.ndarray,
    limit: Tolerance,
) -> list[dict[str, Any]]:
    """The samples with the largest differences, with both values where it is largest."""
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
                "own": {"label": place, "value": _plain(array[(row, *at)])},
                "reference": {"label": place, "value": _plain(expected[(row, *at)])},
            }
        )
    return listed


def _plain(value: Any) -> float | str:
    """A value as JSON takes it."""
    if isinstance(value, str | bytes | complex | np.complexfloating):
        return str(value)
    number = float(value)
    return number if np.isfinite(number) else str(number)


# Whether the probe means something


def doubts(outputs: Outputs) -> list[str]:
    """Why equal outputs would say little: they are constant, saturated, or the same everywhere.

    Args:
        outputs: of the reference, N x anything each.
    """
    found = []
    for name, array in outputs.items():
        if not array.size:
            found.append(f"'{name}' is empty")
            continue
        if kind_of(array.dtype) == "text":
            if array.size > 1 and (array == array.reshape(-1)[0]).all():
                found.append(f"'{name}' is the same text everywhere")
            continue
        values = widened(array)
        bad = ~finite(array)
        if bad.any():
            found.append(f"'{name}' is not finite in {bad.sum():,} of {array.size:,} values")
        if (values == 0).all():
            found.append(f"'{name}' is 0 everywhere")
        elif array.size > 1 and (values == values.reshape(-1)[0]).all():
            found.append(f"'{name}' is {values.reshape(-1)[0]:g} everywhere")
        elif array.ndim and len(array) > 1 and (values == values[:1]).all():
            found.append(f"'{name}' is the same for all {len(array):,} samples")
        elif _saturated(array):
            found.append(f"'{name}' is saturated: nearly all values are at the ends of their range")
    return found


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


def seven_metrics(probabilities: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """Accuracy, and precision, recall and F1 as macro and weighted averages, all in 0..1.

    Args:
        probabilities: N x classes; the class with the largest value counts.
        labels: N, the true classes.
    """
    # To import it takes half a second, which no other command has to wait for.
    from sklearn.metrics import accuracy_score, precision_recall_fscore_support

    predicted = probabilities.argmax(axis=1)
    metrics = {"accuracy": float(accuracy_score(labels, predicted))}
    for average in ("macro", "weighted"):
        scores = precision_recall_fscore_support(
            labels, predicted, average=average, zero_division=0
        )
        for name, score in zip(("precision", "recall", "f1"), scores, strict=False):
            metrics[f"{average}_{name}"] = float(score)
    return metrics
