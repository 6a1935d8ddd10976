"""SavedModels whose graphs have other tags, or whose outputs are one tensor, or an input."""

import numpy as np
import pytest
from case_runs import run_case
from onnx import TensorProto, helper, numpy_helper, save

tf = pytest.importorskip("tensorflow")
v1 = tf.compat.v1


def write_graphs(folder, weights, graphs):
    """A SavedModel with a graph for each list of tags and factor."""
    builder = v1.saved_model.Builder(str(folder))
    for index, (tags, factor) in enumerate(graphs):
        with tf.Graph().as_default(), v1.Session() as session:
            x = v1.placeholder(tf.float32, [None, 5], "x")
            kernel = v1.get_variable("w", initializer=weights)
            y = tf.identity(tf.matmul(x, kernel) * factor, "y")
            session.run(v1.global_variables_initializer())
            signature = v1.saved_model.predict_signature_def(
                {"x": x}, {"y": y, "y_again": y, "x": x}
            )
            signatures = {"signature_def_map": {"serving_default": signature}}
            if index:
                builder.add_meta_graph(tags, **signatures)
            else:
                builder.add_meta_graph_and_variables(session, tags, **signatures)
    builder.save()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("graphs")
    random = np.random.default_rng(0)
    weights = random.standard_normal((5, 3)).astype("f4")
    write_graphs(folder / "two_graphs", weights, [(["train"], 3.0), (["serve"], 1.0)])
    write_graphs(folder / "own_tag", weights, [(["production"], 1.0)])
    values = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", size])
        for name, size in (("x", 5), ("y", 3), ("y_again", 3))
    ]
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["y"]),
        helper.make_node("Identity", ["y"], ["y_again"]),
    ]
    weight = numpy_helper.from_array(weights, "w")
    graph = helper.make_graph(nodes, "graph", values[:1], values[1:] + values[:1], [weight])
    opsets = [helper.make_opsetid("", 17)]
    save(helper.make_model(graph, opset_imports=opsets, ir_version=8), folder / "net.onnx")
    np.savez(folder / "inputs.npz", x=random.standard_normal((8, 5)).astype("f4"))
    return folder


def test_the_graph_for_serving_is_taken_with_every_output_once(folder):
    run = run_case(folder, "net.onnx", "two_graphs", "own_tag", "--inputs", "inputs.npz")

    outcomes = {row["artifact"]: row["outcome"] for row in run.summary["rows"]}
    assert outcomes == {"net.onnx": "ok", "two_graphs": "ok", "own_tag": "ok"}
