"""Numbers of samples that a call may have: stated by files, and baked into their graphs."""

import jax
import jax.export
import numpy as np
import openvino
import pytest
import torch
from case_runs import run_case
from onnx import TensorProto, helper, numpy_helper, save
from openvino import opset13

WEIGHTS = np.random.default_rng(14).standard_normal((6, 3)).astype("f4")
X = np.random.default_rng(1).standard_normal((50, 6)).astype("f4")


class Product(torch.nn.Module):
    """A product; `rows` is the batch of the example where it is baked into a view."""

    def __init__(self, rows=None):
        super().__init__()
        self.rows = rows
        self.register_buffer("w", torch.from_numpy(WEIGHTS))

    def forward(self, x):
        if self.rows:
            x = x.view(self.rows, 2, 3).reshape(self.rows, 6)
        return torch.tanh(x @ self.w)


def write_onnx(path, rows=None):
    def value(name, *shape):
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)

    nodes = [helper.make_node("MatMul", ["x", "w"], ["m"]), helper.make_node("Tanh", ["m"], ["y"])]
    constants = [numpy_helper.from_array(WEIGHTS, "w")]
    if rows:
        nodes[:1] = [
            helper.make_node("Reshape", ["x", "shape"], ["r"]),
            helper.make_node("MatMul", ["r", "w"], ["m"]),
        ]
        constants.append(numpy_helper.from_array(np.array([rows, 6]), "shape"))
    graph = helper.make_graph(nodes, "graph", [value("x", "n", 6)], [value("y", "n", 3)], constants)
    opset = helper.make_opsetid("", 17)
    save(helper.make_model(graph, opset_imports=[opset], ir_version=8), path)


def write_openvino(path):
    rows = openvino.Dimension(2, 16)
    x = opset13.parameter(openvino.PartialShape([rows, 6]), openvino.Type.f32, name="x")
    x.output(0).set_names({"x"})
    y = opset13.tanh(opset13.matmul(x, opset13.constant(WEIGHTS), False, False))
    y.output(0).set_names({"y"})
    openvino.save_model(openvino.Model([y], [x], "model"), path, compress_to_fp16=False)


def write_jax(path):
    constraints = ["b <= 20", "mod(b, 5) == 0"]
    shape = jax.export.symbolic_shape("b, 6", constraints=constraints)
    x = jax.ShapeDtypeStruct(shape, jax.numpy.float32)
    function = jax.jit(lambda x: {"y": jax.numpy.tanh(x @ WEIGHTS)})
    path.write_bytes(jax.export.export(function, platforms=["cpu"])(x).serialize())


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("batches")
    write_onnx(folder / "free.onnx")
    write_onnx(folder / "baked.onnx", rows=8)
    example = torch.from_numpy(X[:12])
    torch.jit.trace(Product(rows=12).eval(), example).save(folder / "baked.pt")
    batch = torch.export.Dim("batch", max=25)
    for name, dim in {
        "fours.pt2": 4 * batch,
        "few.pt2": torch.export.Dim("few", min=4, max=20),
    }.items():
        program = torch.export.export(Product().eval(), (example,), dynamic_shapes=[{0: dim}])
        torch.export.save(program, folder / name)
    write_openvino(folder / "bounds.xml")
    write_jax(folder / "fives.jax")
    np.savez(folder / "inputs.npz", x=X)
    return folder


@pytest.fixture(scope="module")
def run(folder):
    artifacts = "free.onnx", "baked.onnx", "baked.pt", "fours.pt2", "few.pt2"
    artifacts += "bounds.xml", "fives.jax"
    return run_case(folder, *artifacts, "--inputs", "inputs.npz", "--batch", "32")


def test_all_are_called_with_numbers_of_samples_that_they_take(run):
    assert run.status == 0
    assert {row["outcome"] for row in run.summary["rows"]} == {"ok"}


def test_numbers_that_a_file_states_are_told(run):
    assert "takes a multiple of 4, at most 100 samples a call" in run.notes("fours.pt2")
    assert "takes at least 4, at most 20 samples a call" in run.notes("few.pt2")
    assert "takes at least 2, at most 16 samples a call" in run.notes("bounds.xml")
    assert "takes a multiple of 5, at most 20 samples a call" in run.notes("fives.jax")


@pytest.mark.parametrize(("label", "rows"), [("baked.onnx", 8), ("baked.pt", 12)])
def test_a_baked_batch_is_found_and_told_with_the_number_that_failed(run, label, rows):
    notes = run.notes(label)

    assert f"takes {rows} samples a call, no other number" in notes
    assert "a call with 32 samples failed (" in notes
    assert f"found by trying, {rows} is the nearest" in notes
