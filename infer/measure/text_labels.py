"""Labels that are text, as numbers of classes."""

from __future__ import annotations

import numpy as np

from ..tensors.dtypes import kind_of


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
