"""Where two graphs part: found in models that are altered in a known place."""

import json
import shutil

import numpy as np
import pytest

from infer.cli import main

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
from onnx import TensorProto, helper, numpy_helper  # noqa: E402

RANDOM = np.random.default_rng(0)
W1, W2, W3 = (RANDOM.normal(size=(8, 8)).astype(np.float32) for _ in range(3))
X = RANDOM.normal(size=(6, 8)).astype(np.float32)
OPTIONS = ("--inputs", "in.npz", "--threads", 1)


def model(path, *, prefix="", w2=W2, more=(), external=False, fold=True, activation="Relu"):
    """x -> MatMul -> Relu -> MatMul (with a bias, folded in or not) -> Tanh -> MatMul -> y."""
    names = [f"{prefix}{name}" for name in ("first", "active", "second", "biased", "tanh")]
    first, active, second, biased, tanh = names
    weights = {"w1": W1, "w2": w2, "w3": W3, "scale": np.float32(2), "half": w2 / 2}
    middle = [helper.make_node("MatMul", [active, "w2"], [biased], name="node-second")]
    if not fold:
        middle = [
            helper.make_node("MatMul", [active, "half"], [second], name="node-half"),
            helper.make_node("Mul", [second, "scale"], [biased], name="node-scale"),
        ]
    nodes = [
        helper.make_node("MatMul", ["x", "w1"], [first], name="node-first"),
        helper.make_node(activation, [first], [active]),
        *middle,
        helper.make_node("Tanh", [biased], [tanh]),
        helper.make_node("MatMul", [tanh, "w3"], ["y"], name="node-last"),
        *more,
    ]
    used = {name for node in nodes for name in node.input}
    graph = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ("N", 8))],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ("N", 8))],
        [numpy_helper.from_array(np.asarray(a), n) for n, a in weights.items() if n in used],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(
        made,
        str(path),
        save_as_external_data=external,
        location=f"{path.name}.data" if external else None,
        size_threshold=0,
    )
    return path


ALTERED = W2.copy()
ALTERED[:, 4] += 0.5


@pytest.fixture
def bisect(tmp_path, monkeypatch, capsys):
    """Runs the command in this process; gives its exit status, JSON and text."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        if not (tmp_path / "in.npz").exists():
            np.savez(tmp_path / "in.npz", x=X)
        status = main.main([*map(str, ("bisect", *arguments, "--json", "out.json"))])
        printed = capsys.readouterr()
        if status > 1:
            assert printed.err.count("\n") == 1, printed.err
            return status, {}, printed.err
        return status, json.loads((tmp_path / "out.json").read_text()), printed.out

    return run


def test_equal_graphs_agree(tmp_path, bisect):
    model(tmp_path / "a.onnx")
    shutil.copy(tmp_path / "a.onnx", tmp_path / "b.onnx")

    status, result, text = bisect("a.onnx", "b.onnx", *OPTIONS)

    assert status == 0 and result["agree"] and result["first"] is None
    assert result["paired"] == {"name": 5} and result["tensors"] == 5
    assert "agree" in text


def test_the_altered_operation_is_found(tmp_path, bisect):
    model(tmp_path / "a.onnx")
    model(tmp_path / "b.onnx", w2=ALTERED)

    status, result, text = bisect("a.onnx", "b.onnx", *OPTIONS)

    assert status == 1
    assert result["first"]["name"] == result["first"]["other"] == "biased"
    assert result["first"]["node"] == "node-second" and result["first"]["inputs_agree"]
    assert result["before"]["name"] == "active"
    assert [difference["name"] for difference in result["after"]] == ["tanh", "y"]
    assert "MatMul 'node-second' gives 'biased'" in text


def test_it_is_found_where_no_name_is_the_same(tmp_path, bisect):
    model(tmp_path / "a.onnx")
    model(tmp_path / "b.onnx", w2=ALTERED, prefix="other/")

    _, result, _ = bisect("a.onnx", "b.onnx", *OPTIONS)

    assert (result["first"]["name"], result["first"]["other"]) == ("biased", "other/biased")
    assert result["first"]["paired"] == "order"
    assert result["paired"] == {"name": 1, "order": 2, "value": 2}


def test_an_operation_that_is_folded_into_another_is_no_difference(tmp_path, bisect):
    model(tmp_path / "a.onnx", fold=False)
    model(tmp_path / "b.onnx", prefix="other/")

    status, result, _ = bisect("a.onnx", "b.onnx", *OPTIONS)

    assert status == 0, result
    assert result["first"] is None


def test_another_operator_is_found(tmp_path, bisect):
    model(tmp_path / "a.onnx")
    model(tmp_path / "b.onnx", activation="Elu")

    _, result, _ = bisect("a.onnx", "b.onnx", *OPTIONS)

    assert result["first"]["name"] == "active"


def test_samples_that_differ_may_be_further_on(tmp_path, bisect):
    model(tmp_path / "a.onnx")
    model(tmp_path / "b.onnx", w2=ALTERED)
    np.savez(tmp_path / "in.npz", x=np.concatenate([np.zeros((5, 8), np.float32), X]))

    status, _, text = bisect("a.onnx", "b.onnx", *OPTIONS)
    assert status == 0 and "compared on 4 of 11 samples" in text

    status, result, _ = bisect("a.onnx", "b.onnx", *OPTIONS, "--skip", 5)
    assert status == 1 and result["first"]["name"] == "biased"

    status, _, text = bisect("a.onnx", "b.onnx", *OPTIONS, "--skip", 11)
    assert status == 2 and "has 11 samples" in text


def test_random_inputs(tmp_path, bisect):
    model(tmp_path / "a.onnx")
    model(tmp_path / "b.onnx", w2=ALTERED)

    _, result, text = bisect("a.onnx", "b.onnx", "--random", 0, "--samples", 2, "--threads", 1)

    assert result["first"]["name"] == "biased" and result["first"]["shape"] == [2, 8]
    assert "random inputs, seed 0" in text


def test_weights_beside_the_file(tmp_path, bisect):
    model(tmp_path / "a.onnx", external=True)
    model(tmp_path / "b.onnx", w2=ALTERED, external=True)
    assert (tmp_path / "a.onnx.data").is_file()

    _, result, _ = bisect("a.onnx", "b.onnx", *OPTIONS)

    assert result["first"]["name"] == "biased"


def test_weights_outside_of_the_folder_are_refused(tmp_path, bisect):
    model(tmp_path / "a.onnx")
    model(tmp_path / "b.onnx", external=True)
    made = onnx.load(str(tmp_path / "b.onnx"), load_external_data=False)
    (tmp_path / "b").mkdir()
    for tensor in made.graph.initializer:
        tensor.external_data[0].value = "../b.onnx.data"
    (tmp_path / "b" / "b.onnx").write_bytes(made.SerializeToString())

    status, _, text = bisect("a.onnx", "b/b.onnx", *OPTIONS)

    assert status in (2, 3)
    assert "b.onnx" in text


def test_a_tensor_that_is_not_finite(tmp_path, bisect):
    model(tmp_path / "a.onnx")
    model(tmp_path / "b.onnx", activation="Log")

    status, result, text = bisect("a.onnx", "b.onnx", *OPTIONS)

    assert status == 1
    assert result["first"]["name"] == "active"
    assert result["first"]["largest_difference"] is None
    assert "not finite" in text


def test_another_format_is_compared_by_its_outputs(tmp_path, bisect):
    torch = pytest.importorskip("torch")

    class Same(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.w1, self.w2, self.w3 = (torch.from_numpy(w.copy()) for w in (W1, W2, W3))

        def forward(self, x):
            return torch.tanh(torch.relu(x @ self.w1) @ self.w2) @ self.w3

    torch.jit.trace(Same(), torch.from_numpy(X)).save(str(tmp_path / "b.pt"))
    model(tmp_path / "a.onnx", w2=ALTERED)

    status, result, text = bisect("a.onnx", "b.pt", *OPTIONS, "--trust")

    assert status == 1 and not result["graphs"]
    assert result["outputs"][0]["largest_difference"] > 0.01
    assert "only outputs are compared" in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("a.onnx", "a.onnx", *OPTIONS), "both artifacts are this one"),
        (("a.onnx", "b.onnx"), "--random 0"),
        (("a.onnx", "missing.onnx", *OPTIONS), "no such file"),
        (("a.onnx", "broken.onnx", *OPTIONS), "broken.onnx"),
        (("a.onnx", "b.onnx", *OPTIONS, "--map", "x=image"), "no array 'image'"),
        (("a.onnx", "b.onnx", "--inputs", "missing.npz"), "missing.npz"),
    ],
)
def test_wrong_usage(tmp_path, bisect, arguments, message):
    model(tmp_path / "a.onnx")
    model(tmp_path / "b.onnx")
    (tmp_path / "broken.onnx").write_bytes((tmp_path / "a.onnx").read_bytes()[:100])

    status, _, text = bisect(*arguments)

    assert status in (2, 3) and message in text


def test_inputs_are_made_up_as_the_message_says(bisect, tmp_path):
    model(tmp_path / "a.onnx")
    model(tmp_path / "b.onnx", prefix="other/")
    status, _, message = bisect("a.onnx", "b.onnx")
    assert status == 2
    advice = message.strip().partition("made up: ")[2].split()

    status, result, _ = bisect("a.onnx", "b.onnx", *advice, "--threads", 1)

    assert advice == ["--random", "0"] and (status, result["agree"]) == (0, True)


def mean_of_the_call(path, batch, free="N"):
    """x -> the mean over the samples of a call, which has no axis of samples."""
    graph = helper.make_graph(
        [helper.make_node("ReduceMean", ["x"], ["y"], axes=[0], keepdims=0)],
        "graph",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, (batch or free, 8))],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, (8,))],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(made, str(path))


@pytest.mark.parametrize(("fixed", "samples"), [(1, 4), (6, 4)])
def test_the_number_of_samples_that_is_advised_suits_both(bisect, tmp_path, fixed, samples):
    mean_of_the_call(tmp_path / "free.onnx", None)
    mean_of_the_call(tmp_path / "fixed.onnx", fixed)
    both = ("free.onnx", "fixed.onnx", *OPTIONS)
    status, _, message = bisect(*both, "--samples", samples)
    assert status == 3, message
    advice = message.strip().partition("; give ")[2].split()

    status, result, text = bisect(*both, *advice)

    assert advice == ["--samples", str(fixed)] and (status, result["agree"]) == (0, True), text


@pytest.mark.parametrize(
    ("a", "b", "advice"),
    [(2, 3, "no number of samples suits both"), (None, 8, "it takes 8: give inputs with so many")],
)
def test_where_no_number_of_samples_suits_both_it_says_so(bisect, tmp_path, a, b, advice):
    mean_of_the_call(tmp_path / "a.onnx", a)
    mean_of_the_call(tmp_path / "b.onnx", b)

    status, _, message = bisect("a.onnx", "b.onnx", *OPTIONS)

    assert status == 3 and advice in message
