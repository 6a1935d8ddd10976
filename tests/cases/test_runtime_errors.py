"""Errors of runtimes: the cause in one line, and what to do."""

import numpy as np
import pytest
import torch
from case_runs import advised, run_case
from onnx import TensorProto, helper, numpy_helper, save

INPUTS = ("--inputs", "inputs.npz")


def write_onnx(path, nodes, inputs, outputs, domains=(), weights=(), **how):
    values = [
        [helper.make_tensor_value_info(*value) for value in values] for values in (inputs, outputs)
    ]
    graph = helper.make_graph(nodes, "graph", *values, list(weights))
    opsets = [helper.make_opsetid("", 17), *(helper.make_opsetid(name, 1) for name in domains)]
    save(helper.make_model(graph, opset_imports=opsets, ir_version=8), path, **how)


class Device(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + torch.arange(4, device=torch.device("cuda:0"), dtype=torch.float32)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("errors")
    np.savez(folder / "inputs.npz", x=np.random.default_rng(0).random((8, 4)).astype("f4"))
    number = TensorProto.FLOAT
    for name, domain in (("tokens", "ai.onnx.contrib"), ("own", "my_ops")):
        node = helper.make_node("Inverse2", ["x"], ["y"], domain=domain)
        values = ([("x", number, ["n", 4])], [("y", number, ["n", 4])])
        write_onnx(folder / f"{name}.onnx", [node], *values, domains=[domain])
    torch.jit.script(Device()).save(folder / "cuda.pt")
    tables = [
        numpy_helper.from_array(np.random.default_rng(1).random((rows, 3)).astype("f4"), name)
        for name, rows in (("words", 10), ("kinds", 2))
    ]
    nodes = [
        helper.make_node("Gather", ["words", "ids"], ["a"]),
        helper.make_node("Gather", ["kinds", "types"], ["b"]),
        helper.make_node("Add", ["a", "b"], ["y"]),
    ]
    inputs = [(name, TensorProto.INT64, ["n", 5]) for name in ("ids", "types")]
    outputs = [("y", number, ["n", 5, 3])]
    write_onnx(folder / "tables.onnx", nodes, inputs, outputs, weights=tables)
    weights = [numpy_helper.from_array(np.ones((4, 4), "f4"), "w")]
    node = helper.make_node("MatMul", ["x", "w"], ["y"])
    for name in ("alone", "renamed", "short"):
        (folder / name).mkdir()
        write_onnx(
            *(folder / name / f"{name}.onnx", [node], *values),
            weights=weights,
            save_as_external_data=True,
            location="weights.data",
            size_threshold=0,
        )
    (folder / "alone/weights.data").unlink()
    (folder / "renamed/weights.data").rename(folder / "renamed/renamed.data")
    (folder / "short/weights.data").write_bytes(bytes(40))
    return folder


def test_weights_that_are_missing_or_cut_short_are_named(folder):
    paths = [f"{name}/{name}.onnx" for name in ("alone", "renamed", "short")]

    run = run_case(folder, *paths, *INPUTS)

    assert {row["outcome"] for row in run.summary["rows"]} == {"load_error"}
    assert "alone/weights.data: missing" in run.reason("alone.onnx")
    assert "was renamed.data renamed?" in run.reason("renamed.onnx")
    assert "short/weights.data: cut short: has 40 bytes" in run.reason("short.onnx")


def test_causes_are_said_in_a_line_that_names_the_log(folder):
    run = run_case(
        *(folder, "tokens.onnx", "own.onnx", "cuda.pt", *INPUTS, "--try", "onnx:runtime=openvino")
    )

    for label, words in {
        "tokens.onnx": "Inverse2 of onnxruntime-extensions",
        "own.onnx": "Inverse2 of 'my_ops'",
        "tokens.onnx (runtime=openvino)": "Inverse2 of onnxruntime-extensions",
        "own.onnx (runtime=openvino)": "Inverse2 of 'my_ops'",
        "cuda.pt": "wants CUDA, and there is none here",
    }.items():
        assert run.outcome(label) == "unsupported"
        assert words in run.reason(label)
        log = run.reason(label).partition("(log: ")[2].rstrip(")")
        assert "Traceback" in (folder / log).read_text()
    assert run.status == 3


def test_made_up_numbers_beyond_a_table_are_told_with_the_option_that_helps(folder):
    arguments = ("tables.onnx", "--random", "0", "--samples", "16")

    refused = run_case(folder, *arguments)

    assert refused.outcome("tables.onnx") == "bad_input"
    option = advised(refused.reason("tables.onnx"), "--range")
    assert option == ["--range", "types=0:1"]
    assert run_case(folder, *arguments, *option).outcome("tables.onnx") == "ok"
