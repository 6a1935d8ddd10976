"""Inputs that have a default, weights that are listed as inputs, and arrays that nobody takes."""

import numpy as np
import pytest
import torch
from case_runs import run_case
from onnx import TensorProto, helper, numpy_helper, save

WEIGHTS = np.random.default_rng(12).standard_normal((6, 4)).astype("f4")
X = np.random.default_rng(1).standard_normal((10, 6)).astype("f4")


class Scaled(torch.nn.Module):
    """A product, scaled by a number that has a default and by a tensor that may be missing."""

    def __init__(self):
        super().__init__()
        self.register_buffer("w", torch.from_numpy(WEIGHTS))

    def forward(self, x, scale: float = 2.0, shift: torch.Tensor | None = None):
        y = x @ self.w * scale
        return y if shift is None else y + shift


def write_onnx(path, ir_version, opset, inputs):
    def value(name, *shape):
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)

    known = {"x": value("x", "n", 6), "w": value("w", 6, 4), "scale": value("scale", 1)}
    graph = helper.make_graph(
        [
            helper.make_node("MatMul", ["x", "w"], ["m"]),
            helper.make_node("Mul", ["m", "scale"], ["y"]),
        ],
        "graph",
        [known[name] for name in inputs],
        [value("y", "n", 4)],
        [
            numpy_helper.from_array(WEIGHTS, "w"),
            numpy_helper.from_array(np.array([2], "f4"), "scale"),
        ],
    )
    opset_imports = [helper.make_opsetid("", opset)]
    save(helper.make_model(graph, opset_imports=opset_imports, ir_version=ir_version), path)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("defaults")
    write_onnx(folder / "plain.onnx", 8, 17, ["x"])
    write_onnx(folder / "old.onnx", 3, 9, ["w", "x", "scale"])
    write_onnx(folder / "default.onnx", 8, 17, ["x", "scale"])
    torch.jit.script(Scaled().eval()).save(folder / "default.pt")
    np.savez(folder / "x.npz", x=X)
    np.savez(folder / "scaled.npz", x=X, scale=np.array([5], "f4"))
    more = {
        "shift": np.arange(40, dtype="f4").reshape(10, 4),
        "attention_mask": np.ones((10, 6), "i8"),
    }
    np.savez(folder / "more.npz", x=X, scale=np.array(5.0), factor=np.array([3], "f4"), **more)
    return folder


def test_weights_are_not_asked_for_and_a_default_may_be_left_out(folder):
    run = run_case(
        folder, "plain.onnx", "old.onnx", "default.onnx", "default.pt", "--inputs", "x.npz"
    )

    assert run.status == 0
    assert {row["outcome"] for row in run.summary["rows"]} == {"ok"}
    assert "left at their defaults: scale" in run.notes("default.onnx")
    assert "left at their defaults: scale, shift" in run.notes("default.pt")


def test_a_default_that_the_file_has_an_array_for_is_replaced(folder):
    run = run_case(folder, "default.onnx", "plain.onnx", "--inputs", "scaled.npz")

    assert "left at their defaults" not in run.notes("default.onnx")
    assert run.outcome("plain.onnx") == "parity_fail"  # its 2 cannot be another number
    assert "UNUSED ARRAYS" not in run.text


def test_a_default_may_be_given_by_a_rule_and_arrays_that_nobody_takes_are_named(folder, capfd):
    run = run_case(
        folder,
        *("default.pt", "default.onnx", "--inputs", "more.npz"),
        *("--map", "default.onnx:scale=factor", "default.pt:shift=shift"),
    )

    assert run.outcome("default.pt") == "ok" and run.outcome("default.onnx") == "parity_fail"
    assert "left at their defaults" not in run.notes("default.pt") + run.notes("default.onnx")
    notice = "UNUSED ARRAYS: of more.npz, no artifact that was run takes 'attention_mask'."
    assert notice in run.summary["notices"] and notice in capfd.readouterr().err
