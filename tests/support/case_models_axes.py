"""Models whose outputs have their samples elsewhere than on the first axis, or nowhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper, save

FLOAT, INT = TensorProto.FLOAT, TensorProto.INT64
SAMPLES, TIMES = 10, 6
WEIGHTS = np.random.default_rng(5).standard_normal((4, 3)).astype("f4")
IMAGES = np.random.default_rng(6).standard_normal((SAMPLES, TIMES, 4)).astype("f4")
OTHER_WEIGHTS = WEIGHTS + np.float32(0.05)
# Of the first image exactly one value is large: a length of one must not be taken for the batch.
SCORES = np.random.default_rng(7).random((SAMPLES, 5)).astype("f4") * 0.8
SCORES[0, 1] = 0.95
SCORES[1:, 2] = 0.91
SCORES[3:, 4] = 0.97
ROWS = np.random.default_rng(8).standard_normal((SAMPLES, 4)).astype("f4")


def _save(
    path: Path, nodes: list[Any], inputs: list[Any], outputs: list[Any], constants: dict[str, Any]
) -> None:
    tensors = [numpy_helper.from_array(np.asarray(a), name) for name, a in constants.items()]
    graph = helper.make_graph(nodes, "graph", inputs, outputs, tensors)
    opset = helper.make_opsetid("", 17)
    save(helper.make_model(graph, opset_imports=[opset], ir_version=8), path)


def _value(name: str, *shape: int | str, kind: int = FLOAT) -> Any:
    return helper.make_tensor_value_info(name, kind, shape)


def time_major(path: Path, batch: int | str = "n", weights: np.ndarray = WEIGHTS) -> None:
    """A reader of images that gives times x samples x classes."""
    nodes = [
        helper.make_node("Transpose", ["image"], ["columns"], perm=[1, 0, 2]),
        helper.make_node("MatMul", ["columns", "w"], ["logits"]),
    ]
    inputs = [_value("image", batch, TIMES, 4)]
    _save(path, nodes, inputs, [_value("logits", TIMES, batch, 3)], {"w": weights})


def detections(
    path: Path, batch: int | str = "n", threshold: float = 0.9, beside: float = 0.0
) -> None:
    """A detector that gives a row for each value over a threshold: its place, and its score.

    Args:
        path: of the file.
        batch: samples a call; a name for any number.
        threshold: of the values.
        beside: added to the score of all but the first row of a call.
    """
    nodes = [
        helper.make_node("Greater", ["x", "limit"], ["large"]),
        helper.make_node("NonZero", ["large"], ["places"]),
        helper.make_node("Transpose", ["places"], ["found"], perm=[1, 0]),
        helper.make_node("GatherND", ["x", "found"], ["values"]),
        helper.make_node("Slice", ["values", "one", "all"], ["rest"]),
        helper.make_node("Slice", ["values", "zero", "one"], ["first"]),
        helper.make_node("Add", ["rest", "beside"], ["moved"]),
        helper.make_node("Concat", ["first", "moved"], ["scores"], axis=0),
    ]
    constants = {
        "limit": np.float32(threshold),
        "zero": np.array([0]),
        "one": np.array([1]),
        "all": np.array([2**31]),
        "beside": np.float32(beside),
    }
    outputs = [_value("found", "boxes", 2, kind=INT), _value("scores", "boxes")]
    _save(path, nodes, [_value("x", batch, 5)], outputs, constants)


def images_and_texts(path: Path) -> None:
    """Every image is scored against every text."""
    nodes = [
        helper.make_node("Transpose", ["text"], ["t"], perm=[1, 0]),
        helper.make_node("MatMul", ["image", "t"], ["logits_per_image"]),
        helper.make_node("Transpose", ["logits_per_image"], ["logits_per_text"], perm=[1, 0]),
    ]
    inputs = [_value("image", "images", 4), _value("text", "texts", 4)]
    outputs = [
        _value("logits_per_image", "images", "texts"),
        _value("logits_per_text", "texts", "images"),
    ]
    _save(path, nodes, inputs, outputs, {})


def statistic(path: Path, batch: int | str = "n", gain: float = 1.0) -> None:
    """Logits of each sample, and ten means over the samples of a call, as many as there are."""
    spread = np.linspace(-1, 1, 4 * SAMPLES, dtype=np.float32).reshape(4, SAMPLES) * gain
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["logits"]),
        helper.make_node("MatMul", ["x", "spread"], ["wide"]),
        helper.make_node("ReduceMean", ["wide"], ["means"], axes=[0], keepdims=0),
    ]
    outputs = [_value("logits", batch, 3), _value("means", SAMPLES)]
    constants = {"w": WEIGHTS, "spread": spread}
    _save(path, nodes, [_value("x", batch, 4)], outputs, constants)


def classes_first(path: Path) -> None:
    """A classifier that gives classes x samples."""
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["m"]),
        helper.make_node("Transpose", ["m"], ["scores"], perm=[1, 0]),
    ]
    _save(path, nodes, [_value("x", "n", 4)], [_value("scores", 3, "n")], {"w": WEIGHTS})
