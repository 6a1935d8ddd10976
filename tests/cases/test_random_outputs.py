"""Models that draw random numbers: they are not `ok`, and judge nothing."""

import json

import numpy as np
import pytest
import torch
from case_models_noise import linear_onnx, noisy, weights
from case_runs import run_case

from infer.cli import main


class Classifier(torch.nn.Module):
    """Probabilities of five classes; random where dropout is on, or a module adds noise."""

    def __init__(self, seed: int, last: torch.nn.Module) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.layers = torch.nn.Sequential(torch.nn.Linear(6, 16), last, torch.nn.Linear(16, 5))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.softmax(self.layers(x), -1)


class Masked(torch.nn.Module):
    """Zeroes values by chance."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * torch.bernoulli(torch.full_like(x, 0.6))


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("random")
    x = torch.from_numpy(weights(0, 40, 6))
    for name, seed, last, trains in (
        ("forgot.pt", 3, torch.nn.Dropout(0.4), True),
        ("masked.pt", 3, Masked(), False),
        ("right.pt", 3, torch.nn.Dropout(0.4), False),
        ("other.pt", 4, torch.nn.Dropout(0.4), False),
    ):
        model = Classifier(seed, last).train(trains)
        torch.jit.trace(model, x[:4], check_trace=False).save(str(folder / name))
    linear_onnx(folder / "plain.onnx")
    linear_onnx(folder / "drawn.onnx", noisy(None))
    linear_onnx(folder / "seeded.onnx", noisy(5.0))
    np.savez(folder / "x.npz", x=x.numpy())
    return folder


@pytest.fixture(scope="module")
def as_reference(models):
    """A run whose reference has dropout on."""
    options = ("--reference", "forgot.pt", "--batch", "16", "--out", "judged-by-chance")
    return run_case(models, "forgot.pt", "right.pt", "other.pt", "--inputs", "x.npz", *options)


def test_a_random_reference_judges_nothing(as_reference):
    run = as_reference

    assert run.status == 1
    assert run.outcome("right.pt") == run.outcome("other.pt") == run.outcome("forgot.pt")
    assert run.outcome("other.pt") == "not_judged"
    assert "forgot.pt, draws random numbers" in run.reason("other.pt")
    assert "--reference" in run.reason("other.pt")
    assert "RANDOM OUTPUTS: forgot.pt" in run.text
    assert max(row["tolerance"] for row in run.summary["rows"]) < 1e-3


def test_nothing_of_such_a_run_is_chosen(as_reference, models, capsys):
    (folder,) = (models / "judged-by-chance").iterdir()

    status = main.main(["choose", str(folder), "--for", "memory"])

    assert status == 1
    printed = capsys.readouterr().out
    assert "none fits" in printed and "draws random numbers" in printed


def test_nor_does_a_gate_pass_it(as_reference, models, capsys):
    (folder,) = (models / "judged-by-chance").iterdir()
    baseline = models / "baseline.json"
    arguments = ["gate", "--baseline", str(baseline), "--run", str(folder)]
    main.main([*arguments, "--update"])

    assert main.main([*arguments, "--json", str(models / "gate.json")]) == 1
    checks = json.loads((models / "gate.json").read_text())["checks"]
    parity = {c["artifact"]: c for c in checks if c["kind"] == "parity"}
    assert {check["verdict"] for check in parity.values()} == {"failed"}
    assert "draws random numbers" in parity["right.pt"]["detail"]


def test_another_reference_is_taken_and_the_random_one_fails_beside_it(models):
    run = run_case(models, "forgot.pt", "right.pt", "other.pt", "--inputs", "x.npz")

    assert run.outcome("forgot.pt") == "parity_fail"
    assert {run.outcome("right.pt"), run.outcome("other.pt")} == {"ok", "parity_fail"}
    assert {row["reference"] for row in run.summary["rows"]} <= {"right.pt", "other.pt"}


@pytest.mark.parametrize("name", ["forgot.pt", "masked.pt", "drawn.onnx", "seeded.onnx"])
def test_alone_it_is_not_judged_whatever_its_seed(models, name):
    run = run_case(models, name, "--inputs", "x.npz", "--tolerance", "100")

    assert run.outcome(name) == "not_judged"
    assert "random numbers" in run.reason(name)
    assert "draws random numbers" in run.notes(name)


def test_random_numbers_within_the_tolerance_are_not_ok_beside_a_right_reference(models):
    run = run_case(models, "plain.onnx", "seeded.onnx", "--inputs", "x.npz", "--tolerance", "100")

    assert run.outcome("plain.onnx") == "ok"
    assert run.outcome("seeded.onnx") == "not_judged"
    assert any(doubt for row in run.summary["rows"] for doubt in row["doubts"])
    assert "WIDE TOLERANCE" in run.text
