"""Inputs whose file does not tell the number of dimensions, beside single values."""

import numpy as np
import openvino
import pytest
import torch
from case_runs import advised, run_case
from onnx import TensorProto, helper, numpy_helper, save
from openvino import opset13

from infer.api import load
from infer.cli.inspect import inspect

WEIGHTS = np.random.default_rng(3).standard_normal((5, 4)).astype("f4")
ROWS = np.random.default_rng(4).standard_normal((8, 3, 5)).astype("f4")
MADE_UP = ("--random", "0", "--samples", "8", "--batch", "4")


def write_onnx(path, x_shape, gain_shape):
    """Write `tanh(x @ WEIGHTS) * gain`; None is a shape that the file does not tell."""
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        [
            helper.make_node("MatMul", ["x", "w"], ["m"]),
            helper.make_node("Tanh", ["m"], ["t"]),
            helper.make_node("Mul", ["t", "gain"], ["y"]),
        ],
        "graph",
        [value("x", TensorProto.FLOAT, x_shape), value("gain", TensorProto.FLOAT, gain_shape)],
        [value("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(WEIGHTS, "w")],
    )
    opset = helper.make_opsetid("", 17)
    save(helper.make_model(graph, opset_imports=[opset], ir_version=8), path)


def write_ir(path, x_shape, gain_shape):
    x = opset13.parameter(openvino.PartialShape(x_shape), np.float32, name="x")
    gain = opset13.parameter(openvino.PartialShape(gain_shape), np.float32, name="gain")
    for port in (x, gain):
        port.output(0).set_names({port.get_friendly_name()})
    product = opset13.tanh(opset13.matmul(x, opset13.constant(WEIGHTS), False, False))
    y = opset13.multiply(product, gain)
    y.output(0).set_names({"y"})
    openvino.save_model(openvino.Model([y], [x, gain], "model"), path, compress_to_fp16=False)


class Gained(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("w", torch.from_numpy(WEIGHTS))

    def forward(self, x, gain: float):
        return torch.tanh(x @ self.w) * gain


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ranks")
    write_onnx(folder / "unranked.onnx", None, [])
    write_onnx(folder / "ranked.onnx", ["n", 3, 5], [1])
    write_onnx(folder / "gain.onnx", ["n", 3, 5], None)
    write_ir(folder / "unranked.xml", "...", "...")
    write_ir(folder / "ranked.xml", [-1, 3, 5], [1])
    torch.jit.script(Gained()).save(folder / "gained.pt")
    np.savez(folder / "inputs.npz", x=ROWS, gain=np.float32(2.5))
    np.savez(folder / "one.npz", x=ROWS, gain=np.array([2.5], "f4"))
    np.savez(folder / "several.npz", x=ROWS, gain=np.full(8, 2.5, "f4"))
    return folder


@pytest.mark.parametrize(
    ("inputs", "names"),
    [
        ("inputs.npz", ["ranked.onnx", "unranked.onnx", "gain.onnx", "ranked.xml"]),
        ("one.npz", ["unranked.onnx", "ranked.xml", "gained.pt"]),
    ],
)
def test_arrays_are_given_as_they_are_and_single_values_as_asked_for(folder, inputs, names):
    done = run_case(folder, *names, "--inputs", inputs, "--batch", 4)

    assert {name: done.outcome(name) for name in names} == dict.fromkeys(names, "ok")
    shape = "[]" if inputs == "inputs.npz" else "[1]"
    changed = "ranked.xml" if inputs == "inputs.npz" else "unranked.onnx"
    assert f"gain: one value, of shape {shape} in the file" in done.notes(changed)


def test_several_values_are_refused_where_one_is_taken(folder):
    done = run_case(folder, "unranked.onnx", "gained.pt", "--inputs", "several.npz")

    for name in ("unranked.onnx", "gained.pt"):
        assert done.outcome(name) == "bad_input"
        assert "'gain' has the shape 8, the artifact takes a single value" in done.reason(name)


def test_other_artifacts_tell_the_shape(folder):
    """Each of two files knows the input that the other does not."""
    names = "unranked.onnx", "gain.onnx"
    done = run_case(folder, *names, *MADE_UP)

    assert {name: done.outcome(name) for name in names} == dict.fromkeys(names, "ok"), done.text


def test_made_up_inputs_of_unknown_rank_are_a_question(folder):
    done = run_case(folder, "unranked.onnx", *MADE_UP)

    assert done.outcome("unranked.onnx") == "bad_input"
    reason = done.reason("unranked.onnx")
    assert "does not tell the shape of 'x'" in reason
    assert "--inputs" in reason
    assert advised(reason, "--dim") == ["--dim", "x.1=SIZE"]
    sizes = "--dim", "x.1=3", "--dim", "x.2=5"

    again = run_case(folder, "unranked.onnx", *sizes, *MADE_UP)

    assert again.outcome("unranked.onnx") == "ok"
    assert "--dim" not in "".join(again.summary["notices"])


def test_openvino_says_that_it_takes_no_unknown_rank(folder):
    done = run_case(folder, "unranked.xml", "--inputs", "inputs.npz")
    (described,) = inspect(folder / "unranked.xml").description.signatures.values()

    assert {spec.name: spec.shape for spec in described.inputs} == {"x": None, "gain": None}
    assert done.outcome("unranked.xml") == "unsupported"
    assert "no input of unknown rank on a CPU, as 'x' is" in done.reason("unranked.xml")


@pytest.mark.parametrize(
    ("name", "shapes"),
    [
        ("unranked.onnx", {"x": None, "gain": ()}),
        ("gained.pt", {"x": None, "gain": ()}),
        ("ranked.xml", {"x": (None, 3, 5), "gain": (1,)}),
    ],
)
def test_reader_and_runtime_tell_the_same_ranks(folder, name, shapes):
    (described,) = inspect(folder / name).description.signatures.values()
    with load(folder / name, trust=True) as model:
        loaded = model.signature

    for signature in (described, loaded):
        assert {spec.name: spec.shape for spec in signature.inputs} == shapes
