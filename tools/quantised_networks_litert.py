"""Networks of convolutions as LiteRT files of 8 bits, by TensorFlow's converter."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
import torch
from ai_edge_litert.interpreter import Interpreter
from quantised_networks_onnx import PLACES, three
from quantised_networks_training import SIZE, Added, digits
from tensorflow.lite.tools import flatbuffer_utils
from torch import nn

_INT8 = 9  # TensorType of the schema


def conversions(network: nn.Module, folder: Path) -> dict[str, Path]:
    """Convert a network of convolutions: in float32, full integer, and with dynamic ranges."""
    specification = tf.TensorSpec((1, SIZE, SIZE, 1), tf.float32, name="x")
    module = tf.Module()
    module.call = tf.function(lambda x: {"y": _applied(network, x)}, [specification])
    files = {}
    for how in ("float32", "full integer", "dynamic range"):
        converter = tf.lite.TFLiteConverter.from_concrete_functions(
            [module.call.get_concrete_function()], module
        )
        if how != "float32":
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if how == "full integer":
            converter.representative_dataset = _representative
        files[how] = folder / f"{how}.tflite"
        files[how].write_bytes(converter.convert())
    return files


def _representative() -> Iterator[list[np.ndarray]]:
    for image in digits()[0][:256].numpy():
        yield [image.transpose(1, 2, 0)[None]]


def _applied(module: nn.Module, x: Any) -> Any:
    """What a layer of PyTorch gives, calculated by TensorFlow; N x height x width x C."""
    if isinstance(module, Added):
        return _applied(module.end, _applied(module.layers, x) + _applied(module.short, x))
    if isinstance(module, nn.Sequential):
        parts = list(module)
        if len(parts) == 2 and isinstance(parts[1], nn.BatchNorm2d):
            return _convolved(parts[0], parts[1], x)
        for part in parts:
            x = _applied(part, x)
        return x
    if isinstance(module, nn.ReLU | nn.ReLU6):
        return tf.nn.relu(x) if isinstance(module, nn.ReLU) else tf.nn.relu6(x)
    if isinstance(module, nn.AdaptiveAvgPool2d):
        return tf.reduce_mean(x, (1, 2))
    if isinstance(module, nn.Linear):
        weight, bias = (part.detach().numpy() for part in (module.weight, module.bias))
        return tf.matmul(x, weight.T.copy()) + bias
    assert isinstance(module, nn.Identity | nn.Flatten), module
    return x


def _convolved(layer: Any, norm: Any, x: Any) -> Any:
    """A convolution with its normalization folded into its weights."""
    factor = norm.weight / torch.sqrt(norm.running_var + norm.eps)
    bias = (norm.bias - norm.running_mean * factor).detach().numpy()
    kernel = (layer.weight * factor[:, None, None, None]).detach().numpy()
    edge = layer.padding[0]
    x = tf.pad(x, ((0, 0), (edge, edge), (edge, edge), (0, 0)))
    if layer.groups == 1:
        y = tf.nn.conv2d(x, kernel.transpose(2, 3, 1, 0).copy(), layer.stride[0], "VALID")
    else:
        strides = (1, *layer.stride, 1)
        y = tf.nn.depthwise_conv2d(x, kernel.transpose(2, 3, 0, 1).copy(), strides, "VALID")
    return y + bias


def faults(path: Path) -> Iterator[tuple[str, bytes]]:
    """Copies of a file of 8 bits with a fault in the first, the middle or the last layer.

    Steps and zero point of a value are those of the tensor here, for what gives and what takes it,
    so that others are no fault.
    """
    model = flatbuffer_utils.read_model(str(path))
    tensors = model.subgraphs[0].tensors
    quantised = [
        number
        for number, tensor in enumerate(tensors)
        if tensor.type == _INT8 and tensor.quantization is not None
    ]
    constant = [n for n in quantised if model.buffers[tensors[n].buffer].data is not None]
    kernels = [n for n in constant if len(tensors[n].shape) > 1]
    random = np.random.default_rng(0)
    order = [n for operator in model.subgraphs[0].operators for n in operator.inputs]
    kernels.sort(key=order.index)
    for place, number in zip(PLACES, three(kernels), strict=False):
        scale = np.asarray(tensors[number].quantization.scale, np.float32)
        yield f"scale of the {place} layer x 1.1", _with(model, number, scale * 1.1)
        if len(scale) > 3:
            yield (
                f"scales of the {place} layer permuted",
                _with(model, number, random.permutation(scale)),
            )


def _with(model: Any, number: int, scale: np.ndarray) -> bytes:
    changed = copy.deepcopy(model)
    changed.subgraphs[0].tensors[number].quantization.scale = list(scale)
    return bytes(flatbuffer_utils.convert_object_to_bytearray(changed))


def outputs_of(path: Path, images: np.ndarray) -> np.ndarray:
    """The scores of images, N x 10."""
    interpreter = Interpreter(model_path=str(path))
    taken = interpreter.get_input_details()[0]["index"]
    shape = (len(images), SIZE, SIZE, 1)
    interpreter.resize_tensor_input(taken, shape)
    interpreter.allocate_tensors()
    interpreter.set_tensor(taken, np.ascontiguousarray(images.transpose(0, 2, 3, 1)))
    interpreter.invoke()
    given: np.ndarray = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
    return given
