"""The reports of a gate, and what programs read of its result."""

import xml.etree.ElementTree as ElementTree
from dataclasses import replace

from gate_entries import (
    BASELINE,
    GOOD,
    SETUP,
    beside,
    kept,
)

from infer.gating import report
from infer.gating.baseline import BaselineEntry
from infer.gating.evaluation import evaluate
from infer.gating.gate_input import GateInput
from infer.gating.margins import DEFAULTS
from infer.gating.result import CheckKind
from infer.outcome import Outcome


def bad_result():
    gate_input = GateInput(
        {
            "a|b": replace(GOOD, bytes=2000),
            "m": GOOD,
            "x": BaselineEntry(Outcome.CRASH, "killed\x1b <now>"),
        },
        {"m": beside(1.05, 1.08, 1.12)},
        SETUP,
        seconds=60.0,
    )
    return evaluate(gate_input, kept({"a|b": GOOD, "m": GOOD, "x": GOOD}))


def test_the_markdown_names_what_failed_and_what_to_do():
    text = report.as_markdown(bad_result())
    assert text.startswith("## ❌ Gate failed: ")
    assert "**✗ +100.0%**" in text
    assert "a\\|b" in text
    assert "- **m, latency, batch 8: not sure**" in text
    assert "What to do:" in text
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    assert len({line.replace("\\|", "").count("|") for line in rows}) == 1


def test_the_junit_file_counts_what_it_holds():
    root = ElementTree.fromstring(report.as_junit(bad_result()))
    cases = root.findall(".//testcase")
    suite = root.find("testsuite")
    assert int(suite.get("tests")) == len(cases)
    assert int(suite.get("failures")) == len(root.findall(".//failure")) == 3
    assert int(suite.get("skipped")) == len(root.findall(".//skipped"))
    failure = next(c for c in cases if c.get("classname") == "x").find("failure")
    assert "killed" in failure.get("message")


def test_programs_get_the_kind_and_the_figures_of_each_check():
    checks = report.as_json(bad_result())["checks"]
    latency = next(c for c in checks if c["artifact"] == "m" and c["kind"] == "latency")
    assert (latency["workload"], latency["name"]) == ("batch 8", "latency, batch 8")
    assert latency["measured"]["ratio"] == 1.08
    assert latency["figure"] == "x 1.08 [1.05, 1.12]"
    crashed = next(c for c in checks if c["artifact"] == "x")
    assert crashed["measured"] == {
        **{"state": "failed", "outcome": "crash"},
        **{"as_before": False, "in_baseline": True},
    }
    assert {c["kind"] for c in checks} <= set(CheckKind)


def test_what_failed_to_run_is_told_by_its_state_not_by_a_text(monkeypatch):
    monkeypatch.setattr(report, "figure", lambda check: "whatever")
    crashed = BaselineEntry(Outcome.CRASH)
    run = GateInput({"x": crashed, "old": crashed, "m": GOOD}, setup=SETUP, unreadable={"u": "no"})
    before = kept({"x": GOOD, "old": crashed, "gone": GOOD, "u": GOOD, "m": GOOD})
    result = evaluate(run, before)
    failed = [check.artifact for check in result.failed_to_run(also_as_before=False)]
    assert failed == ["x", "u"]
    failed = [check.artifact for check in result.failed_to_run(also_as_before=True)]
    assert failed == ["x", "old", "u"]


def test_kinds_are_tested_with_the_outcome_or_with_their_margin():
    assert list(dict.fromkeys(kind.group for kind in CheckKind)) == ["outcome", *DEFAULTS]
    assert CheckKind.GPU_MEMORY.group == "memory"
    assert CheckKind.INPUTS.group == "outcome"


def test_the_worst_check_is_the_judgement():
    assert bad_result().verdict == "failed"
    unsure = evaluate(GateInput({"m": GOOD}, {"m": beside(1.0, 1.1, 1.2)}, SETUP), BASELINE)
    assert unsure.verdict == "not sure"
    assert evaluate(GateInput({"m": GOOD}, setup=SETUP), BASELINE).verdict == "passed"
