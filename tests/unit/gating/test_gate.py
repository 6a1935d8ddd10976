"""The gate's result, on entries that are made up."""

import math
import xml.etree.ElementTree as ElementTree
from dataclasses import replace

import numpy as np
import pytest
from gate_entries import (
    BASELINE,
    GOOD,
    MIB,
    RIGHT,
    SETUP,
    VALUES,
    beside,
    kept,
    sketched,
    verdicts,
    wrong,
)
from msgspec import structs

from infer.gating import report
from infer.gating.baseline import Baseline, BaselineEntry, OutputParity
from infer.gating.baseline_file import read_baseline, render_baseline
from infer.gating.evaluation import evaluate
from infer.gating.gate_input import Agreement, FormerComparison, GateInput
from infer.gating.margins import DEFAULTS, Margins, check_margin
from infer.outcome import Outcome

ON_CARD = structs.replace(SETUP, device="cuda", card="NVIDIA Made Up 9000")
CARD_GOOD = replace(GOOD, gpu_memory=500 * MIB, gpu_memory_by="process", setup=ON_CARD)


@pytest.mark.parametrize(
    ("changes", "setup", "verdict", "message"),
    [
        ({}, {}, "passed", ""),
        ({"gpu_memory": 900 * MIB}, {}, "failed", "900.0 MiB, 500.0 MiB in the baseline"),
        ({}, {"card": "Another"}, "not judged", "was measured on NVIDIA Made Up 9000"),
        ({}, {"device": "cpu"}, "not judged", "measured otherwise, with device cuda"),
        ({"gpu_memory_by": "card"}, {}, "not judged", "told by the card here, and was by the proc"),
    ],
)
def test_memory_of_a_card_is_compared_with_what_was_told_alike(
    tmp_path, changes, setup, verdict, message
):
    path = tmp_path / "baseline.json"
    path.write_text(render_baseline(kept({"m": CARD_GOOD})))

    check = verdicts(
        replace(CARD_GOOD, **changes),
        baseline=read_baseline(path),
        setup=structs.replace(ON_CARD, **setup),
    )["GPU memory"]

    assert check.verdict == verdict
    assert message in check.detail


def test_the_same_again_passes_and_time_is_not_judged_without_the_former_artifact():
    checks = verdicts(GOOD)
    assert {name: check.verdict for name, check in checks.items()} == {
        "outcome": "passed",
        "parity": "passed",
        "accuracy": "passed",
        "latency, batch 8": "not judged",
        "memory": "passed",
        "size": "passed",
    }
    assert "cannot judge time" in checks["latency, batch 8"].detail
    assert "--against" in checks["latency, batch 8"].remedy


def test_other_inputs_than_the_baselines_are_a_failure_unless_they_do_not_matter():
    now = replace(GOOD, inputs="j" * 64, correct=wrong(500))
    checks = verdicts(now)
    assert checks["inputs"].verdict == "failed"
    assert "--update" in checks["inputs"].remedy
    assert "inputs" not in verdicts(now, margins={"parity": "off", "accuracy": "off"})
    assert "inputs" in verdicts(now, margins={"parity": "off"})
    # Nothing is known of what a baseline was written with, or the artifact is new.
    unknown = replace(GOOD, inputs=None)
    assert verdicts(now, baseline=kept({"m": unknown}))["inputs"].verdict == "not judged"
    assert "inputs" not in verdicts(now, baseline=Baseline({}))


def test_a_strict_gate_does_not_pass_where_something_cannot_be_judged():
    result = evaluate(GateInput({"m": GOOD}, {}, SETUP), BASELINE)
    assert result.verdict == "passed"
    strict = replace(result, strict=True)
    assert strict.verdict == "not judged"
    assert report.headline(strict).startswith("Gate not judged")
    assert report.as_markdown(strict).startswith("## ❔")
    assert report.as_json(strict)["verdict"] == "not judged"
    for gate_result, failures, skipped in ((result, "0", "1"), (strict, "1", "0")):
        root = ElementTree.fromstring(report.as_junit(gate_result))
        assert (root.get("failures"), root.get("skipped")) == (failures, skipped)
        assert len(list(root.iter("failure"))) == int(failures)


def test_what_is_no_artifact_is_not_missing():
    gate_input = GateInput({}, setup=SETUP, unreadable={"m": "m: it is empty"})
    (check,) = evaluate(gate_input, BASELINE).checks
    assert (check.verdict, check.detail) == ("failed", "m: it is empty")


@pytest.mark.parametrize(
    ("interval", "verdict"),
    [
        ((0.97, 1.0, 1.03), "passed"),
        ((1.04, 1.07, 1.10), "passed"),  # slower for sure, but not by more than is allowed
        ((0.5, 0.6, 0.7), "passed"),
        ((1.05, 1.08, 1.12), "not sure"),
        ((0.8, 1.0, 1.3), "not sure"),
        ((1.08, 1.2, 1.4), "not sure"),
        ((1.11, 1.2, 1.3), "failed"),
    ],
)
def test_latency_is_judged_by_the_interval_not_by_the_estimate(interval, verdict):
    check = verdicts(GOOD, pair=beside(*interval))["latency, batch 8"]
    assert check.verdict == verdict
    assert f"[{interval[0]:.3f}, {interval[2]:.3f}]" in check.detail


def test_a_machine_that_is_three_times_slower_is_no_regression():
    now = replace(GOOD, call_s={"batch 8": 0.03})
    assert verdicts(now, pair=beside(0.98, 1.0, 1.02))["latency, batch 8"].verdict == "passed"


def test_not_sure_says_how_long_to_measure():
    # Half as wide would do: half-width 10 %, 5 % from the limit, of a run of five minutes.
    pair = beside(1.05 / 1.1, 1.05, 1.05 * 1.1)
    check = verdicts(GOOD, pair=pair, seconds=300.0)["latency, batch 8"]
    minutes = math.ceil(1.2 * 5 * (math.log(1.1) / math.log(1.1 / 1.05)) ** 2)
    assert f"--budget {minutes}m" in check.remedy
    near = verdicts(GOOD, pair=beside(1.05, 1.099, 1.15), seconds=300.0)["latency, batch 8"]
    assert "too close" in near.remedy
    latency = verdicts(GOOD, pair=beside(None, 1.0, None))["latency, batch 8"]
    assert latency.verdict == "not sure"
    assert "measure longer" in latency.remedy


def test_a_former_artifact_that_fails_leaves_time_unjudged():
    checks = verdicts(GOOD, pair=FormerComparison(reason="old: crash: killed"))
    assert checks["latency, batch 8"].verdict == "not judged"
    assert "killed" in checks["latency, batch 8"].detail


@pytest.mark.parametrize(
    ("now", "verdict"),
    [
        (RIGHT, "passed"),
        (wrong(1), "passed"),
        (wrong(9), "not sure"),  # 0.9 % lost, 0.95 % allowed
        (wrong(40), "failed"),
    ],
)
def test_accuracy_is_judged_by_the_paired_interval(now, verdict):
    check = verdicts(replace(GOOD, correct=now))["accuracy"]
    assert check.verdict == verdict
    if verdict == "failed":
        assert "1, 2, 3" in check.remedy


def test_as_many_wrong_samples_gained_as_lost_are_no_proof_that_nothing_was_lost():
    other = wrong(200)
    other[np.flatnonzero(~RIGHT)] = True
    check = verdicts(replace(GOOD, correct=other))["accuracy"]
    assert check.verdict == "failed"
    swapped = RIGHT.copy()
    swapped[[0, 20, 40, 60, 80, 100, 1, 2, 3, 4, 5, 6]] ^= True  # six each way
    assert verdicts(replace(GOOD, correct=swapped))["accuracy"].verdict == "passed"
    strict = verdicts(replace(GOOD, correct=swapped), margins={"accuracy": "0.1%"})["accuracy"]
    assert strict.verdict == "not sure"
    assert "more samples" in strict.remedy


def test_few_samples_that_are_answered_alike_pass():
    few = replace(GOOD, correct=RIGHT[:10])
    assert verdicts(few, baseline=kept({"m": few}))["accuracy"].verdict == "passed"


def test_accuracy_needs_the_same_inputs_and_labels():
    other = verdicts(replace(GOOD, inputs="j" * 64))["accuracy"]
    assert other.verdict == "not judged"
    assert verdicts(replace(GOOD, correct=None))["accuracy"].verdict == "failed"
    bare = replace(GOOD, correct=None)
    unlabelled = verdicts(bare, baseline=kept({"m": bare}))["accuracy"]
    assert unlabelled.verdict == "not judged"
    assert "accuracy=off" in unlabelled.remedy


def test_parity_is_held_to_the_tolerance_and_to_what_it_was():

    def differing(by):
        return replace(GOOD, parity={"y": OutputParity(by, 1e-4)}, outcome=Outcome.PARITY_FAIL)

    assert verdicts(differing(2e-4))["parity"].verdict == "failed"
    # One that always differed may differ as much again, but no more.
    loose, same = kept({"m": differing(0.05)}), differing(0.05)
    assert verdicts(same, baseline=loose)["parity"].verdict == "passed"
    assert verdicts(same, baseline=loose)["outcome"].verdict == "passed"
    more = differing(0.06)
    assert verdicts(more, baseline=loose)["parity"].verdict == "failed"
    assert verdicts(more, baseline=loose, margins={"parity": "0.1"})["parity"].verdict == "passed"


def test_parity_of_one_artifact_alone_is_held_to_the_outputs_of_the_baseline():
    alone = replace(GOOD, reference="m", parity={"y": OutputParity(0.0, 1e-4)})
    assert verdicts(alone)["parity"].verdict == "passed"
    moved = replace(alone, sketches={"y": sketched(np.add(VALUES, [[0, 0], [0, 0.01]]))})
    check = verdicts(moved)["parity"]
    assert check.verdict == "failed"
    assert "--update" in check.remedy
    renamed = replace(alone, sketches={"z": alone.sketches["y"]})
    assert verdicts(renamed)["parity"].verdict == "failed"
    other_inputs = replace(moved, inputs="j" * 64)
    assert verdicts(other_inputs)["parity"].verdict == "not judged"
    retrained = replace(moved, weights="w" * 64)
    assert verdicts(retrained)["parity"].verdict == "not judged"


def test_parity_with_the_former_artifact_takes_all_samples():
    pair = replace(beside(0.9, 1.0, 1.05), parity={"y": OutputParity(0.5, 1.0)})
    assert verdicts(GOOD, pair=pair)["parity"].verdict == "failed"
    reshaped = replace(beside(0.9, 1.0, 1.05), incomparable="'y' has another shape")
    assert "another shape" in verdicts(GOOD, pair=reshaped)["parity"].detail


def test_outputs_agree_with_the_former_artifact_as_run_decides_it():
    """Labels or accuracy may decide for a quantised model; a share of values may differ."""
    pair = replace(
        beside(0.9, 1.0, 1.05),
        parity={"y": OutputParity(0.5, 0.3)},
        agreement=Agreement(True, 0.3, "decided by accuracy: it differs by +0.0010"),
    )
    check = verdicts(GOOD, pair=pair)["parity"]
    assert check.verdict == "passed"
    assert "decided by accuracy" in check.detail
    assert verdicts(GOOD, pair=pair, margins={"parity": "0.1"})["parity"].verdict == "failed"
    # Within the largest difference that passes, but not in the root mean square.
    lost = replace(
        pair,
        parity={"y": OutputParity(1e-5, 0.3)},
        agreement=Agreement(False, 0.3, "a scale is wrong"),
    )
    check = verdicts(GOOD, pair=lost)["parity"]
    assert (check.verdict, "a scale is wrong" in check.detail) == ("failed", True)


def test_outputs_agree_with_the_reference_as_run_decides_it():
    far = replace(GOOD, parity={"y": OutputParity(0.5, 0.3)})
    passed = {"m": Agreement(True, 0.3, "decided by labels: 99 % are the same")}
    assert verdicts(far, agreements=passed)["parity"].verdict == "passed"
    near = replace(GOOD, parity={"y": OutputParity(1e-5, 0.3)})
    failed = {"m": Agreement(False, 0.3, "a channel is broken")}
    assert verdicts(near, agreements=failed)["parity"].verdict == "failed"


def test_a_new_failure_fails_and_an_old_one_does_not():
    crashed = BaselineEntry(Outcome.CRASH, "the process was killed")
    checks = verdicts(crashed, commands={"m": "exportbench run m"})
    assert list(checks) == ["outcome"]
    assert checks["outcome"].verdict == "failed"
    assert "exportbench run m" in checks["outcome"].remedy
    again = verdicts(crashed, baseline=kept({"m": crashed}))
    assert again["outcome"].verdict == "passed"
    assert verdicts(GOOD, baseline=kept({"m": crashed}))["outcome"].verdict == "passed"


def test_an_artifact_that_is_gone_fails_and_a_new_one_is_only_run():
    result = evaluate(GateInput({"new": GOOD}, setup=SETUP), BASELINE)
    verdict_of = {(check.artifact, check.name): check.verdict for check in result.checks}
    assert verdict_of["m", "outcome"] == "failed"
    assert verdict_of["new", "outcome"] == "passed"
    assert verdict_of["new", "size"] == verdict_of["new", "memory"] == "not judged"
    assert result.verdict == "failed"


def test_memory_and_size():
    assert verdicts(replace(GOOD, memory=119 * MIB))["memory"].verdict == "passed"
    assert verdicts(replace(GOOD, memory=121 * MIB))["memory"].verdict == "failed"
    small = kept({"m": replace(GOOD, memory=4 * MIB)})
    noisy = verdicts(replace(GOOD, memory=12 * MIB), baseline=small)
    assert noisy["memory"].verdict == "passed"
    elsewhere = verdicts(replace(GOOD, memory=500 * MIB), setup=structs.replace(SETUP, threads=64))
    assert elsewhere["memory"].verdict == "not judged"
    assert "threads 2" in elsewhere["memory"].detail
    # Beside the former artifact it is that one's memory that counts.
    pair = beside(0.9, 1.0, 1.05, memory=480 * MIB)
    grown = verdicts(
        replace(GOOD, memory=500 * MIB), setup=structs.replace(SETUP, threads=64), pair=pair
    )
    assert grown["memory"].verdict == "passed"
    assert verdicts(replace(GOOD, bytes=1051))["size"].verdict == "failed"
    assert verdicts(replace(GOOD, bytes=1050))["size"].verdict == "passed"


def test_margins_come_from_the_command_then_the_artifact_then_the_file():
    now = replace(GOOD, bytes=1400)
    file = kept({"m": GOOD}, margins={"size": "50%"})
    both = kept({"m": GOOD}, margins={"size": "50%"}, artifact_margins={"m": {"size": "10%"}})
    assert verdicts(now, baseline=file)["size"].verdict == "passed"
    assert verdicts(now, baseline=both)["size"].verdict == "failed"
    assert verdicts(now, baseline=both, margins={"size": "45%"})["size"].verdict == "passed"
    assert verdicts(now, baseline=both, margins={"size": "off"})["size"].verdict == "off"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("the speed", "1%"),
        ("size", "much"),
        ("size", "-1%"),
        ("parity", "1%"),
        ("parity", "nan"),
        ("latency", ""),
        ("latency", 0.1),
        ("accuracy", "1"),
        ("size", "5"),
    ],
)
def test_a_margin_that_is_none_is_refused_by_name(name, text):
    with pytest.raises(ValueError, match=name):
        check_margin(name, text)


def test_margins_as_they_are_written():
    margins = Margins.from_texts(
        {"latency": "7%", "parity": "1e-3"}, {"size": "0.5", "memory": "150%"}
    )
    assert (margins.latency, margins.parity, margins.size, margins.memory) == (0.07, 1e-3, 0.5, 1.5)
    assert Margins.from_texts(dict.fromkeys(DEFAULTS, "off")).off == set(DEFAULTS)
