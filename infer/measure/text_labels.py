"""Accuracy by labels that are text: an output that answers with text is compared with them."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np

from ..parity import predictions
from ..parity.metrics import label_metrics
from ..stats.accuracy import paired_difference
from ..tensors.dtypes import kind_of
from ..tensors.outputs import Outputs

_NO_ANSWER = (
    "the labels are text, and no output answers with text: the accuracy takes labels that are "
    "numbers of classes, or the names of the classes in a manifest"
)


def numbers_of_classes(labels: np.ndarray, classes: tuple[str, ...]) -> np.ndarray:
    """Number labels that are text by the names of the classes.

    Args:
        labels: N; numbers are returned unchanged.
        classes: names of the classes; empty if they are not known.

    Returns:
        int64 N; the labels themselves if one of them is no class.
    """
    if kind_of(labels.dtype) != "text" or not set(labels.tolist()) <= set(classes):
        return labels
    numbers = {name: number for number, name in enumerate(classes)}
    return np.array([numbers[label] for label in labels.tolist()], np.int64)


def evaluate_answers(
    labels: np.ndarray,
    outputs: Outputs,
    expected: Outputs,
    differing: list[dict[str, Any]],
    notes: list[str],
) -> dict[str, Any]:
    """Evaluate a classifier that answers with text.

    Args:
        labels: true classes, text N.
        outputs: outputs of the artifact, by the reference's names.
        expected: outputs of the reference.
        differing: samples of different outputs; each is given its true class.
        notes: list to which a note is added if no output answers with text.
    """
    name = next(
        (
            name
            for name, array in expected.items()
            if kind_of(array.dtype) == "text" and array.size == len(array) == len(labels)
        ),
        None,
    )
    if name is None:
        notes.append(_NO_ANSWER)
        return {"metrics": None, "correct": None, "accuracy_difference": None}
    predicted, wanted = (array[name].reshape(-1).astype(np.str_) for array in (outputs, expected))
    for sample in differing:
        sample["true"] = str(labels[sample["sample"]])
    right = predicted == labels
    return {
        "metrics": label_metrics(predicted, labels),
        "correct": predictions.pack(right),
        "accuracy_difference": asdict(paired_difference(right, wanted == labels)),
    }
