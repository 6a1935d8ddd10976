"""Metrics and calibration of known cases."""

from __future__ import annotations

import math

import numpy as np
import pytest

from train.metrics import Calibration, calibration, confusion, cross_entropy, seven_metrics


def test_the_seven_metrics_of_a_known_case() -> None:
    labels = np.array([0, 0, 0, 1])
    logits = np.eye(2)[[0, 0, 1, 1]]
    metrics = seven_metrics(logits, labels)
    assert metrics == pytest.approx(
        {
            "accuracy": 3 / 4,
            "macro_precision": (1 + 1 / 2) / 2,
            "macro_recall": (2 / 3 + 1) / 2,
            "macro_f1": (4 / 5 + 2 / 3) / 2,
            "weighted_precision": 3 / 4 * 1 + 1 / 4 * 1 / 2,
            "weighted_recall": 3 / 4,
            "weighted_f1": 3 / 4 * 4 / 5 + 1 / 4 * 2 / 3,
        }
    )


def test_the_confusion_of_a_known_case_counts_true_classes_by_row() -> None:
    labels = np.array([0, 0, 0, 1])
    assert confusion(np.eye(3)[[0, 0, 1, 1]], labels) == [[2, 1, 0], [0, 1, 0], [0, 0, 0]]


def test_calibration_of_known_cases() -> None:
    def calibration_of(confidence: float, right: list[bool]) -> Calibration:
        """Two classes, all samples equally sure, some of them rightly."""
        logits = np.tile([math.log(confidence), math.log(1 - confidence)], (len(right), 1))
        return calibration(logits, np.where(right, 0, 1))

    fair = calibration_of(0.75, [True, True, True, False])
    assert fair.expected_error == pytest.approx(0)
    assert fair.bins == [(4, pytest.approx(0.75), 0.75)]
    assert calibration_of(0.95, [True, False]).expected_error == pytest.approx(0.45)
    assert calibration_of(0.95, [True, False]).cross_entropy == pytest.approx(
        -(math.log(0.95) + math.log(0.05)) / 2
    )
    certain = calibration(np.eye(8) * 1e4, np.arange(8))
    assert certain.bins == [(8, 1.0, 1.0)], "a confidence of 1 has a bin"
    both = np.log([[0.6, 0.4], [0.9, 0.1]])
    assert calibration(both, np.array([1, 0])).expected_error == pytest.approx((0.6 + 0.1) / 2)


def test_cross_entropy_of_known_cases() -> None:
    labels = np.array([0, 3])
    assert cross_entropy(np.zeros((2, 8), np.float32), labels) == pytest.approx(math.log(8))
    assert cross_entropy(np.eye(8, dtype=np.float32)[labels] * 1e4, labels) == 0
    assert cross_entropy(-np.eye(8, dtype=np.float32)[labels] * 1e4, labels) == pytest.approx(
        1e4 + math.log(7)
    )
