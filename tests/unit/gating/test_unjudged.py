"""What is switched off, missing or not judged shows in every form of the result."""

import io
import xml.etree.ElementTree as ElementTree
from dataclasses import replace

import numpy as np
import pytest
from gate_entries import BASELINE, GOOD, SETUP, beside, kept, verdicts
from rich.console import Console

from infer.gating import report
from infer.gating.baseline import Baseline, BaselineEntry
from infer.gating.evaluation import evaluate
from infer.gating.gate_input import GateInput
from infer.gating.margins import DEFAULTS
from infer.outcome import Outcome

ALL_OFF = dict.fromkeys(DEFAULTS, "off")


def printed(result):
    console = Console(width=200, record=True, file=io.StringIO())
    report.show(result, console)
    return console.export_text()


def test_margins_that_are_off_show_everywhere():
    run = GateInput({"m": GOOD}, {"m": beside(0.9, 1.0, 1.1)}, SETUP)
    result = evaluate(run, BASELINE, ALL_OFF)

    assert {c.name: c.verdict for c in result.checks} == {
        "outcome": "passed",
        **dict.fromkeys(("former", "parity", "accuracy", "latency", "memory", "size"), "off"),
    }
    (notice,) = result.notices
    assert "nothing was judged but whether it runs" in notice
    assert report.headline(result) == "Gate passed: 1 passed, 6 off"
    assert notice in printed(result) and "parity: off: switched off by" in printed(result)
    assert notice in report.as_markdown(result).replace("\\", "")
    assert report.as_json(result)["notices"] == [notice]
    junit = ElementTree.fromstring(report.as_junit(result))
    skipped = {c.get("name") for c in junit.iter("testcase") if c.find("skipped") is not None}
    assert skipped == {"former", "parity", "accuracy", "latency", "memory", "size"}
    assert int(junit.get("skipped")) == 6
    assert notice in "".join(junit.itertext())


def test_one_margin_that_is_off_is_no_failure_of_a_strict_gate():
    run = GateInput({"m": GOOD}, {"m": beside(0.9, 1.0, 1.1)}, SETUP)
    result = replace(evaluate(run, BASELINE, {"parity": "off"}), strict=True)
    assert result.verdict == "passed"
    assert not result.notices
    junit = ElementTree.fromstring(report.as_junit(result))
    assert (junit.get("skipped"), junit.get("failures")) == ("1", "0")


def test_an_empty_baseline_passes_nothing():
    result = evaluate(GateInput({"m": GOOD}, setup=SETUP), Baseline({}))
    assert (result.verdict, result.exit_status) == ("not judged", 4)
    assert "nothing was held against it" in result.notices[0]
    junit = ElementTree.fromstring(report.as_junit(result))
    failed = [c.get("name") for c in junit.iter("testcase") if c.find("failure") is not None]
    assert failed == ["baseline"]
    assert junit.get("failures") == "1"
    assert report.as_json(result)["verdict"] == "not judged"


def test_an_update_that_was_refused_shows():
    result = replace(evaluate(GateInput({"m": GOOD}, setup=SETUP), BASELINE), refused=("m: worse",))
    assert result.exit_status == 1
    assert "much worse: m: worse" in report.as_markdown(result)
    assert report.as_json(result)["refused"] == ["m: worse"]
    junit = ElementTree.fromstring(report.as_junit(result))
    assert "much worse: m: worse" in junit.find(".//failure").get("message")


def test_a_new_artifact_beside_known_ones_is_said_to_be_new():
    result = evaluate(GateInput({"m": GOOD, "new": GOOD}, setup=SETUP), BASELINE)
    (check,) = [c for c in result.checks if c.artifact == "new" and c.kind == "outcome"]
    assert "not in the baseline" in check.detail
    assert check.measured["in_baseline"] is False


def test_no_accuracy_anywhere_is_not_judged():
    bare = replace(GOOD, correct=None)
    check = verdicts(bare, baseline=kept({"m": bare}))["accuracy"]
    assert check.verdict == "not judged"
    assert "labels" in check.remedy


def test_a_margin_that_lets_all_be_wrong_judges_nothing():
    wrong = replace(GOOD, correct=~GOOD.correct)
    assert verdicts(wrong, margins={"accuracy": "100%"})["accuracy"].verdict == "not judged"
    never = replace(GOOD, correct=np.zeros(1000, bool))
    assert verdicts(GOOD, baseline=kept({"m": never}))["accuracy"].verdict == "not judged"


def test_an_artifact_of_the_baseline_that_was_not_named_fails():
    result = evaluate(GateInput({"m": GOOD}, setup=SETUP), kept({"m": GOOD, "a b": GOOD}))
    (check,) = [c for c in result.checks if c.artifact == "a b"]
    assert check.verdict == "failed"
    assert "--drop 'a b'" in check.remedy


def failed(outcome, cause, reason="it says this today"):
    return BaselineEntry(outcome, reason, cause)


@pytest.mark.parametrize(
    ("now", "verdict"),
    [
        (failed(Outcome.LOAD_ERROR, "not trusted", "other words"), "passed"),
        (failed(Outcome.LOAD_ERROR, "altered"), "failed"),
        (failed(Outcome.LOAD_ERROR, "load: InvalidGraph"), "failed"),
        (failed(Outcome.LOAD_ERROR, ""), "failed"),
        (failed(Outcome.CRASH, "not trusted"), "failed"),
    ],
)
def test_a_failure_is_as_before_by_its_kind_and_not_by_its_words(now, verdict):
    before = kept({"m": failed(Outcome.LOAD_ERROR, "not trusted")})
    check = verdicts(now, baseline=before)["outcome"]
    assert check.verdict == verdict
    assert check.measured["as_before"] == (verdict == "passed")


def test_other_weights_need_an_accuracy_to_pass():
    retrained = replace(GOOD, weights="w" * 64)
    assert verdicts(retrained)["parity"].verdict == "passed"  # beside the run's reference
    bare = replace(GOOD, correct=None)
    other = replace(retrained, correct=None)
    assert verdicts(other, baseline=kept({"m": bare}))["parity"].verdict == "failed"
    off = verdicts(retrained, margins={"accuracy": "off"})["parity"]
    assert off.verdict == "failed"
    assert "no accuracy" in off.detail
