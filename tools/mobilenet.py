"""Writes MobileNet (Howard et al. 2017, table 1) in ONNX, with random weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import NodeProto, TensorProto, helper, numpy_helper

# Channels and stride of each depthwise convolution with the pointwise one that follows it.
_BLOCKS = (
    *((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2)),
    *[(512, 1)] * 5,
    *((1024, 2), (1024, 1)),
)
CLASSES = 1000
# One of the widths of the paper: 149 million multiplications for an image of 224 x 224.
HALF = 0.5


class _Layers:
    """The layers of a network, one after the other, with their weights."""

    def __init__(self, seed: int) -> None:
        self.nodes: list[NodeProto] = []
        self.weights: list[TensorProto] = []
        self.last, self.channels = "image", 3
        self._rng = np.random.default_rng(seed)

    def weight(self, *shape: int, inputs: int) -> str:
        """A weight drawn as He et al. (2015) have it, for so many inputs of each sum."""
        name = f"w{len(self.weights)}"
        array = self._rng.normal(0, (2 / inputs) ** 0.5, shape).astype(np.float32)
        self.weights.append(numpy_helper.from_array(array, name))
        return name

    def add(self, operator: str, *more: str, **attributes: object) -> None:
        """An operator on what came last."""
        name = f"{operator}{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, [self.last, *more], [name], **attributes))
        self.last = name

    def convolution(self, channels: int, size: int, stride: int = 1, groups: int = 1) -> None:
        """A convolution with padding, and what is above zero of it."""
        each = self.channels // groups
        kernel = self.weight(channels, each, size, size, inputs=each * size**2)
        pads = [size // 2] * 4
        self.add("Conv", kernel, strides=[stride] * 2, pads=pads, group=groups)
        self.add("Relu")
        self.channels = channels


def write_mobilenet(path: Path, width: float = HALF, seed: int = 0) -> None:
    """Write the network: `image`, n x 3 x height x width, to `scores`, n x 1000, both float32.

    Args:
        path: file to write.
        width: factor of the number of channels.
        seed: of the weights.
    """
    layers = _Layers(seed)
    layers.convolution(int(32 * width), 3, stride=2)
    for channels, stride in _BLOCKS:
        layers.convolution(layers.channels, 3, stride, groups=layers.channels)
        layers.convolution(int(channels * width), 1)
    layers.add("GlobalAveragePool")
    layers.add("Flatten")
    layers.add("MatMul", layers.weight(layers.channels, CLASSES, inputs=layers.channels))
    layers.nodes[-1].output[0] = "scores"
    image, scores = (
        helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        for name, shape in (("image", ["n", 3, "h", "w"]), ("scores", ["n", CLASSES]))
    )
    graph = helper.make_graph(layers.nodes, "mobilenet", [image], [scores], layers.weights)
    opset = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), str(path))
