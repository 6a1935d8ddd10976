"""Made-up inputs for artifacts that do not all take the same."""

import numpy as np
import pytest
import torch
from case_runs import run_case
from onnx import TensorProto, helper, numpy_helper, save

WEIGHTS = np.random.default_rng(8).standard_normal((6, 6)).astype("f4")
MADE_UP = ("--random", "0", "--samples", "8", "--batch", "4")


class Sum(torch.nn.Module):
    """Takes four inputs, of which it uses two."""

    def __init__(self):
        super().__init__()
        self.register_buffer("w", torch.from_numpy(WEIGHTS))

    def forward(self, a, b, c, d):
        return torch.tanh(a @ self.w) + d


def write_onnx(path, nodes, inputs, output, constants):
    graph = helper.make_graph(
        [helper.make_node(*node) for node in nodes],
        "graph",
        [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
            for name, shape in inputs.items()
        ],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, output)],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    opset = helper.make_opsetid("", 17)
    save(helper.make_model(graph, opset_imports=[opset], ir_version=8), path)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("random")
    nodes = [
        ("MatMul", ["a", "w"], ["m"]),
        ("Tanh", ["m"], ["t"]),
        ("Add", ["t", "d"], ["y"]),
    ]
    for name, inputs in {"two.onnx": "ad", "all.onnx": "abcd"}.items():
        shapes = dict.fromkeys(inputs, ("n", 6))
        write_onnx(folder / name, nodes, shapes, ("n", 6), {"w": WEIGHTS})
    example = torch.ones(2, 6)
    torch.jit.trace(Sum().eval(), (example,) * 4).save(folder / "all.pt")
    return folder


def test_inputs_are_drawn_for_all_artifacts_whatever_comes_first(folder):
    run = run_case(folder, "two.onnx", "all.pt", "all.onnx", *MADE_UP)

    assert run.status == 0
    assert {row["outcome"] for row in run.summary["rows"]} == {"ok"}
    notice = next(text for text in run.summary["notices"] if text.startswith("RANDOM INPUTS"))
    assert all(f"{name} normal" in notice for name in "abcd")
