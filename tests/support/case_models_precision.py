"""Small networks in float32, float16 and 8 bits, in several formats, and broken twins of them."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

SIZES = (32, 64, 64, 8)
SAMPLES = 400


def samples() -> np.ndarray:
    """Inputs of the networks: 400 x 32."""
    return np.random.default_rng(5).standard_normal((SAMPLES, SIZES[0])).astype("f4")


def weights(seed: int = 1) -> dict[str, np.ndarray]:
    """Weights and biases of a network of three layers."""
    rng = np.random.default_rng(seed)
    arrays = {}
    for layer, (taken, given) in enumerate(itertools.pairwise(SIZES)):
        arrays[f"w{layer}"] = (rng.standard_normal((taken, given)) / np.sqrt(taken)).astype("f4")
        arrays[f"b{layer}"] = rng.standard_normal(given).astype("f4") / 10
    return arrays


def write_network(path: Path, seed: int = 1, end: str = "Softmax") -> None:
    """An ONNX file in float32 of three layers, whose output `y` ends with a function."""
    nodes, last = [], "x"
    for layer in range(3):
        nodes.append(helper.make_node("MatMul", [last, f"w{layer}"], [f"m{layer}"], f"mm{layer}"))
        nodes.append(
            helper.make_node("Add", [f"m{layer}", f"b{layer}"], [f"a{layer}"], f"a{layer}")
        )
        last = f"a{layer}"
        if layer < 2:
            nodes.append(helper.make_node("Relu", [last], [f"r{layer}"], f"r{layer}"))
            last = f"r{layer}"
    nodes.append(helper.make_node(end, [last], ["y"], "end"))
    write_graph(path, nodes, weights(seed), SIZES[0], SIZES[-1])


def write_graph(
    path: Path,
    nodes: list[onnx.NodeProto],
    constants: dict[str, np.ndarray],
    width: int,
    classes: int,
) -> None:
    """An ONNX file that takes `x`, n x width, and gives `y`, n x classes, both float32."""
    graph = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", width])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", classes])],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    opset = helper.make_opsetid("", 17)
    onnx.save(helper.make_model(graph, opset_imports=[opset], ir_version=8), path)


def quantise_static(source: Path, path: Path) -> None:
    """Quantise with fixed ranges, from half of the samples, by ONNX Runtime's own tool."""
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType
    from onnxruntime.quantization import quantize_static as quantise

    class Reader(CalibrationDataReader):
        def __init__(self) -> None:
            self._batches = iter([{"x": samples()[: SAMPLES // 2]}])

        def get_next(self) -> dict[str, np.ndarray] | None:
            return next(self._batches, None)

    _quietly(
        lambda: quantise(
            source,
            path,
            Reader(),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            weight_type=QuantType.QInt8,
            activation_type=QuantType.QUInt8,
        )
    )


def quantise_dynamic(source: Path, path: Path) -> None:
    """Quantise with ranges that are found in each call, by ONNX Runtime's own tool."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    _quietly(lambda: quantize_dynamic(source, path, weight_type=QuantType.QInt8))


def _quietly(action: Callable[[], object]) -> None:
    logging.disable(logging.WARNING)
    try:
        action()
    finally:
        logging.disable(logging.NOTSET)


def altered(source: Path, path: Path, **changes: Callable[[np.ndarray], np.ndarray]) -> None:
    """Copy an ONNX file with changed constants, by their names."""
    model = onnx.load(source)
    for tensor in model.graph.initializer:
        if tensor.name in changes:
            array = changes.pop(tensor.name)(numpy_helper.to_array(tensor).copy())
            tensor.CopyFrom(numpy_helper.from_array(array, tensor.name))
    assert not changes, f"there is no {changes}"
    onnx.save(model, path)


def with_other_zero_point(source: Path, path: Path, name: str, shift: int) -> None:
    """Copy an ONNX file in which a value is made into numbers with another zero point."""
    model = onnx.load(source)
    tensor = next(
        initializer for initializer in model.graph.initializer if initializer.name == name
    )
    array = numpy_helper.to_array(tensor)
    model.graph.initializer.append(
        numpy_helper.from_array(np.array(array.astype(int) + shift, array.dtype), "other")
    )
    for node in model.graph.node:
        if node.op_type == "DequantizeLinear" and node.input[2] == name:
            node.input[2] = "other"
    onnx.save(model, path)


def swapped(array: np.ndarray) -> np.ndarray:
    """Exchange the first two columns, or numbers."""
    array[..., [0, 1]] = array[..., [1, 0]]
    return array


def write_half_network(path: Path, *, half: bool = True, factor: float = 1.0) -> None:
    """An ONNX file in float16 between casts from and to float32, as converters write it.

    Args:
        path: file to write.
        half: whether it is float16 inside, or float32.
        factor: what the values are multiplied by after the first layer, and divided by again.
    """
    kind = np.float16 if half else np.float32
    code = TensorProto.FLOAT16 if half else TensorProto.FLOAT
    nodes = [helper.make_node("Cast", ["x"], ["h0"], to=code)]
    for layer in range(3):
        if layer == 1:
            nodes.append(helper.make_node("Mul", ["h1", "factor"], ["large"]))
            nodes.append(helper.make_node("Div", ["large", "factor"], ["back"]))
            nodes.append(helper.make_node("MatMul", ["back", "w1"], ["m1"]))
        else:
            nodes.append(helper.make_node("MatMul", [f"h{layer}", f"w{layer}"], [f"m{layer}"]))
        nodes.append(helper.make_node("Add", [f"m{layer}", f"b{layer}"], [f"a{layer}"]))
        end = "Relu" if layer < 2 else "Softmax"
        nodes.append(helper.make_node(end, [f"a{layer}"], [f"h{layer + 1}"]))
    nodes.append(helper.make_node("Cast", ["h3"], ["y"], to=TensorProto.FLOAT))
    arrays = {name: array.astype(kind) for name, array in weights().items()}
    arrays["factor"] = np.array(factor, kind)
    write_graph(path, nodes, arrays, SIZES[0], SIZES[-1])


def half_inside(path: Path, factor: float = 1.0, seed: int = 1) -> None:
    """A TorchScript file in float16 between float32, that multiplies by a factor in between."""
    import torch

    class Network(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            for name, array in weights(seed).items():
                self.register_buffer(name, torch.from_numpy(array).half())

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            h = torch.relu(x.half() @ self.w0 + self.b0)
            h = h * factor / factor
            h = torch.relu(h @ self.w1 + self.b1)
            return torch.softmax(h @ self.w2 + self.b2, -1).float()

    torch.jit.trace(Network().eval(), torch.from_numpy(samples())).save(path)


def halved_weights(path: Path, seed: int = 1, wrong: float = 1.0) -> None:
    """An exported program in float32 whose weights are stored in float16."""
    import torch

    class Network(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            for name, array in weights(seed).items():
                self.register_buffer(name, torch.from_numpy(array * wrong).half())

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            h = torch.relu(x @ self.w0.float() + self.b0.float())
            h = torch.relu(h @ self.w1.float() + self.b1.float())
            return torch.softmax(h @ self.w2.float() + self.b2.float(), -1)

    batch = torch.export.Dim("batch", max=1024)
    example = torch.from_numpy(samples())
    program = torch.export.export(Network().eval(), (example,), dynamic_shapes=[{0: batch}])
    torch.export.save(program, path)
