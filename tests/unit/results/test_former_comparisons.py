"""Artifacts beside their former ones: from records to ratios and to what a gate knows."""

import pytest
from events import events
from run_records import RUN, complete_run, outcome, summarize

from infer.gating.baseline import OutputParity
from infer.gating.gate_input import gate_input
from infer.gating.setup import Setup

# Four generations; the former ones are slower and faster than their successors.
TIMES = (
    ("a", [1.0, 1.1, 1.0, 1.1]),
    ("b", [2.0, 2.1, 2.0, 2.1]),
    ("c", [3.0, 3.1, 3.0, 3.1]),
    ("a (former)", [2.0, 2.2, 2.0, 2.2]),
    ("b (former)", [1.0, 1.0, 1.0, 1.1]),
)
PAIRS = {"a": "a (former)", "b": "b (former)"}


def records(pairs=PAIRS, **pair):
    run = complete_run(*TIMES)
    run[0] = RUN | {"pairs": pairs, "inputs_sha256": "i"}
    output = {"largest_difference": 0.25, "largest_relative_difference": 0.5, "tolerance": 1e-4}
    by_output = {"y": output | {"how": "made up", "passed": False}}
    compared = {"kind": "pair", "by_output": by_output, "passed": True} | pair
    return [*run, *(compared | {"artifact": a, "former": f} for a, f in pairs.items())]


def test_each_artifact_is_compared_with_its_own_former_one():
    summary = summarize(records())
    assert summary.speed_references == {
        "a": "a (former)",
        "b": "b (former)",
        "c": "a",  # has none, and is compared with the reference of its shapes
        "a (former)": "a (former)",
        "b (former)": "b (former)",
    }
    ratios = {row.artifact: row.timings["batch 32"].ratio for row in summary.rows}
    assert ratios["a"].value == pytest.approx(0.5, rel=0.01)
    assert ratios["b"].value == pytest.approx(2.0, rel=0.01)
    assert ratios["a (former)"] is ratios["b (former)"] is None


def test_intervals_are_corrected_for_all_pairs():
    def width(pairs):
        rows = {row.artifact: row for row in summarize(records(pairs)).rows}
        ratio = rows["b"].timings["batch 32"].ratio
        return ratio.high / ratio.low

    assert width(PAIRS) > width({"b": "b (former)"})


def test_what_a_gate_knows_of_a_run():
    gate = gate_input(events(records()))
    assert list(gate.entries) == ["a", "b", "c"]
    assert list(gate.entries["a"].call_s) == ["batch 32", "batch 1"]
    assert gate.entries["a"].inputs == "i"
    assert gate.former["a"].former.call_s["batch 32"] == pytest.approx(2.1)
    assert gate.former["a"].ratios["batch 32"].value == pytest.approx(0.5, rel=0.01)
    assert gate.former["a"].parity == {"y": OutputParity(0.25, 1e-4)}
    assert gate.setup == Setup(device="cpu", threads=2, batch=32, processor="Made up 3000")


def test_a_former_artifact_that_failed_is_no_reference():
    failed = [*records(), outcome("a (former)", "crash", "killed")]
    assert summarize(failed).speed_references["a"] == "a"
    pair = gate_input(events(failed)).former["a"]
    assert pair.former is None
    assert pair.ratios == {}
    assert "killed" in pair.reason
    assert gate_input(events(failed)).former["b"].ratios
