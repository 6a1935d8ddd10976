"""Models whose outputs for a sample depend on its neighbours, and inputs without samples."""

import numpy as np
import pytest
import torch
from case_models_noise import linear_onnx, save_onnx, scaled_by_the_batch, weights
from case_runs import advised, run_case
from onnx import helper
from onnxruntime.quantization import QuantType, quantize_dynamic

# The outputs of the TorchScript file have no names.
PAIR_RULES = ("--map", "pairs.pt:output_0=per_image", "pairs.pt:output_1=per_text")


class Normalized(torch.nn.Module):
    """Probabilities of four classes, normalized by the call or by kept statistics."""

    def __init__(self, by_batch: bool) -> None:
        super().__init__()
        torch.manual_seed(5)
        self.a = torch.nn.Linear(6, 20)
        self.n = torch.nn.BatchNorm1d(20, track_running_stats=not by_batch)
        self.b = torch.nn.Linear(20, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.softmax(self.b(torch.relu(self.n(self.a(x)))), -1)


class Pairs(torch.nn.Module):
    """Scores of every image with every text."""

    def __init__(self, image: np.ndarray, text: np.ndarray) -> None:
        super().__init__()
        self.register_buffer("wi", torch.from_numpy(image))
        self.register_buffer("wt", torch.from_numpy(text))

    def forward(self, image: torch.Tensor, text: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        per_image = (image @ self.wi) @ (text @ self.wt).T
        return per_image, per_image.T


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("batches")
    x = torch.from_numpy(weights(0, 40, 6))
    by_batch, right = Normalized(True), Normalized(False)
    right.load_state_dict(by_batch.state_dict(), strict=False)
    right.train()
    for _ in range(50):
        right(x)
    for name, model in (("by_batch.pt", by_batch), ("right.pt", right)):
        torch.jit.trace(model.eval(), x[:8]).save(str(folder / name))
    linear_onnx(folder / "plain.onnx")
    linear_onnx(folder / "scaled.onnx", scaled_by_the_batch())
    linear_onnx(folder / "scaled_too.onnx", scaled_by_the_batch())
    linear_onnx(folder / "scaled_otherwise.onnx", scaled_by_the_batch(), seed=2)
    quantize_dynamic(folder / "plain.onnx", folder / "dynamic.onnx", weight_type=QuantType.QInt8)
    np.savez(folder / "x.npz", x=x.numpy())

    image, text = weights(1, 6, 3), weights(2, 5, 3)
    torch.jit.trace(Pairs(image, text), (torch.ones(5, 6), torch.ones(3, 5))).save(
        str(folder / "pairs.pt")
    )
    save_onnx(
        folder / "pairs.onnx",
        [
            helper.make_node("MatMul", ["image", "wi"], ["i"]),
            helper.make_node("MatMul", ["text", "wt"], ["t"]),
            helper.make_node("Transpose", ["t"], ["tt"], perm=[1, 0]),
            helper.make_node("MatMul", ["i", "tt"], ["per_image"]),
            helper.make_node("Transpose", ["per_image"], ["per_text"], perm=[1, 0]),
        ],
        {"image": ["images", 6], "text": ["texts", 5]},
        {"per_image": ["images", "texts"], "per_text": ["texts", "images"]},
        {"wi": image, "wt": text},
    )
    np.savez(folder / "equal.npz", image=weights(3, 20, 6), text=weights(4, 20, 5))
    np.savez(folder / "unequal.npz", image=weights(3, 20, 6), text=weights(4, 9, 5))

    inverse = [helper.make_node("Det", ["a"], ["d"]), helper.make_node("Div", ["a", "d"], ["y"])]
    save_onnx(folder / "matrix.onnx", inverse, {"a": ["n", "n"]}, {"y": ["n", "n"]}, {})
    np.savez(folder / "matrix.npz", a=np.eye(6, dtype=np.float32) + 0.1 * weights(6, 6, 6))
    return folder


@pytest.mark.parametrize("name", ["by_batch.pt", "scaled.onnx", "dynamic.onnx"])
def test_alone_it_is_ok_with_a_note_of_the_size(models, name):
    run = run_case(models, name, "--inputs", "x.npz", "--batch", "16")

    assert run.outcome(name) == "ok"
    assert "the other samples of a call change" in run.notes(name)
    assert " a call instead of 16" in run.notes(name)


def test_beside_the_right_export_it_fails(models):
    run = run_case(models, "by_batch.pt", "right.pt", "--inputs", "x.npz", "--batch", "16")

    assert run.outcome("right.pt") == "ok"  # the reference, though it is named after the other
    assert run.outcome("by_batch.pt") == "parity_fail"


def test_as_a_reference_it_waves_nothing_through(models):
    others = ("scaled_too.onnx", "scaled_otherwise.onnx", "plain.onnx")
    reference = ("--reference", "scaled.onnx", "--batch", "16")

    run = run_case(models, "scaled.onnx", *others, "--inputs", "x.npz", *reference)

    assert run.outcome("scaled_too.onnx") == run.outcome("scaled.onnx") == "ok"
    assert run.outcome("scaled_otherwise.onnx") == run.outcome("plain.onnx") == "parity_fail"
    assert "REFERENCE DEPENDS ON THE BATCH" in run.text
    assert max(row["tolerance"] for row in run.summary["rows"]) < 0.01


def test_two_batches_of_equal_lengths_are_ok_with_their_twin(models):
    run = run_case(models, "pairs.onnx", "pairs.pt", "--inputs", "equal.npz", *PAIR_RULES)

    assert run.outcome("pairs.onnx") == run.outcome("pairs.pt") == "ok"


def test_two_batches_of_unequal_lengths_need_a_word_where_no_file_has_symbols(models):
    beside = run_case(models, "pairs.onnx", "pairs.pt", "--inputs", "unequal.npz")
    asked = run_case(models, "pairs.pt", "--inputs", "unequal.npz")
    option = advised(asked.reason("pairs.pt"), "--whole")
    answered = run_case(models, "pairs.pt", "--inputs", "unequal.npz", *option)

    # The symbols of the ONNX file tell it for both.
    assert beside.outcome("pairs.onnx") == beside.outcome("pairs.pt") == "ok"
    assert asked.outcome("pairs.pt") == "bad_input"
    assert answered.outcome("pairs.pt") == "ok"


@pytest.mark.parametrize("inputs", [("--inputs", "matrix.npz"), ("--random", "0", "--dim", "n=5")])
def test_a_function_of_a_whole_matrix_gets_the_whole_matrix(models, inputs):
    run = run_case(models, "matrix.onnx", *inputs, "--scenario", "sweep", "single")

    assert run.outcome("matrix.onnx") == "ok"
    assert "given whole" in run.notes("matrix.onnx")
