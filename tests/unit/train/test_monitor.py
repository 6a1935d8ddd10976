"""The monitor of a training: history, checkpoint and Ctrl-C."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from training_data import (
    marked_weights,
)

from train.metrics import cross_entropy
from train.monitor import Monitor
from train.weights import load_weights

VAL_LABELS = np.array([0, 1, 2, 3])


def _val_logits(right: int, sure: float) -> np.ndarray:
    """Logits of four images of which so many are right; the surer, the lower the loss."""
    chosen = np.where(np.arange(4) < right, VAL_LABELS, 7)
    return np.eye(8, dtype=np.float32)[chosen] * (sure if right else 1)


def _kept(path: Path) -> float:
    return float(load_weights(path)[0]["head.bias"][0])


@pytest.mark.parametrize(
    ("epochs", "best"),
    [
        ([(1, 1.0), (3, 1.0), (2, 1.0)], 2),  # the highest accuracy
        ([(2, 1.0), (2, 0.5), (2, 0.1)], 1),  # then the lowest loss
        ([(4, 1.0), (4, 2.0), (4, 3.0)], 3),
        ([(2, 1.0), (2, 1.0)], 1),  # then the earlier one
    ],
)
def test_the_monitor_keeps_the_best_epoch(
    tmp_path: Path, epochs: list[tuple[int, float]], best: int
) -> None:
    path = tmp_path / "w.safetensors"
    with Monitor("test", len(epochs), 1, path) as monitor:
        for number in monitor.epochs():
            monitor.step(2.0)
            monitor.step(1.0)
            monitor.end_epoch(_val_logits(*epochs[number]), VAL_LABELS, marked_weights(number + 1))
    assert not monitor.interrupted
    assert monitor.checkpoint.best is not None
    assert (
        monitor.checkpoint.best.epoch
        == best
        == _kept(path)
        == monitor.checkpoint.load()["head.bias"][0]
    )
    description = json.loads(json.dumps(monitor.describe()))
    assert description["best_epoch"] == best
    assert description["interrupted"] is False
    assert [epoch["epoch"] for epoch in description["history"]] == list(range(1, len(epochs) + 1))
    assert description["history"][0]["loss"] == 1.5
    assert description["history"][0]["val_accuracy"] == epochs[0][0] / 4
    assert description["history"][0]["val_loss"] == pytest.approx(
        cross_entropy(_val_logits(*epochs[0]), VAL_LABELS)
    )


def test_an_epochs_weights_are_on_disk_when_it_ends(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    with Monitor("test", 2, 1, path) as monitor:
        for number in monitor.epochs():
            monitor.step(1.0)
            monitor.end_epoch(_val_logits(number + 1, 1), VAL_LABELS, marked_weights(number))
            assert _kept(path) == number


def test_ctrl_c_ends_the_training_and_keeps_the_best(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    with Monitor("test", 9, 1, path) as monitor:
        for number in monitor.epochs():
            monitor.step(1.0)
            if number == 2:
                raise KeyboardInterrupt
            monitor.end_epoch(_val_logits(2 - number, 1), VAL_LABELS, marked_weights(number + 1))
    assert monitor.interrupted
    assert monitor.describe()["interrupted"] is True
    assert monitor.describe()["best_epoch"] == 1 == _kept(path)
    assert len(monitor.history) == 2


def test_ctrl_c_in_the_first_epoch_leaves_nothing(tmp_path: Path) -> None:
    with Monitor("test", 9, 1, tmp_path / "w.safetensors") as monitor:
        raise KeyboardInterrupt
    assert monitor.interrupted
    assert monitor.checkpoint.best is None
    assert not list(tmp_path.iterdir())


def test_other_errors_pass_through_the_monitor(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), Monitor("test", 1, 1, tmp_path / "w") as monitor:
        raise ZeroDivisionError
    assert not monitor.interrupted
