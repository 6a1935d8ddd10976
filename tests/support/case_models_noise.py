"""Models that draw random numbers, or give for a sample what its neighbours in the call decide."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

FLOAT = TensorProto.FLOAT
Shape = Sequence[int | str]


def weights(seed: int, *shape: int) -> np.ndarray:
    """Normal numbers of a seed, float32."""
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def save_onnx(
    path: Path,
    nodes: Sequence[onnx.NodeProto],
    inputs: dict[str, Shape],
    outputs: dict[str, Shape],
    tensors: dict[str, np.ndarray],
) -> None:
    """Write an ONNX file of float32 inputs and outputs."""
    graph = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info(name, FLOAT, shape) for name, shape in inputs.items()],
        [helper.make_tensor_value_info(name, FLOAT, shape) for name, shape in outputs.items()],
        [numpy_helper.from_array(array, name) for name, array in tensors.items()],
    )
    opset = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), path)


def linear_onnx(path: Path, extra: Sequence[onnx.NodeProto] = (), seed: int = 1) -> None:
    """`y` is `x` times a matrix, [n, 6] to [n, 4]; extra nodes make `y` of the product `p`."""
    last = list(extra) or [helper.make_node("Identity", ["p"], ["y"])]
    nodes = [helper.make_node("MatMul", ["x", "w"], ["p"]), *last]
    save_onnx(path, nodes, {"x": ["n", 6]}, {"y": ["n", 4]}, {"w": weights(seed, 6, 4)})


def noisy(seed: float | None) -> list[onnx.NodeProto]:
    """Nodes that add normal noise, with a fixed seed if one is given."""
    how = {} if seed is None else {"seed": seed}
    return [
        helper.make_node("RandomNormalLike", ["p"], ["r"], scale=0.3, **how),
        helper.make_node("Add", ["p", "r"], ["y"]),
    ]


def scaled_by_the_batch() -> list[onnx.NodeProto]:
    """Nodes that divide by the largest value of the call."""
    return [
        helper.make_node("Abs", ["p"], ["a"]),
        helper.make_node("ReduceMax", ["a"], ["m"], keepdims=0),
        helper.make_node("Div", ["p", "m"], ["y"]),
    ]
