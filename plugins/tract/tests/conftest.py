"""ONNX files as other people make them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
pytest.importorskip("tract")

from onnx import TensorProto, helper, numpy_helper  # noqa: E402

Make = Callable[..., Path]
WEIGHTS = np.arange(12, dtype=np.float32).reshape(4, 3)


def value(name: str, shape: Any, kind: int = TensorProto.FLOAT) -> Any:
    return helper.make_tensor_value_info(name, kind, shape)


def constant(name: str, array: Any) -> Any:
    return numpy_helper.from_array(np.asarray(array), name)


def node(kind: str, inputs: str, outputs: str, **attributes: Any) -> Any:
    return helper.make_node(kind, inputs.split(), outputs.split(), **attributes)


# Of each: nodes, inputs, outputs, constants.
GRAPHS: dict[str, tuple[list[Any], list[Any], list[Any], list[Any]]] = {
    "plain": (
        [node("MatMul", "a w", "y"), node("ReduceMax", "y", "z", axes=[1], keepdims=0)],
        [value("a", ["n", 4])],
        [value("y", ["n", 3]), value("z", ["n"])],
        [constant("w", WEIGHTS)],
    ),
    "fixed": (
        [node("MatMul", "a w", "y")],
        [value("a", [7, 4])],
        [value("y", [7, 3])],
        [constant("w", WEIGHTS)],
    ),
    "unnamed": (
        [node("Add", "a b", "y")],
        [value("a", [None, 4]), value("b", [None, 4])],
        [value("y", [None, 4])],
        [],
    ),
    "integers": (
        [node("Gather", "w i", "y")],
        [value("i", ["n"], TensorProto.INT64)],
        [value("y", ["n", 3])],
        [constant("w", np.tile(WEIGHTS, (32, 1)))],
    ),
    "types": (
        [node("Cast", "a", "half", to=TensorProto.FLOAT16), node("Less", "a b", "less")],
        [value("a", ["n", 4]), value("b", ["n", 4])],
        [value("half", ["n", 4], TensorProto.FLOAT16), value("less", ["n", 4], TensorProto.BOOL)],
        [],
    ),
    "sizes": (
        [node("Shape", "a", "s"), node("Reshape", "a k", "y")],
        [value("a", ["n", 4])],
        [value("s", [2], TensorProto.INT64), value("y", ["m", 2])],
        [constant("k", [-1, 2])],
    ),
    "custom": (
        [node("Foo", "a", "y", domain="mine")],
        [value("a", ["n", 4])],
        [value("y", ["n", 4])],
        [],
    ),
    "text": (
        [node("Identity", "a", "y")],
        [value("a", ["n"], TensorProto.STRING)],
        [value("y", ["n"], TensorProto.STRING)],
        [],
    ),
}


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """An ONNX file by the name of its graph."""

    def made(name: str, **how: Any) -> Path:
        nodes, inputs, outputs, constants = GRAPHS[name]
        graph = helper.make_graph(nodes, "graph", inputs, outputs, constants)
        opsets = [helper.make_opsetid("", 17)]
        path: Path = tmp_path / f"{name}.onnx"
        onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=9), str(path), **how)
        return path

    return made
