"""Make the example's model, a small classifier of handwritten digits, and its test inputs.

Stands for whatever exports your model. It needs only `onnx` and what exportbench brings along.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from sklearn.datasets import load_digits

FEATURES, CLASSES, TRAINING = 512, 10, 1000


def digits() -> tuple[np.ndarray, np.ndarray]:
    """Images, float32 N x 64 in 0..1, and their classes."""
    images, labels = load_digits(return_X_y=True)
    return (images / 16).astype(np.float32), labels


def weights(training: int = TRAINING) -> tuple[np.ndarray, np.ndarray]:
    """Random features of an image, and what to make of them: 64 x 512 and 512 x 10."""
    images, labels = digits()
    first = np.random.default_rng(0).normal(size=(images.shape[1], FEATURES)) / 4
    features = np.maximum(images[:training] @ first, 0)
    square = features.T @ features + np.eye(FEATURES)
    second = np.linalg.solve(square, features.T @ np.eye(CLASSES)[labels[:training]])
    return first.astype(np.float32), 5 * second.astype(np.float32)


def write_model(path: Path, *, careless: bool = False) -> None:
    """Write the model; a careless one is trained on fewer images and does needless work."""
    first, second = weights(40 if careless else TRAINING)
    nodes = [
        helper.make_node("MatMul", ["image", "first"], ["projected"]),
        helper.make_node("Relu", ["projected"], ["features"]),
    ]
    constants = [numpy_helper.from_array(first, "first"), numpy_helper.from_array(second, "second")]
    last = "features"
    if careless:
        constants.append(numpy_helper.from_array(np.eye(FEATURES, dtype=np.float32), "same"))
        nodes.append(helper.make_node("MatMul", ["features", "same"], ["features_again"]))
        last = "features_again"
    nodes += [
        helper.make_node("MatMul", [last, "second"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probabilities"], axis=-1),
    ]
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["batch", 64])
    output = helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["batch", CLASSES])
    graph = helper.make_graph(nodes, "digits", [image], [output], constants)
    opset = [helper.make_opsetid("", 18)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=9), path)


def write_inputs(path: Path) -> None:
    """Write the images that the model was not trained on, and their classes."""
    images, labels = digits()
    np.savez_compressed(path, image=images[TRAINING:], labels=labels[TRAINING:])


def main() -> None:
    """Write the model, or the inputs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("exported"), help="folder of the model")
    parser.add_argument("--careless", action="store_true", help="a worse model, to see it caught")
    parser.add_argument("--inputs", type=Path, help="write the test inputs to this file instead")
    options = parser.parse_args()
    if options.inputs:
        write_inputs(options.inputs)
        return
    options.out.mkdir(parents=True, exist_ok=True)
    write_model(options.out / "digits.onnx", careless=options.careless)


if __name__ == "__main__":
    main()
