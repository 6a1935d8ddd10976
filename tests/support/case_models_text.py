"""Small models of text and bytes, in several formats: what each gives for a text and a number."""

from __future__ import annotations

from pathlib import Path

import numpy as np


def onnx_join(path: Path, *, tail: str = "!") -> None:
    """`joined` is the text with a tail, `doubled` twice the number."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    text, number = TensorProto.STRING, TensorProto.FLOAT
    nodes = [
        helper.make_node("StringConcat", ["text", "tail"], ["joined"]),
        helper.make_node("Add", ["x", "x"], ["doubled"]),
    ]
    inputs, outputs = (
        [helper.make_tensor_value_info(name, kind, ["N"]) for name, kind in values]
        for values in (
            (("text", text), ("x", number)),
            (("joined", text), ("doubled", number)),
        )
    )
    weights = [numpy_helper.from_array(np.array([tail], object), "tail")]
    graph = helper.make_graph(nodes, "join", inputs, outputs, weights)
    opset = [helper.make_opsetid("", 20)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=9), str(path))


def onnx_same(path: Path) -> None:
    """`same` is the text."""
    import onnx
    from onnx import TensorProto, helper

    info = [
        helper.make_tensor_value_info(name, TensorProto.STRING, ["N"]) for name in ("text", "same")
    ]
    node = helper.make_node("Identity", ["text"], ["same"])
    graph = helper.make_graph([node], "same", info[:1], info[1:])
    opset = [helper.make_opsetid("", 20)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=9), str(path))


def openvino_same(path: Path) -> None:
    """`same` is the text."""
    import openvino as ov
    from openvino import opset15 as op

    text = op.parameter([-1], ov.Type.string, name="text")
    text.output(0).set_names({"text"})
    same = op.reshape(text, op.constant(np.array([-1], np.int64)), special_zero=False)
    same.output(0).set_names({"same"})
    ov.save_model(ov.Model([op.result(same)], [text], "same"), str(path))


def litert_pick(path: Path) -> None:
    """`same` is the text, picked by the numbers 0, 1, ... in `x`."""
    import tensorflow as tf

    class Pick(tf.Module):
        @tf.function(
            input_signature=[
                tf.TensorSpec([None], tf.string, name="text"),
                tf.TensorSpec([None], tf.int32, name="x"),
            ]
        )
        def call(self, text: tf.Tensor, x: tf.Tensor) -> dict[str, tf.Tensor]:
            return {"same": tf.gather(text, x)}

    model = Pick()
    concrete = model.call.get_concrete_function()
    converter = tf.lite.TFLiteConverter.from_concrete_functions([concrete], model)
    path.write_bytes(converter.convert())


def saved_model_bytes(path: Path) -> None:
    """`image` is bytes, of which `size` is the number and `same` a copy."""
    import tensorflow as tf

    class Bytes(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="image")])
        def call(self, image: tf.Tensor) -> dict[str, tf.Tensor]:
            return {"size": tf.strings.length(image), "same": tf.identity(image)}

    model = Bytes()
    tf.saved_model.save(model, str(path), signatures=model.call.get_concrete_function())
