"""Networks as ONNX files of 8 and 4 bits, rightly converted and with a fault in one layer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import torch
from onnx import numpy_helper
from onnxruntime import quantization
from onnxruntime.quantization.matmul_nbits_quantizer import MatMulNBitsQuantizer
from onnxruntime.quantization.shape_inference import quant_pre_process
from quantised_networks_training import Transformer, digits
from torch import nn

PLACES = ("first", "middle", "last")
_BATCH = 64


class _Calibration(quantization.CalibrationDataReader):
    def __init__(self) -> None:
        images = digits()[0][:256].numpy()
        self._batches = iter([{"x": images[n : n + _BATCH]} for n in range(0, 256, _BATCH)])

    def get_next(self) -> dict[str, np.ndarray] | None:
        return next(self._batches, None)


def conversions(network: nn.Module, folder: Path) -> dict[str, Path]:
    """Export a network, and convert it: files by what was done, the first as it is."""
    files = {name: folder / f"{name}.onnx" for name in ("float32", "prepared", "static", "dynamic")}
    torch.onnx.export(
        network,
        (digits()[0][:4],),
        files["float32"],
        input_names=["x"],
        output_names=["y"],
        dynamic_shapes=({0: torch.export.Dim("n", min=1, max=4096)},),
        external_data=False,
        verbose=False,
    )
    quant_pre_process(files["float32"], files["prepared"])
    kinds = quantization.QuantType
    quantization.quantize_static(
        *(files["prepared"], files["static"], _Calibration()),
        per_channel=True,
        weight_type=kinds.QInt8,
        activation_type=kinds.QUInt8,
    )
    quantization.quantize_dynamic(files["prepared"], files["dynamic"], weight_type=kinds.QInt8)
    if isinstance(network, Transformer):
        files["4 bits"] = folder / "four.onnx"
        prepared = onnx.load(files["prepared"])
        quantiser = MatMulNBitsQuantizer(prepared, block_size=32, is_symmetric=True)
        quantiser.process()
        onnx.save(quantiser.model.model, files["4 bits"])
    del files["prepared"]
    return files


def faults(path: Path) -> Iterator[tuple[str, onnx.ModelProto]]:
    """Copies of a quantised file with a fault in the first, the middle or the last layer."""
    model = onnx.load(path)
    constants = {tensor.name: tensor for tensor in model.graph.initializer}
    scales: list[str] = []
    values: list[tuple[str, str]] = []
    for node in model.graph.node:
        if node.op_type == "MatMulNBits":
            scales.append(node.input[2])
        elif node.op_type == "DequantizeLinear" and node.input[0] not in constants:
            values.append((node.input[1], node.input[2]))
        elif node.op_type == "DequantizeLinear" and len(constants[node.input[0]].dims) > 1:
            scales.append(node.input[1])
    scales = scales or [name for name in constants if name.endswith("_scale")]
    random = np.random.default_rng(0)
    for place, name in zip(PLACES, three(list(dict.fromkeys(scales))), strict=False):
        larger = _with(path, name, lambda a: a * a.dtype.type(1.1))
        yield f"scale of the {place} layer x 1.1", larger
        if constants[name].dims and np.prod(constants[name].dims) > 3:
            permuted = _with(path, name, lambda a: random.permutation(a.ravel()).reshape(a.shape))
            yield f"scales of the {place} layer permuted", permuted
    for place, (scale, zero) in zip(PLACES, three(list(dict.fromkeys(values))), strict=False):
        changed = onnx.load(path)
        array = numpy_helper.to_array(constants[zero]).astype(int)
        array = array + (4 if array < 250 else -4)
        other = numpy_helper.from_array(array.astype(np.uint8), "other_zero_point")
        changed.graph.initializer.append(other)
        for node in changed.graph.node:
            if node.op_type == "DequantizeLinear" and list(node.input[1:]) == [scale, zero]:
                node.input[2] = "other_zero_point"
        yield f"zero point of the {place} value off by 4", changed


def three(names: list[Any]) -> list[Any]:
    """The first, the one in the middle and the last of some."""
    return [names[0], names[len(names) // 2], names[-1]] if names else []


def _with(path: Path, name: str, change: Callable[[np.ndarray], np.ndarray]) -> onnx.ModelProto:
    model = onnx.load(path)
    for tensor in model.graph.initializer:
        if tensor.name == name:
            array = change(numpy_helper.to_array(tensor).copy())
            tensor.CopyFrom(numpy_helper.from_array(array, name))
    return model


def outputs_of(path: Path, images: np.ndarray) -> np.ndarray:
    """The scores of images by ONNX Runtime, N x 10."""
    options = ort.SessionOptions()
    options.log_severity_level = 4
    session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    batches = [images[n : n + _BATCH] for n in range(0, len(images), _BATCH)]
    return np.concatenate([session.run(None, {"x": batch})[0] for batch in batches])
