"""The outputs of an artifact beside what the baseline keeps: each in its own unit."""

from dataclasses import replace

import numpy as np
import pytest
from gate_entries import GOOD, beside, kept, sketched, verdicts

from infer.gating.baseline import OutputParity
from infer.gating.baseline_file import read_baseline, render_baseline
from infer.outcome import Outcome
from infer.parity.tolerance import tolerances

RANDOM = np.random.default_rng(0)
BOXES = RANDOM.uniform(0, 640, (200, 5, 4)).astype(np.float32)
LOGITS = (RANDOM.normal(size=(200, 10)) * 8).astype(np.float32)
PROBABILITIES = (np.exp(LOGITS) / np.exp(LOGITS).sum(axis=1, keepdims=True)).astype(np.float32)
SMALL = RANDOM.uniform(0, 1, (200, 3)).astype(np.float32)
LARGE = RANDOM.uniform(0, 4000, (200, 3)).astype(np.float32)
NUMBERS = RANDOM.integers(0, 90, (200, 5))
WORDS = np.array([f"word {number}" for number in range(200)], object)


def alone(precision="float32", **outputs):
    """The entry of an artifact that is its own reference, with tolerances as a run derives them."""
    limits = tolerances(outputs, [precision])
    sketches = {
        name: sketched(array, limits[name].value, len(outputs)) for name, array in outputs.items()
    }
    parity = {name: OutputParity(0.0, limit.value) for name, limit in limits.items()}
    return replace(GOOD, reference="m", parity=parity, sketches=sketches, correct=None)


def parity(tmp_path, now, before, **options):
    """The check of parity by a baseline that was written and read again."""
    path = tmp_path / "baseline.json"
    path.write_text(render_baseline(kept({"m": before})))
    return verdicts(now, baseline=read_baseline(path), **options)["parity"]


def spoilt(array, at, value):
    changed = array.copy()
    changed[at] = value
    return changed


HALF = {"precision": "float16"}
WORSE = {
    "boxes moved": (alone(boxes=BOXES + np.float32(45)), alone(boxes=BOXES)),
    "boxes moved a little": (alone(boxes=BOXES + np.float32(0.2)), alone(boxes=BOXES)),
    "other boxes in float16": (
        alone(**HALF, boxes=RANDOM.permutation(BOXES.reshape(-1)).reshape(BOXES.shape)),
        alone(**HALF, boxes=BOXES),
    ),
    "boxes far larger": (alone(boxes=BOXES * np.float32(1e6)), alone(boxes=BOXES)),
    "small beside large": (alone(a=SMALL[::-1], b=LARGE), alone(a=SMALL, b=LARGE)),
    "small after large": (alone(b=LARGE, a=SMALL + np.float32(0.3)), alone(b=LARGE, a=SMALL)),
    "probabilities beside logits": (
        alone(logits=LOGITS, p=PROBABILITIES[:, ::-1]),
        alone(logits=LOGITS, p=PROBABILITIES),
    ),
    "logits shifted beside probabilities": (
        alone(logits=LOGITS + np.float32(1), p=PROBABILITIES),
        alone(logits=LOGITS, p=PROBABILITIES),
    ),
    "whole numbers": (alone(n=spoilt(NUMBERS, (17, 2), 91)), alone(n=NUMBERS)),
    "text": (alone(words=spoilt(WORDS, 150, "other")), alone(words=WORDS)),
    "constant": (alone(c=np.full((200, 2), 3.1)), alone(c=np.full((200, 2), 3.0))),
    "zero": (alone(c=np.full((200, 2), 0.1)), alone(c=np.zeros((200, 2)))),
    "more NaN": (
        alone(y=spoilt(SMALL, slice(3, 9), np.nan)),
        alone(y=spoilt(SMALL, slice(3, 4), np.nan)),
    ),
    "values beside NaN": (
        alone(y=spoilt(SMALL[::-1], 3, np.nan)),
        alone(y=spoilt(SMALL, 3, np.nan)),
    ),
    "one output less": (alone(a=SMALL), alone(a=SMALL, b=LARGE)),
    "one output more": (alone(a=SMALL, b=LARGE), alone(a=SMALL)),
    "names exchanged": (alone(a=LARGE, b=SMALL), alone(a=SMALL, b=LARGE)),
    "nothing to compare": (replace(alone(a=SMALL), sketches={}), alone(a=SMALL)),
}


@pytest.mark.parametrize(("now", "before"), WORSE.values(), ids=WORSE)
def test_outputs_that_are_worse_fail(tmp_path, now, before):
    check = parity(tmp_path, now, before)
    assert check.verdict == "failed"
    assert "--update" in check.remedy
    assert parity(tmp_path, before, before).verdict == "passed"


def rounded(array):
    """As another machine may round it."""
    noise = np.random.default_rng(1).uniform(-1, 1, array.shape)
    return (array + noise * 1e-6 * np.abs(array).max()).astype(array.dtype)


def test_outputs_that_are_right_pass(tmp_path):
    before = alone(boxes=BOXES, a=SMALL, b=LARGE, p=PROBABILITIES, n=NUMBERS, words=WORDS)
    now = alone(
        boxes=rounded(BOXES),
        a=rounded(SMALL),
        b=rounded(LARGE),
        p=rounded(PROBABILITIES),
        n=NUMBERS,
        words=WORDS,
    )
    assert parity(tmp_path, now, before).verdict == "passed"
    half = alone(**HALF, boxes=BOXES.astype(np.float16))
    assert parity(tmp_path, alone(**HALF, boxes=BOXES), half).verdict == "passed"


def test_a_margin_takes_the_place_of_the_tolerance_in_the_same_unit(tmp_path):
    before, now = alone(boxes=BOXES), alone(boxes=BOXES + np.float32(0.5))
    assert parity(tmp_path, now, before).verdict == "failed"
    assert parity(tmp_path, now, before, margins={"parity": "0.6"}).verdict == "passed"
    check = parity(tmp_path, now, before, margins={"parity": "0.4"})
    assert check.verdict == "failed"
    assert (check.figures.output, check.figures.allowed) == ("boxes", 0.4)
    assert check.figures.difference == pytest.approx(0.5, rel=0.05)


def test_a_margin_above_the_values_judges_nothing(tmp_path):
    before, now = alone(boxes=BOXES), alone(boxes=BOXES[::-1])
    check = parity(tmp_path, now, before, margins={"parity": "1000"})
    assert check.verdict == "not judged"
    assert "'boxes', whose values go up to 640" in check.detail


def test_outputs_that_no_longer_match_the_references_fail():
    mismatch = replace(GOOD, outcome=Outcome.PARITY_FAIL, reason="outputs are y, z", parity={})
    check = verdicts(mismatch)["parity"]
    assert (check.verdict, check.detail) == ("failed", "outputs are y, z")
    assert verdicts(mismatch, baseline=kept({"m": mismatch}))["parity"].verdict == "passed"


def test_with_other_weights_accuracy_tells_of_classes_only():
    labelled = {"correct": np.arange(200) % 20 != 0, "weights": "w"}
    before = replace(alone(p=PROBABILITIES, n=NUMBERS[:, 0], boxes=BOXES), **labelled)
    changed = alone(p=PROBABILITIES[::-1], n=NUMBERS[::-1, 0], boxes=BOXES)
    retrained = replace(changed, **labelled | {"weights": "v"})
    assert verdicts(retrained, baseline=kept({"m": before}))["parity"].verdict == "not judged"
    moved = alone(p=PROBABILITIES[::-1], n=NUMBERS[::-1, 0], boxes=BOXES + np.float32(45))
    check = verdicts(replace(moved, **labelled | {"weights": "v"}), baseline=kept({"m": before}))[
        "parity"
    ]
    assert check.verdict == "failed"
    assert "'boxes'" in check.detail and "'p'" not in check.detail


def test_the_difference_from_the_reference_is_held_to_the_baselines_tolerance_by_output():
    before = replace(GOOD, parity={"a": OutputParity(0.0, 1e-4), "b": OutputParity(0.0, 0.4)})
    # A reference whose values are larger now makes the run allow more.
    now = replace(GOOD, parity={"a": OutputParity(0.3, 1.0), "b": OutputParity(0.3, 1.0)})
    check = verdicts(now, baseline=kept({"m": before}))["parity"]
    assert check.verdict == "failed"
    assert "'a'" in check.detail and "'b'" not in check.detail
    assert check.measured == {"difference": 0.3, "allowed": 1e-4, "output": "a"}


def test_what_one_output_differed_by_before_allows_nothing_for_another():
    before = replace(GOOD, parity={"a": OutputParity(0.0, 1e-4), "b": OutputParity(0.4, 1e-4)})
    now = replace(GOOD, parity={"a": OutputParity(0.4, 1e-4), "b": OutputParity(0.0, 1e-4)})
    assert verdicts(now, baseline=kept({"m": before}))["parity"].verdict == "failed"
    assert verdicts(before, baseline=kept({"m": before}))["parity"].verdict == "passed"


def test_what_was_within_the_tolerance_may_not_be_beyond_it():
    before = replace(GOOD, parity={"y": OutputParity(0.9e-4, 1e-4)})
    now = replace(GOOD, parity={"y": OutputParity(1.5e-4, 1e-4)})
    assert verdicts(now, baseline=kept({"m": before}))["parity"].verdict == "failed"


def test_beside_the_former_artifact_the_baselines_tolerance_counts():
    pair = replace(beside(0.9, 1.0, 1.1), parity={"y": OutputParity(0.01, 100.0)})
    assert verdicts(GOOD, pair=pair)["parity"].verdict == "failed"


def test_the_baselines_outputs_count_beside_a_reference_and_a_former_artifact():
    moved = replace(GOOD, sketches={"y": sketched([[0.5, 0.75], [1, 2]])})
    pair = replace(beside(0.9, 1.0, 1.1), parity={"y": OutputParity(0.0, 1e-4)})
    assert verdicts(moved)["parity"].verdict == "failed"
    assert verdicts(moved, pair=pair)["parity"].verdict == "failed"


def test_calls_of_another_size_are_said_where_samples_cannot_be_told_apart():
    before = replace(GOOD, sketches={"y": sketched(np.arange(8.0), calls="of two")})
    now = replace(GOOD, sketches={"y": sketched(np.arange(8.0), calls="of four")})
    check = verdicts(now, baseline=kept({"m": before}))["parity"]
    assert check.verdict == "failed"
    assert "--batch" in check.detail


def test_an_artifact_that_failed_by_its_outputs_is_held_to_them():
    nan = spoilt(SMALL, 3, np.nan)
    before = replace(alone(y=nan), outcome=Outcome.NON_FINITE, parity={})
    more = replace(alone(y=np.full_like(SMALL, np.nan)), outcome=Outcome.NON_FINITE, parity={})
    checks = verdicts(more, baseline=kept({"m": before}))
    assert (checks["outcome"].verdict, checks["parity"].verdict) == ("passed", "failed")
    assert verdicts(before, baseline=kept({"m": before}))["parity"].verdict == "passed"


def test_a_baseline_of_thousands_of_samples_is_kilobytes():
    outputs = RANDOM.normal(size=(3421, 9)).astype(np.float32)
    text = render_baseline(kept({"m": alone(probabilities=outputs)}))
    assert len(text) < 25_000
    many = {f"y{number}": outputs for number in range(10)}
    assert len(render_baseline(kept({"m": alone(**many)}))) < 70_000


def test_a_set_of_which_nothing_is_kept_keeps_the_check_from_passing(tmp_path):
    entry = alone(probabilities=PROBABILITIES)
    now = replace(entry, parity={**entry.parity, "boxes": OutputParity(0.0, 1e-4)})

    check = parity(tmp_path, now, now, in_sets=("boxes",))
    assert check.verdict == "not judged"
    assert "keeps nothing of 'boxes'" in check.detail

    beside_another = replace(now, reference="native")
    assert parity(tmp_path, beside_another, now, in_sets=("boxes",)).verdict == "passed"
