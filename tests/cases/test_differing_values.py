"""Differences that are named, allowed, or found again by the command that a report shows."""

import shlex

import numpy as np
import pytest
import torch
from case_runs import run_case
from onnx import TensorProto, helper, numpy_helper, save

from infer.report.difference_maps import difference_maps
from infer.report.html import render
from infer.results.recorded_run import read_run


class Classes(torch.nn.Module):
    """The class of each pixel."""

    def __init__(self, weights):
        super().__init__()
        self.register_buffer("weights", torch.from_numpy(weights))

    def forward(self, image):
        return torch.nn.functional.conv2d(image, self.weights).argmax(1)


def write_onnx(path, weights, bias):
    """Write the same network, with a bias for the second class."""
    nodes = [
        helper.make_node("Conv", ["image", "weights", "bias"], ["scores"]),
        helper.make_node("ArgMax", ["scores"], ["mask"], axis=1, keepdims=0),
    ]
    biases = np.array([0, bias, 0], "f4")
    graph = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", 2, 8, 8])],
        [helper.make_tensor_value_info("mask", TensorProto.INT64, ["n", 8, 8])],
        [numpy_helper.from_array(weights, "weights"), numpy_helper.from_array(biases, "bias")],
    )
    opsets = [helper.make_opsetid("", 17)]
    save(helper.make_model(graph, opset_imports=opsets, ir_version=8), path)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Maps of classes that differ in 3 of 512 pixels."""
    folder = tmp_path_factory.mktemp("classes")
    random = np.random.default_rng(3)
    weights = random.standard_normal((3, 2, 1, 1)).astype("f4")
    image = random.standard_normal((8, 2, 8, 8)).astype("f4")
    # Pixels where a class is ahead by a little, and another where it is behind by that.
    image[5, :, 2, 3] = image[5, :, 7, 7] = image[6, :, 0, 1] = 0
    torch.jit.trace(Classes(weights), torch.from_numpy(image[:2])).save(folder / "net.pt")
    write_onnx(folder / "net.onnx", weights, bias=1e-3)
    write_onnx(folder / "same.onnx", weights, bias=0)
    np.savez(folder / "inputs.npz", image=image)
    return folder


def test_differing_pixels_are_counted_placed_and_allowed_by_a_share(folder):
    names = "net.pt", "same.onnx", "net.onnx"

    refused = run_case(folder, *names, "--inputs", "inputs.npz", "--reference", "net.pt")

    assert [refused.outcome(name) for name in names] == ["ok", "ok", "parity_fail"]
    # The page has a picture of where they differ.
    (run,) = folder.glob("artifacts/runs/*")
    (shown,) = difference_maps(read_run(run), read_run(run).summary.rows)
    assert shown.text.startswith("3 of 512 values")
    assert {(x, y) for x, y, _ in shown.parts} == {(3, 2), (7, 7), (1, 0)}
    assert 'class="map"' in render([read_run(run)])
    reason = refused.reason("net.onnx")
    assert "in 3 of 512 values of 'output_0', most in sample 5 at [2, 3]" in reason
    # The command that is shown has the reference, and fails in the same way; here with a share.
    command = shlex.split(refused.command("net.onnx"))
    allowed = run_case(folder, *command[command.index("run") + 1 :], "--allow", "output_0=1%")
    assert allowed.outcome("net.onnx") == "ok"
    assert "3 of 512 values differ, in samples 5 (2), 6 (1)" in allowed.notes("net.onnx")
