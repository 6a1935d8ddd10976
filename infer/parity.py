"""Whether two artifacts agree: the numbers, the labels, the task."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.metrics import accuracy_score, precision_recall_fscore_support

from infer.outcome import Failure, Outcome

# Largest absolute difference of a probability that rounding explains, by precision. In float32
# a sum of a thousand products, fifteen layers deep, is good to about 1e-5 of its value.
TOLERANCES = {"float32": 1e-4, "float64": 1e-9, "float16": 1e-2, "bfloat16": 5e-2}
_NAMED_SAMPLES = 20

Outputs = dict[str, np.ndarray]


def read_outputs(folder: Path) -> Outputs:
    """The outputs that a worker left in a folder, by name."""
    names = json.loads((folder / "outputs.json").read_text())
    return {
        name: np.load(folder / f"output_{index}.npy", allow_pickle=False)
        for index, name in enumerate(names)
    }


def check_outputs(outputs: Outputs, samples: int, classes: int | None) -> None:
    """Check that outputs are finite and have a row a sample.

    Raises:
        Failure: they are not.
    """
    for name, array in outputs.items():
        if array.ndim == 0 or len(array) != samples:
            raise Failure(
                Outcome.PARITY_FAIL,
                f"'{name}' has the shape {array.shape}, expected {samples} rows",
            )
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            bad = int((~np.isfinite(array)).reshape(samples, -1).any(axis=1).sum())
            raise Failure(Outcome.NON_FINITE, f"'{name}' is not finite in {bad} of {samples} rows")
        if classes and array.ndim == 2 and array.shape[1] != classes:
            raise Failure(
                Outcome.PARITY_FAIL,
                f"'{name}' has {array.shape[1]} classes, the labels and manifest say {classes}",
            )


def take(outputs: Outputs, rows: list[int]) -> Outputs:
    """Some rows of outputs, by their numbers."""
    return {name: array[rows] if array.ndim else array for name, array in outputs.items()}


def compare(outputs: Outputs, reference: Outputs, tolerance: float) -> dict[str, Any]:
    """Numbers and labels of an artifact beside the reference's.

    Args:
        outputs: by name, each N x anything; outputs are paired by name, or, if both
            have just one, by that.
        reference: the same of the reference.
        tolerance: largest absolute difference that passes.

    Returns:
        The largest differences, `passed`, and for classifiers the share of equal labels.

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
    largest = relative = 0.0
    labels: dict[str, Any] = {}
    for name, expected in reference.items():
        array = outputs[name]
        if array.shape != expected.shape:
            raise Failure(
                Outcome.PARITY_FAIL,
                f"'{name}' has the shape {array.shape}, the reference's {expected.shape}",
            )
        wide = expected.astype(np.float64)
        with np.errstate(invalid="ignore"):
            difference = np.abs(array.astype(np.float64) - wide)
            shares = difference / np.maximum(np.abs(wide), 1e-12)
        # NumPy's maximum, unlike Python's, keeps a NaN, which then passes no tolerance.
        largest = float(np.maximum(largest, difference.max(initial=0)))
        relative = float(np.maximum(relative, shares.max(initial=0)))
        if expected.ndim == 2 and expected.shape[1] > 1 and not labels:
            equal = array.argmax(axis=1) == expected.argmax(axis=1)
            labels = {
                "equal_labels": float(equal.mean()),
                "unequal_samples": np.flatnonzero(~equal)[:_NAMED_SAMPLES].tolist(),
            }
    return {
        "largest_difference": largest,
        "largest_relative_difference": relative,
        "tolerance": tolerance,
        "passed": largest <= tolerance,
        **labels,
    }


def seven_metrics(probabilities: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """Accuracy, and precision, recall and F1 as macro and weighted averages, all in 0..1.

    Args:
        probabilities: N x classes; the class with the largest value counts.
        labels: N, the true classes.
    """
    predicted = probabilities.argmax(axis=1)
    metrics = {"accuracy": float(accuracy_score(labels, predicted))}
    for average in ("macro", "weighted"):
        scores = precision_recall_fscore_support(
            labels, predicted, average=average, zero_division=0
        )
        for name, score in zip(("precision", "recall", "f1"), scores, strict=False):
            metrics[f"{average}_{name}"] = float(score)
    return metrics
