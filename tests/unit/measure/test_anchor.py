"""On a card: outputs are judged against the reference on the CPU, not by the card's own."""

from types import SimpleNamespace

import pytest
from events import as_json
from runs import outcomes_of

from infer.gating.gate_input import gate_input
from infer.measure.plan import Plan
from infer.measure.session import Run
from infer.records.protocol import Protocol
from infer.records.store import Store
from infer.report.markdown import render
from infer.results.summarizing import summarize

# Of each group the first is its reference. What is not said of the card holds on both.
GROUPS = {
    "only the reference is wrong there": {
        "wrong": {"on_cuda": {"bias": 0.01}},
        "right": {},
    },
    "both are wrong there": {
        "one": {"on_cuda": {"bias": 0.01}},
        "two": {"on_cuda": {"bias": 0.01}},
    },
    "the card is noisy": {
        "noisy": {"on_cuda": {"noise": 0.001}},
        "biased": {"bias": 0.005},
    },
    "the reference takes TF32 there": {
        "coarse": {"on_cuda": {"bias": 0.001, "tf32": True}},
        "fine": {"on_cuda": {"bias": 0.001, "tf32": False}},
    },
    "no reference on the CPU": {
        "card only": {"fault": {"at": "load", "kind": "error"}, "on_cuda": {"fault": None}},
        "anywhere": {},
    },
    "alone": {"alone": {"fault": {"at": "run", "kind": "memory"}, "on_cuda": {"fault": None}}},
}


@pytest.fixture(scope="module")
def judged(tmp_path_factory, fake_artifact, inputs_file):
    """The records of a run on a card that the fake runtime stands for, up to its parity stage."""
    folder = tmp_path_factory.mktemp("anchored")
    artifacts = {}
    for number, (group, members) in enumerate(GROUPS.items()):
        for index, (label, settings) in enumerate(members.items()):
            weights = {"name": group, "sha256": f"{number:064}", "framework": "none"}
            path = fake_artifact(
                folder, label, manifest={"weights": weights, "native": index == 0}, **settings
            )
            artifacts[label] = path
    plan = Plan(
        artifacts=tuple(artifacts.items()),
        inputs=inputs_file(folder / "inputs.npz"),
        protocol=Protocol("test", generations=0, bursts=1, burst_s=0.01, batch=4),
        device="cuda",
        threads=1,
        timeout_s=60,
    )
    patch = pytest.MonkeyPatch()
    patch.setattr("infer.measure.warm_up.WARM_UP_S", 0.0)
    try:
        store = Store(folder / "run")
        Run(plan, store, lambda progress: None).run([])
    finally:
        patch.undo()
    records = as_json(store.events)
    return SimpleNamespace(
        records=records,
        outcomes=outcomes_of(records),
        parity={r["artifact"]: r for r in records if r["kind"] == "parity"},
        anchors={r["artifact"]: r for r in records if r["kind"] == "anchor"},
        events=store.events,
        summary=summarize(store.events),
    )


def test_a_reference_that_is_wrong_on_the_card_fails_and_those_that_are_right_pass(judged):
    assert judged.outcomes["wrong"] == "parity_fail"
    assert judged.outcomes["right"] == "ok"
    assert judged.parity["wrong"]["largest_difference"] == pytest.approx(0.01, rel=0.01)
    assert judged.anchors["wrong"]["differences"]["probabilities"] == pytest.approx(0.01, rel=0.01)
    reasons = [r["reason"] for r in judged.records if r["kind"] == "outcome"]
    assert any("differs from wrong on the CPU by 0.01" in reason for reason in reasons)


def test_an_error_of_the_card_that_all_share_is_seen(judged):
    assert judged.outcomes["one"] == judged.outcomes["two"] == "parity_fail"


def test_what_draws_random_numbers_on_the_card_is_no_reference_there(judged):
    rounding = {r["artifact"]: r for r in judged.records if r["kind"] == "rounding"}
    (randomness,) = (record for record in judged.records if record["kind"] == "randomness")

    assert (randomness["artifact"], randomness["device"]) == ("noisy", "cuda")
    assert randomness["random"] == ["probabilities"]
    assert rounding["biased"]["device"] == "cpu"
    assert rounding["biased"]["differences"]["probabilities"] < 1e-6
    assert judged.outcomes["noisy"] == "parity_fail"
    assert judged.outcomes["biased"] == "ok"


def test_tf32_of_the_reference_on_the_card_excuses_itself_and_no_other(judged):
    assert judged.outcomes["coarse"] == "ok"
    assert judged.outcomes["fine"] == "parity_fail"


def test_where_the_reference_does_not_run_on_the_cpu_another_is_taken(judged):
    assert "told to fail" in judged.anchors["card only"]["failed"]
    assert judged.parity["card only"]["anchor"] == judged.parity["anywhere"]["anchor"] == "anywhere"
    assert judged.outcomes["card only"] == judged.outcomes["anywhere"] == "ok"


def test_where_none_does_it_is_said_that_the_card_judges_itself(judged):
    assert judged.anchors["alone"]["outcome"] == "out_of_memory"
    assert judged.parity["alone"]["anchor"] is None
    assert judged.outcomes["alone"] == "ok"


def test_a_baseline_of_a_card_knows_what_outputs_were_judged_against(judged):
    entries = gate_input(judged.events).entries

    assert entries["one"].reference == entries["two"].reference == "one on the CPU"
    (parity,) = entries["one"].parity.values()
    assert parity.difference == pytest.approx(0.01, rel=0.01)
    assert entries["alone"].reference == "alone"


def test_the_report_says_what_was_judged_against(judged):
    text = render(judged.summary)

    assert "REFERENCE NOT ON THE CPU: card only could not be run there" in text
    assert "judged against those of anywhere there" in text
    assert "REFERENCE NOT ON THE CPU: alone could not be run there" in text
    assert "judged against its own on the card" in text
    assert "was run on the CPU too (10 samples in" in text
    assert "differences from wrong on the CPU up to 0.0001 pass" in text
    assert "beside the outputs of the reference on the CPU" in text
