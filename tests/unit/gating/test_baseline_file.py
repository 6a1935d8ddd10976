"""The file of a baseline: as it is written, read and damaged."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from conftest import ROOT
from gate_entries import (
    BASELINE,
    GOOD,
    RIGHT,
    SETUP,
    kept,
    wrong,
)

from infer.errors import BaselineError
from infer.gating.baseline import BaselineEntry
from infer.gating.baseline_file import baseline_schema, read_baseline, render_baseline
from infer.gating.evaluation import evaluate
from infer.gating.gate_input import GateInput
from infer.gating.result import Verdict
from infer.outcome import Outcome
from infer.parity import predictions


def test_a_baseline_is_read_as_it_was_written(tmp_path):
    crashed = BaselineEntry(Outcome.CRASH, "killed", "run: SIGKILL")
    before = kept({"m": GOOD, "bad": crashed}, margins={"size": "9%"})
    path = tmp_path / "baseline.json"
    path.write_text(render_baseline(before))
    after = read_baseline(path)
    assert render_baseline(after) == render_baseline(before)
    # Reasons name folders, and are not kept.
    assert after.artifacts["bad"] == replace(crashed, reason="")
    assert np.array_equal(after.artifacts["m"].correct, RIGHT)
    now = GateInput({"m": GOOD, "bad": crashed}, setup=SETUP)
    assert evaluate(now, after).verdict == Verdict.PASSED


def test_a_baseline_is_small_and_few_lines_change(tmp_path):
    text = render_baseline(kept({"m": GOOD}))
    assert len(text) < 2000
    other = render_baseline(kept({"m": replace(GOOD, correct=wrong(1), bytes=1001)}))
    pairs = zip(text.splitlines(), other.splitlines(), strict=True)
    assert sum(a != b for a, b in pairs) == 3  # bytes, accuracy, the first 256 samples


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "not JSON"),
        ("[]", "baseline version None"),
        ('{"baseline_version": 99}', "baseline version 99"),
        ('{"baseline_version": 2}', "'artifacts' is missing"),
        ('{"baseline_version": 2, "artifacts": {"m": {}}}', "'outcome' is missing"),
        ('{"baseline_version": 2, "artifacts": {"m": 3}}', "not a whole baseline"),
        ('{"baseline_version": 2, "artifacts": [], "margins": {}}', "not a whole baseline"),
        (
            '{"baseline_version": 2, "artifacts": {"m": {"outcome": "ok", '
            '"outputs": {"y": ["x"]}}}}',
            "outputs",
        ),
        (
            '{"baseline_version": 2, "artifacts": {"m": {"outcome": "ok", '
            '"accuracy": {"samples": 9, "correct": ["ff"]}}}}',
            "9 samples",
        ),
        ('{"baseline_version": 2, "margins": {"size": "x"}, "artifacts": {}}', "margins: .*'size'"),
        (
            '{"baseline_version": 2, "artifacts": {"m": {"outcome": "ok", '
            '"margins": {"a b": "1%"}}}}',
            "margins of m: .*'a b'",
        ),
    ],
)
def test_a_damaged_baseline_is_one_line(tmp_path, text, what):
    path = tmp_path / "baseline.json"
    path.write_text(text)
    with pytest.raises(BaselineError, match=what) as error:
        read_baseline(path)
    assert "\n" not in str(error.value)
    assert str(path) in str(error.value)


OUTPUT = {"form": "numbers", "shape": [2, 2], "tolerance": 1e-4}


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"bytes": "many"}, r"m: bytes: expected .*`str`"),
        ({"bytes": -1}, "m: bytes: "),
        ({"outcome": "fine"}, "m: outcome: .*'fine'"),
        ({"call_s": {"batch 1": "soon"}}, "m: call_s"),
        ({"parity": {"equal_labels": []}}, "m: parity.equal_labels: "),
        ({"parity": {"outputs": {"y": {"difference": 0.0, "tolerance": math.inf}}}}, "m: parity"),
        ({"outputs": {"y": OUTPUT | {"tolerance": math.nan}}}, "m: outputs.y: a number is"),
        ({"outputs": {"y": OUTPUT | {"values": ["?"]}}}, "m: outputs.y: numbers are not base64"),
        ({"outputs": {"y": OUTPUT | {"shape": [2], "sums": ["AAAAAAAA"]}}}, "m: outputs.y: 3 sums"),
        ({"margin": {"size": "1%"}}, "m: there is no field 'margin'"),
        ({"accuracy": {"samples": 9, "correct": ["xy"]}}, "m: accuracy: "),
    ],
    ids=str,
)
def test_a_damaged_entry_is_named_with_its_field(tmp_path, change, what):
    path = tmp_path / "baseline.json"
    value = json.loads(render_baseline(BASELINE))
    value["artifacts"]["m"] |= change
    path.write_text(json.dumps(value))
    with pytest.raises(BaselineError, match=what) as error:
        read_baseline(path)
    assert "\n" not in str(error.value)
    assert str(path) in str(error.value)


def test_the_schema_in_the_docs_is_that_of_the_types():
    written = (ROOT / "docs" / "schema" / "baseline.json").read_text()
    assert json.loads(written) == baseline_schema(), (
        "write it: python -m infer.gating.baseline_file"
    )


def test_flags_are_packed_and_unpacked():
    for count in (1, 7, 8, 256, 257, 1000):
        flags = np.random.default_rng(count).random(count) < 0.5
        assert np.array_equal(predictions.unpack(predictions.pack(flags), count), flags)
