"""Names of outputs: one name twice, an input that is an output, and names that are exchanged."""

import numpy as np
import pytest
import torch
from case_runs import advised, run_case
from onnx import TensorProto, helper, numpy_helper, save

SIZE = 5


def value(name, *shape):
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)


def write_onnx(path, nodes, inputs, outputs, **weights):
    constants = [numpy_helper.from_array(array, name) for name, array in weights.items()]
    graph = helper.make_graph(
        [helper.make_node(*node) for node in nodes], "graph", inputs, outputs, constants
    )
    opset = helper.make_opsetid("", 17)
    save(helper.make_model(graph, opset_imports=[opset], ir_version=8), path)


class Module(torch.nn.Module):
    """Returns what a function makes of the input and of two matrices."""

    def __init__(self, function, a, b):
        super().__init__()
        self.function = function
        self.register_buffer("a", torch.from_numpy(a))
        self.register_buffer("b", torch.from_numpy(b))

    def forward(self, x):
        return self.function(x, self.a, self.b)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Artifacts with the same two matrices, and other names of their outputs."""
    folder = tmp_path_factory.mktemp("names")
    random = np.random.default_rng(0)
    a = random.standard_normal((SIZE, 3)).astype("f4")
    b = random.standard_normal((SIZE, 2)).astype("f4")
    x = random.standard_normal((12, SIZE)).astype("f4")
    np.savez(folder / "inputs.npz", x=x)
    example = torch.from_numpy(x[:2])
    for name, function in {
        "twice": lambda x, a, b: (x @ a, x @ a),
        "through": lambda x, a, b: (x @ a, x),
        "both": lambda x, a, b: (x @ a, x @ b),
        "column": lambda x, a, b: (x @ b)[:, :1],
    }.items():
        torch.jit.trace(Module(function, a, b), example).save(folder / f"{name}.pt")
    x = value("x", "n", SIZE)
    product = ("MatMul", ["x", "a"], ["y"])
    write_onnx(folder / "twice.onnx", [product], [x], [value("y", "n", 3)] * 2, a=a)
    write_onnx(folder / "through.onnx", [product], [x], [value("y", "n", 3), x], a=a)
    write_onnx(
        folder / "exchanged.onnx",
        [("MatMul", ["x", "a"], ["output_1"]), ("MatMul", ["x", "b"], ["output_0"])],
        [x],
        [value("output_0", "n", 2), value("output_1", "n", 3)],
        a=a,
        b=b,
    )
    write_onnx(
        folder / "vector.onnx",
        [("MatMul", ["x", "column"], ["y"])],
        [x],
        [value("y", "n")],
        column=b[:, 0].copy(),
    )
    return folder


def rules_for(label, *rules):
    return [f"{label}:{rule}" for rule in rules]


def test_an_output_named_twice_is_two_outputs_in_every_runtime(folder):
    asked, answered = "twice.onnx (graph=none)", ("twice.onnx", "twice.onnx (runtime=openvino)")
    rules = [rule for label in answered for rule in rules_for(label, "y=output_0", "y_2=output_1")]

    run = run_case(
        *(folder, "twice.pt", "twice.onnx", "--inputs", "inputs.npz", "--reference", "twice.pt"),
        *("--try", "onnx:runtime=openvino", "onnx:graph=none", "--map", *rules),
    )

    assert run.outcome(asked) == "bad_input"
    advice = advised(run.reason(asked), "--map")
    assert advice == ["--map", *rules_for(asked, "y=output_0", "y_2=output_1")]
    assert [run.outcome(label) for label in answered] == ["ok", "ok"]


def test_an_input_that_is_an_output_can_be_mapped(folder):
    labels = ("through.onnx", "through.onnx (runtime=openvino)")
    rules = [rule for label in labels for rule in rules_for(label, "y=output_0", "x=output_1")]

    run = run_case(
        *(folder, "through.pt", "through.onnx", "--inputs", "inputs.npz"),
        *("--reference", "through.pt", "--try", "onnx:runtime=openvino", "--map", *rules),
    )

    assert [run.outcome(label) for label in labels] == ["ok", "ok"]


def test_names_that_are_the_others_are_a_question(folder):
    asked, wrong = "exchanged.onnx (graph=none)", "exchanged.onnx (graph=basic)"
    right = rules_for("exchanged.onnx", "output_0=output_1", "output_1=output_0")

    run = run_case(
        *(folder, "both.pt", "exchanged.onnx", "--inputs", "inputs.npz", "--reference", "both.pt"),
        *("--try", "onnx:graph=none", "onnx:graph=basic"),
        *("--map", *right, *rules_for(wrong, "output_0=output_0", "output_1=output_1")),
    )

    assert run.outcome(asked) == "bad_input"
    advice = advised(run.reason(asked), "--map")
    assert [rule.replace(asked, "exchanged.onnx") for rule in advice[1:]] == right
    assert run.outcome("exchanged.onnx") == "ok"
    assert run.outcome(wrong) == "parity_fail"


def test_a_vector_is_compared_with_a_column_where_the_user_says_so(folder):
    refused = "vector.onnx (graph=none)"

    run = run_case(
        *(folder, "column.pt", "vector.onnx", "--inputs", "inputs.npz"),
        *("--reference", "column.pt", "--try", "onnx:graph=none"),
        *("--map", "vector.onnx:y@N=output_0@N1"),
    )

    assert run.outcome(refused) == "parity_fail"
    assert advised(run.reason(refused), "--map") == ["--map", f"{refused}:y@N=output_0@N1"]
    assert run.outcome("vector.onnx") == "ok"


@pytest.mark.parametrize("example", ["one", "column"])
def test_a_fixed_one_beside_a_column_is_given_its_values_call_by_call(tmp_path, example):
    random = np.random.default_rng(0)
    a = random.standard_normal((SIZE, 3)).astype("f4")
    gain = random.random((12, 1), dtype=np.float32) + 0.5
    np.savez(tmp_path / "inputs.npz", x=random.random((12, SIZE), dtype=np.float32), gain=gain)
    nodes = [("MatMul", ["x", "a"], ["product"]), ("Mul", ["product", "gain"], ["y"])]
    for name, shape, wrong in (("one", [1], 0), ("wrong", [1], 1), ("column", ["n", 1], 0)):
        inputs = [value("x", "n", SIZE), value("gain", *shape)]
        outputs = [value("y", "n", 3)]
        write_onnx(tmp_path / f"{name}.onnx", nodes, inputs, outputs, a=a + wrong)
    labels = ("column.onnx", "one.onnx", "wrong.onnx")
    rule = ("--map", "one.onnx:gain@N=gain@N1", "wrong.onnx:gain@N=gain@N1")

    run = run_case(
        tmp_path, *labels, "--inputs", "inputs.npz", "--reference", f"{example}.onnx", *rule
    )

    assert [run.outcome(label) for label in labels] == ["ok", "ok", "parity_fail"], run.text
