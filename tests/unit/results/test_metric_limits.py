"""Limits of metrics by which an artifact is chosen."""

from types import SimpleNamespace

import pytest

from infer.cli.choose import _named_number
from infer.records.agreement import MetricInterval
from infer.results.metric_limits import Findings, MetricLimits, check_metrics

ROW = SimpleNamespace(
    samples=1000,
    metrics={"accuracy": 0.9, "mean_iou": 0.6, "rmse": 2.0, "own": 0.9},
    metric_intervals={
        "accuracy": MetricInterval(False, True, 0.88, 0.92, 0.0, 0.0, 0.0),
        "mean_iou": MetricInterval(False, True, 0.55, 0.65, -0.02, -0.03, -0.01),
        "own": MetricInterval(False, True),
        "rmse": MetricInterval(True, True, 1.9, 2.1, 0.1, -0.05, 0.25),
    },
)


def found(**limits):
    findings = Findings([], [], [])
    check_metrics(ROW, MetricLimits(**limits), findings)
    return findings.out, findings.unknown, findings.doubts


@pytest.mark.parametrize(
    ("limits", "numbers"),
    [
        ({"least": {"accuracy": 0.87}}, (0, 0, 0)),
        ({"least": {"Mean_IoU": 0.58}}, (0, 0, 1)),
        ({"least": {"mean_iou": 0.61}}, (1, 0, 0)),
        ({"most": {"rmse": 2.2}}, (0, 0, 0)),
        ({"most": {"rmse": 2.05}}, (0, 0, 1)),
        ({"most": {"rmse": 1.5}}, (1, 0, 0)),
        ({"least": {"map": 0.5}}, (0, 1, 0)),
        ({"least": {"own": 0.5}}, (0, 1, 0)),
        ({"least": {"own": 0.95}}, (1, 0, 0)),
        ({"margins": {"mean_iou": 0.1}}, (0, 0, 0)),
        ({"margins": {"mean_iou": 0.01}}, (1, 0, 0)),
        ({"margins": {"rmse": 0.1}}, (0, 1, 0)),
        ({"margins": {"rmse": 0.2}}, (0, 0, 0)),
    ],
)
def test_a_metric_meets_a_limit_or_falls_out_or_is_not_known(limits, numbers):
    assert tuple(map(len, found(**limits))) == numbers


def test_limits_are_read_as_values_or_shares():
    assert _named_number("accuracy=95%") == ("accuracy", 0.95)
    assert _named_number("rmse=2e-1") == ("rmse", 0.2)
    for wrong in ("accuracy", "=1", "x=nan", "x=one"):
        with pytest.raises(ValueError, match="is not METRIC=VALUE"):
            _named_number(wrong)


def test_only_a_function_of_ones_own_can_be_written_otherwise():
    row = SimpleNamespace(samples=9, metrics={"mAP": 0.9, "own": 0.9}, metric_intervals={})
    findings = Findings([], [], [])
    check_metrics(row, MetricLimits(least={"map": 0.5, "own": 0.5}), findings)

    of_map, of_own = findings.unknown
    assert "give more samples" in of_map and "function" not in of_map
    assert "let the function return a number for each sample" in of_own
