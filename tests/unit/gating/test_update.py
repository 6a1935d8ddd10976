"""What a run may change in a baseline."""

import json
from dataclasses import replace

import numpy as np
import pytest
from gate_entries import BASELINE, GOOD, MIB, SETUP, VALUES, beside, kept, sketched, wrong

from infer.gating.baseline import BaselineEntry
from infer.gating.baseline_file import render_baseline
from infer.gating.gate_input import GateInput
from infer.gating.setup import Setup
from infer.gating.update import much_worse, new_baseline
from infer.outcome import Outcome

CLASSES = np.eye(10, dtype=np.float32)
SCORED = replace(GOOD, sketches={"p": sketched(CLASSES)}, correct=np.arange(1000) % 20 != 0)
BARE = replace(GOOD, correct=None)
BOXES = {"boxes": sketched(np.arange(8.0).reshape(1, 2, 4))}
BOXES_MOVED = {"boxes": sketched(np.arange(8.0).reshape(1, 2, 4) + 0.5)}
MOVED = {"y": sketched(np.add(VALUES, 0.5))}


def worse(now, before=GOOD, *, pair=None, **options):
    run = GateInput({"m": now}, {"m": pair} if pair else {}, SETUP)
    return much_worse(run, kept({"m": before}), **options).get("m", "")


@pytest.mark.parametrize(
    ("now", "before", "why"),
    [
        (BaselineEntry(Outcome.CRASH, "killed"), GOOD, "now: crash, killed"),
        (BaselineEntry(Outcome.NON_FINITE, "NaN"), GOOD, "now: non_finite"),
        (replace(GOOD, correct=wrong(300)), GOOD, "accuracy: 0.65"),
        (replace(GOOD, correct=None), GOOD, "this run has none"),
        (replace(SCORED, correct=wrong(300)), SCORED, "accuracy: 0.65"),
        (replace(BARE, sketches=MOVED), BARE, "no accuracy tells"),
        (replace(BARE, weights="w"), BARE, "no accuracy tells"),
        (replace(BARE, inputs="j" * 64), BARE, "the inputs are others"),
        # Accuracy tells of classes only.
        (replace(GOOD, sketches=BOXES_MOVED), replace(GOOD, sketches=BOXES), "no accuracy tells"),
        (replace(GOOD, inputs="j" * 64, correct=wrong(300)), GOOD, "on other samples, was 0.95"),
        (replace(GOOD, bytes=2100), GOOD, "size: 2,100 bytes"),
        (replace(GOOD, memory=300 * MIB), GOOD, "memory: 300.0 MiB"),
    ],
)
def test_what_is_much_worse_is_refused(now, before, why):
    assert why in worse(now, before)
    off = dict.fromkeys(("parity", "accuracy", "latency", "memory", "size"), "off")
    assert why in worse(now, before, margins=off)


def test_calls_that_take_twice_as_long_are_refused():
    assert "latency" in worse(GOOD, pair=beside(2.1, 2.3, 2.5))
    assert not worse(GOOD, pair=beside(1.5, 2.3, 2.5))


@pytest.mark.parametrize(
    ("now", "before"),
    [
        (GOOD, GOOD),
        (replace(GOOD, bytes=1300, memory=150 * MIB), GOOD),
        (replace(GOOD, correct=wrong(5)), GOOD),
        (replace(SCORED, sketches={"p": sketched(CLASSES * 0.9)}), SCORED),  # as right as before
        (replace(SCORED, weights="w", sketches={"p": sketched(CLASSES * 0.5)}), SCORED),
        (replace(GOOD, inputs="j" * 64), GOOD),
        (replace(GOOD, inputs="j" * 64, correct=np.arange(30) % 20 != 0), GOOD),
        (GOOD, BaselineEntry(Outcome.CRASH)),
        (BaselineEntry(Outcome.CRASH), BaselineEntry(Outcome.LOAD_ERROR)),
        (replace(BARE, sketches={"y": sketched(VALUES + np.float32(5e-5))}), BARE),
    ],
)
def test_what_is_not_much_worse_is_taken(now, before):
    assert not worse(now, before)


def test_a_new_artifact_is_taken():
    run = GateInput({"new": BaselineEntry(Outcome.CRASH)}, setup=SETUP)
    assert much_worse(run, BASELINE) == {}


def test_updating_keeps_margins_and_the_artifacts_that_are_not_in_the_run():
    before = kept(
        {"m": GOOD, "other": GOOD},
        margins={"size": "9%"},
        artifact_margins={"m": {"size": "1%"}, "other": {"size": "2%"}},
    )
    run = GateInput({"m": replace(GOOD, bytes=5)}, setup=SETUP)
    after = new_baseline(run, before)
    assert json.loads(render_baseline(after))["artifacts"]["m"]["margins"] == {"size": "1%"}
    assert after.margins == {"size": "9%"}
    assert after.artifacts.keys() == {"m", "other"}
    assert after.artifacts["other"] is before.artifacts["other"]
    dropped = new_baseline(run, before, dropped=["other"])
    assert dropped.artifacts.keys() == dropped.artifact_margins.keys() == {"m"}


def test_an_entry_keeps_the_setup_that_it_was_measured_with():
    run = GateInput({"m": replace(GOOD, setup=Setup(threads=64))}, setup=Setup(threads=64))
    after = new_baseline(run, kept({"m": GOOD, "other": GOOD}))
    assert after.artifacts["m"].setup.threads == 64
    assert after.artifacts["other"].setup == SETUP


def test_the_reason_is_kept_as_long_as_the_artifact_is():
    run = GateInput({"m": GOOD, "n": GOOD}, setup=SETUP)
    first = new_baseline(run, None, {"m": "trained on half of the data"})
    assert first.artifacts["m"].accepted == "trained on half of the data"
    assert first.artifacts["n"].accepted == ""
    assert new_baseline(run, first).artifacts["m"].accepted == "trained on half of the data"
    other = GateInput({"m": replace(GOOD, sha256="c" * 64)}, setup=SETUP)
    assert new_baseline(other, first).artifacts["m"].accepted == ""
