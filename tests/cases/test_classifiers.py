"""Classifiers as converters write them: maps, text labels, and None among the outputs."""

from typing import NamedTuple, Optional

import numpy as np
import pytest
import torch
from case_runs import run_case
from onnx import TensorProto, helper, numpy_helper, save

NAMES = ["setosa", "versicolor", "virginica"]
ML = "ai.onnx.ml"


class Answer(NamedTuple):
    logits: torch.Tensor
    auxiliary: Optional[torch.Tensor]  # noqa: UP045 - TorchScript reads it


class Auxiliary(torch.nn.Module):
    """A second head that only training has."""

    def __init__(self, weights):
        super().__init__()
        self.register_buffer("weights", torch.from_numpy(weights))

    def forward(self, x: torch.Tensor):
        return x @ self.weights, None


class Scripted(Auxiliary):
    def forward(self, x: torch.Tensor) -> Answer:
        return Answer(x @ self.weights, None)


class Nested(Auxiliary):
    def forward(self, x: torch.Tensor):
        return {"past": None, "answers": [None, x @ self.weights]}


def write_linear(path, weights, bias, zip_map):
    nodes = [
        helper.make_node(
            *("LinearClassifier", ["x"], ["label", "raw"]),
            domain=ML,
            classlabels_strings=NAMES,
            coefficients=weights.T.ravel().tolist(),
            intercepts=bias.tolist(),
            multi_class=1,
            post_transform="SOFTMAX",
        ),
        helper.make_node("Normalizer", ["raw"], ["probabilities"], domain=ML, norm="L1"),
    ]
    outputs = [helper.make_tensor_value_info("label", TensorProto.STRING, [None])]
    if zip_map:
        arguments = ("ZipMap", ["probabilities"], ["maps"])
        nodes.append(helper.make_node(*arguments, domain=ML, classlabels_strings=NAMES))
        item = helper.make_tensor_type_proto(TensorProto.FLOAT, None)
        kind = helper.make_map_type_proto(TensorProto.STRING, item)
        outputs.append(helper.make_value_info("maps", helper.make_sequence_type_proto(kind)))
    else:
        info = helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [None, 3])
        outputs.append(info)
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 4])]
    graph = helper.make_graph(nodes, "graph", inputs, outputs)
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid(ML, 1)]
    save(helper.make_model(graph, opset_imports=opsets, ir_version=8), path)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("classifiers")
    random = np.random.default_rng(0)
    weights = random.standard_normal((4, 3)).astype("f4")
    bias = random.standard_normal(3).astype("f4")
    x = random.standard_normal((40, 4)).astype("f4")
    write_linear(folder / "maps.onnx", weights, bias, zip_map=True)
    write_linear(folder / "matrix.onnx", weights, bias, zip_map=False)
    write_linear(folder / "retrained.onnx", weights * 1.5, bias, zip_map=False)
    labels = np.array(NAMES)[(x @ weights + bias).argmax(1)]
    np.savez(folder / "named.npz", x=x, labels=labels)

    np.savez(folder / "inputs.npz", x=x)
    torch.jit.script(Scripted(weights)).save(folder / "scripted.pt")
    example = (torch.from_numpy(x[:3]),)
    sizes = {"dynamic_shapes": [{0: torch.export.Dim("n")}]}
    for name, module in (("tuple", Auxiliary(weights)), ("nested", Nested(weights))):
        torch.export.save(torch.export.export(module, example, **sizes), folder / f"{name}.pt2")
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "weights"], ["logits"])],
        "graph",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 4])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["n", 3])],
        [numpy_helper.from_array(weights, "weights")],
    )
    opsets = [helper.make_opsetid("", 17)]
    save(helper.make_model(graph, opset_imports=opsets, ir_version=8), folder / "net.onnx")
    return folder


def test_maps_are_compared_with_a_matrix_and_text_labels_give_an_accuracy(folder):
    run = run_case(folder, "maps.onnx", "matrix.onnx", "retrained.onnx", "--inputs", "named.npz")

    assert run.outcome("maps.onnx") == run.outcome("matrix.onnx") == "ok"
    assert run.accuracy("maps.onnx") == run.accuracy("matrix.onnx") == 1
    assert run.outcome("retrained.onnx") == "parity_fail"
    assert run.accuracy("retrained.onnx") < 1
    assert "texts of 'label', as in sample" in run.reason("retrained.onnx")


def test_none_among_the_outputs_leaves_the_rest_to_be_compared(folder):
    artifacts = ("net.onnx", "scripted.pt", "tuple.pt2", "nested.pt2")
    run = run_case(folder, *artifacts, "--inputs", "inputs.npz")

    assert run.status == 0, run.text
    assert {row["outcome"] for row in run.summary["rows"]} == {"ok"}
