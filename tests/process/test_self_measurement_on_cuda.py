"""The commands with which the tool measures itself, on a card that the fake runtime stands for."""

import json

import numpy as np
import pytest
from events import ORDINARY, events

from infer.cli import main
from infer.diagnostics.self_test.known_artifacts import copy_artifact, write_fake
from infer.diagnostics.self_test.measured import measured_verdicts, recorded_verdicts
from infer.records.run_events import RunEnded, RunStarted


@pytest.fixture
def on_cuda(tmp_path, monkeypatch, capsys, fake_artifact, inputs_file):
    """Runs a command in this process; gives its exit status, JSON, output and errors."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("infer.system.nvml.cards", list)  # whatever this machine has
    inputs_file(tmp_path / "inputs.npz")

    def run(*arguments, **settings):
        if not (tmp_path / "model").exists():
            fake_artifact(tmp_path, "model", call_s=0.001, **settings)
        command = [*map(str, arguments), "--inputs", "inputs.npz", "--threads", "1"]
        status = main.main([*command, "--json", "out.json"])
        printed = capsys.readouterr()
        file = tmp_path / "out.json"
        text = file.read_text() if file.exists() else ""
        return status, json.loads(text) if text else None, printed.out, printed.err

    return run


def test_bisect_compares_an_artifact_on_the_cpu_and_on_the_card(on_cuda):
    status, result, out, err = on_cuda("bisect", "model", "--device", "cuda")

    assert (status, err) == (0, "")
    assert (result["a"], result["b"]) == ("model (cpu)", "model (cuda)")
    assert "model (cpu) and model (cuda): all outputs agree" in out


def test_bisect_of_one_artifact_needs_a_card(on_cuda):
    status, _, _, err = on_cuda("bisect", "model", "--device", "cpu")

    assert status == 2
    assert "name a second artifact" in err


def test_bisect_names_the_one_that_ran_elsewhere(on_cuda):
    status, _, _, err = on_cuda("bisect", "model", "--device", "cuda", device="cpu")

    assert status == 3
    assert err == ("error: wrong_device: model (cuda): asked to run on cuda, ran on cpu (cpu)\n")


def test_overhead_on_cuda(on_cuda):
    status, result, out, err = on_cuda(
        *("overhead", "model", "--device", "cuda", "--batch", 1, "--rounds", 3)
    )

    assert status in (0, 1), err  # a busy machine may add more than is allowed
    assert result[0]["bare_s"] >= 0.001
    assert "on cuda" in out


def test_overhead_where_it_ran_elsewhere(on_cuda):
    status, _, out, _ = on_cuda(
        *("overhead", "model", "--device", "cuda", "--batch", 1, "--rounds", 1), device="cpu"
    )

    assert status == 3
    assert "wrong_device: asked to run on cuda, ran on cpu" in out


@pytest.mark.parametrize("command", ["overhead", "bisect", "self-test"])
def test_a_card_that_is_not_there(command, on_cuda, tmp_path):
    np.savez(tmp_path / "model.npz", x=np.zeros(3))
    (tmp_path / "model.onnx").write_bytes(b"")
    status, _, _, err = on_cuda(command, "model.onnx", "--device", "cuda:7", "--trust")

    assert status == 2
    assert "model.onnx" in err or "cuda:7" in err


def made_up(device):
    """Records of copies: one is faster before its power is limited, both slower while throttled."""
    records = [{"kind": "run", "device": device}]
    for generation in range(6):
        for turn in range(4):
            hot = turn == 1
            for name, first_s in (("copy-0", 0.8), ("copy-1", 1.0)):
                slow = 1.5 if hot and name == "copy-0" else 1.0
                spread = 1 + 0.001 * (generation % 3) * (name == "copy-0")
                records.append(
                    {
                        "kind": "burst",
                        "artifact": name,
                        "workload": {"batch": 1},
                        "generation": generation,
                        "turn": turn,
                        "seconds": [first_s * slow * spread] * 3 + [slow * spread] * 5,
                        "samples": 8,
                        "gpu": {"sm_mhz": [345, 1980], "throttle": ["hw_thermal"] * hot},
                    }
                )
    return events(records)


@pytest.mark.parametrize(("device", "ratio"), [("cuda", 1.0), ("cpu", 1 / 0.8)])
def test_copies_are_judged_by_the_rule_of_their_device(device, ratio):
    verdict = recorded_verdicts("copies", made_up(device), "batch 1", 6)

    assert verdict.comparisons == 1
    # Here copy 0 is compared with copy 1.
    assert verdict.bias == pytest.approx(-np.log(ratio), abs=2e-3)


def test_copies_are_measured_on_the_card_that_is_asked_for(tmp_path, monkeypatch):
    plans = []

    class Run:
        def __init__(self, plan, store, tell):
            plans.append(plan)
            self.store = store

        def run(self, command):
            self.store.add(RunStarted.from_values(**ORDINARY["run"] | {"device": plans[0].device}))
            self.store.add(RunEnded.from_values(**ORDINARY["end"]))

    monkeypatch.setattr("infer.diagnostics.self_test.measured.Run", Run)
    original = write_fake(tmp_path / "fake")[0][1]
    copies = copy_artifact(original, tmp_path / "copies", copies=2)
    verdict, *_ = measured_verdicts(
        *("copies", copies, tmp_path / "inputs.npz", tmp_path / "run"),
        budget_s=6,
        batch=1,
        turns=2,
        threads=1,
        device="cuda",
        card="GPU-1",
        trials=(3,),
        tell=lambda progress: None,
    )

    assert [name for name, _ in copies] == ["copy-0", "copy-1"]
    assert (plans[0].device, plans[0].card) == ("cuda", "GPU-1")
    assert (verdict.title, verdict.comparisons) == ("copies, 3 generations", 0)
