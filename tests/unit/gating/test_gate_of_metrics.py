"""The gate holds any metric to a margin, on the samples of the baseline."""

from dataclasses import replace

import numpy as np
import pytest

from infer.errors import BaselineError
from infer.gating.baseline_file import read_baseline, render_baseline
from infer.gating.evaluation import evaluate
from infer.gating.gate_input import GateInput
from infer.gating.kept_metric import KeptMetric
from infer.gating.margins import Margins, check_names
from infer.gating.result import CheckKind, Verdict
from infer.gating.update import much_worse
from infer.metrics.metric import mean, share
from infer.metrics.score import Score, scores_of_parts
from tests.support.gate_entries import GOOD, kept

RANDOM = np.random.default_rng(4)
ERRORS = RANDOM.exponential(size=400)
FOUND = RANDOM.random(400) < 0.8


def metric(values, *, lower=True, judged=True):
    """A metric of values of samples, or of flags."""
    kind = (
        share("m", "p", "") if values.dtype == bool else mean("m", "p", "", lower_is_better=lower)
    )
    return KeptMetric(scores_of_parts([kind], {"p": values})["m"], judged)


def check_of(now, before, *, margins=None, **fields):
    """The check of the metric `dice`."""
    old = replace(GOOD, metrics={"dice": before} if before else {})
    new = replace(GOOD, metrics={"dice": now} if now else {}, **fields)
    result = evaluate(GateInput({"m": new}), kept({"m": old}), margins)
    found = [check for check in result.checks if check.kind == CheckKind.METRIC]
    assert len(found) < 2
    return found[0] if found else None


def test_a_metric_of_another_output_or_function_is_not_compared():
    before = replace(metric(ERRORS), origin="segmentation mask=coarse")
    check = check_of(replace(before, origin="segmentation mask=fine"), before)

    assert check.verdict == Verdict.FAILED
    assert (
        "from segmentation mask=fine, that of the baseline was from segmentation mask=coarse"
        in (check.detail)
    )
    kept_before = kept({"m": replace(GOOD, metrics={"dice": before})})
    assert "segmentation mask=coarse" in render_baseline(kept_before)
    other = replace(GOOD, accuracy_origin="classification scores=b")
    result = evaluate(GateInput({"m": other}), kept({"m": GOOD}))
    (accuracy,) = [check for check in result.checks if check.kind == CheckKind.ACCURACY]
    assert accuracy.verdict == Verdict.FAILED and "scores=b" in accuracy.detail


@pytest.mark.parametrize(
    ("now", "margin", "verdict"),
    [
        (ERRORS, "0%", Verdict.PASSED),
        (ERRORS * 0.5, "0%", Verdict.PASSED),
        (ERRORS * 1.005, "1%", Verdict.PASSED),
        (ERRORS * 1.05, "1%", Verdict.FAILED),
        (ERRORS * 1.05, "10%", Verdict.PASSED),
        (ERRORS + RANDOM.normal(size=400), "1%", Verdict.NOT_SURE),
        (ERRORS * 1.05, "off", Verdict.OFF),
    ],
)
def test_a_mean_is_held_by_the_interval_of_the_paired_difference(now, margin, verdict):
    check = check_of(metric(now), metric(ERRORS), margins={"dice": margin})

    assert check.verdict == verdict, check.detail
    assert check.name == "dice" and check.metric == "dice"


def test_what_is_better_depends_on_the_metric():
    lower, higher = (
        check_of(metric(ERRORS * 0.9, lower=lower), metric(ERRORS, lower=lower))
        for lower in (True, False)
    )

    assert (lower.verdict, higher.verdict) == (Verdict.PASSED, Verdict.FAILED)
    assert higher.figures.high < higher.figures.allowed < 0


def test_a_share_is_held_by_tangos_interval():
    worse = FOUND.copy()
    worse[np.flatnonzero(FOUND)[:40]] = False

    assert check_of(metric(worse), metric(FOUND)).verdict == Verdict.FAILED
    assert check_of(metric(FOUND), metric(FOUND)).verdict == Verdict.PASSED


def test_only_metrics_that_tell_are_judged_unless_a_margin_names_them():
    now, before = metric(ERRORS * 2, judged=False), metric(ERRORS, judged=False)

    assert check_of(now, before) is None
    assert check_of(now, before, margins={"DICE": "1%"}).verdict == Verdict.FAILED


def test_a_metric_without_anything_to_compare():
    assert check_of(metric(ERRORS), None).verdict == Verdict.NOT_JUDGED
    assert check_of(None, metric(ERRORS)).verdict == Verdict.FAILED
    others = check_of(metric(ERRORS), metric(ERRORS), inputs="j" * 64)
    assert others.verdict == Verdict.NOT_JUDGED
    assert check_of(metric(FOUND), metric(FOUND ^ True), margins={"dice": "100%"}).verdict == (
        Verdict.NOT_JUDGED
    )


@pytest.mark.parametrize("lower", [True, False])
def test_a_metric_without_an_interval_does_not_pass_if_its_value_is_worse(lower):
    small, large = (KeptMetric(Score(value, 400, lower), True) for value in (0.5, 0.9))
    better, worse = check_of(small, large), check_of(large, small)
    if not lower:
        better, worse = worse, better

    assert (better.verdict, worse.verdict) == (Verdict.NOT_JUDGED, Verdict.NOT_SURE)
    assert "no interval is known" in worse.detail


@pytest.mark.parametrize("values", [ERRORS, FOUND])
def test_a_metric_that_is_turned_round_does_not_pass(values):
    now, before = metric(values), metric(values, lower=False)
    now = replace(now, score=replace(now.score, lower_is_better=True))

    for pair in ((now, before), (before, now)):
        check = check_of(*pair)
        assert check.verdict == Verdict.FAILED and "the other way round" in check.detail


def test_a_margin_of_a_metric_that_is_nowhere_is_not_passed_over():
    check = check_of(None, None, margins={"macro_f1": "1%"})

    assert check.verdict == Verdict.NOT_JUDGED and check.metric == "macro_f1"
    assert check_of(None, None, margins={"macro_f1": "off"}) is None


def test_a_baseline_is_not_updated_with_a_metric_that_is_surely_worse():
    old = kept({"m": replace(GOOD, metrics={"dice": metric(ERRORS)})})
    new = replace(GOOD, metrics={"dice": metric(ERRORS * 1.2)})

    reasons = much_worse(GateInput({"m": new}), old)

    assert list(reasons) == ["m"] and reasons["m"].startswith("dice: ")


def test_the_file_gives_back_what_a_comparison_needs(tmp_path):
    values = np.where(RANDOM.random(400) < 0.01, ERRORS, ERRORS)
    holes = KeptMetric(Score(1.5, 400, True, None, np.array([1.0, np.nan, 2.0])), True)
    baseline = kept(
        {"m": replace(GOOD, metrics={"a": metric(values), "b": metric(FOUND), "c": holes})}
    )
    text = render_baseline(baseline)
    (tmp_path / "b.json").write_text(text)

    read = read_baseline(tmp_path / "b.json").artifacts["m"].metrics

    assert render_baseline(read_baseline(tmp_path / "b.json")) == text
    assert len(text) < 20_000
    spread = np.ptp(metric(values).score.replicates)
    gap = np.abs(read["a"].score.replicates - metric(values).score.replicates)
    assert gap.max() < 1e-4 * spread
    assert read["b"].score.flags.tolist() == FOUND.tolist()
    assert np.isnan(read["c"].score.replicates).tolist() == [False, True, False]
    assert check_of(metric(values), read["a"], margins={"dice": "0%"}).verdict == Verdict.PASSED


def test_a_damaged_metric_is_refused(tmp_path):
    text = render_baseline(kept({"m": replace(GOOD, metrics={"b": metric(FOUND)})}))
    (tmp_path / "b.json").write_text(text.replace('"samples": 400', '"samples": 90'))

    with pytest.raises(BaselineError, match=r"metrics\.b"):
        read_baseline(tmp_path / "b.json")


def test_margins_of_what_is_not_judged_are_refused():
    check_names(["latency", "mAP", "Dice", "top_3"], ["dice", "map"])
    with pytest.raises(ValueError, match="there is no margin 'latancy'"):
        check_names(["latancy"], ["dice"])
    margins = Margins.from_texts({"Dice": "5%"}, {"dice": "2%"})
    assert margins.metric("dice") == margins.metric("DICE") == 0.02
    assert margins.metric("other") == 0.01


def test_a_metric_that_is_gone_fails_with_the_reason_of_the_run():
    old = replace(GOOD, metrics={"dice": metric(ERRORS), "mAP": metric(ERRORS)})
    missing = {"m": ("metric dice: KeyError: 'y'", "--task detection: no output is boxes")}
    run = GateInput({"m": GOOD}, missing_metrics=missing)

    checks = [c for c in evaluate(run, kept({"m": old})).checks if c.kind == CheckKind.METRIC]

    assert {check.metric: check.detail for check in checks} == {
        "dice": "the baseline has dice, this run has none (metric dice: KeyError: 'y')",
        "mAP": "the baseline has mAP, this run has none (--task detection: no output is boxes)",
    }
