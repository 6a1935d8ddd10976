"""Makes the small models that the commands of the pages name, each framework's in a process.

    python tests/support/page_files.py FRAMEWORK FOLDER

`model.onnx`, `model.pt` and `saved_model` are one classifier of images of any size, `model.jax` of
28 pixels; `encode` of `b.pt`, `a` and the signature `score` are its logits. `step.onnx`, `step.pt`
and `inside.pt` are one recurrent step, which the last keeps the state of itself.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

CLASSES = 8
_WEIGHTS = np.random.default_rng(0).normal(size=(3, CLASSES)).astype(np.float32) * 9


def probabilities(images: np.ndarray) -> np.ndarray:
    """What the classifier gives, in NumPy; float32 of shape (samples, classes)."""
    powers = np.exp(images.mean((1, 2)) @ _WEIGHTS)
    return np.asarray(powers / powers.sum(1, keepdims=True), np.float32)


def onnx(out: Path) -> None:
    """model.onnx, good.onnx of a fixed size, bad.onnx with one weight less, and step.onnx."""
    from onnx import TensorProto, checker, helper, numpy_helper, save

    def value(name, *shape):
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)

    def write(name, nodes, inputs, outputs, weights):
        made = [numpy_helper.from_array(array, key) for key, array in weights.items()]
        nodes = [helper.make_node(*node[:3], **node[3]) for node in nodes]
        graph = helper.make_graph(nodes, "graph", inputs, outputs, made)
        opsets = [helper.make_opsetid("", 18)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=10)
        checker.check_model(model, full_check=True)
        save(model, out / name)

    classifier = [
        ("ReduceMean", ["image", "axes"], ["means"], {"keepdims": 0}),
        ("MatMul", ["means", "weights"], ["logits"], {}),
        ("Softmax", ["logits"], ["probabilities"], {"axis": 1}),
    ]
    changed = _WEIGHTS.copy()
    changed[0, 0] = 0
    for name, weights, sizes in (
        ("model.onnx", _WEIGHTS, ("height", "width")),
        ("good.onnx", _WEIGHTS, (28, 28)),
        ("bad.onnx", changed, (28, 28)),
    ):
        write(
            name,
            classifier,
            [value("image", "batch", *sizes, 3)],
            [value("probabilities", "batch", CLASSES)],
            {"weights": weights, "axes": np.array([1, 2])},
        )
    write(
        "step.onnx",
        [
            ("Mul", ["c", "half"], ["kept"], {}),
            ("Add", ["kept", "x"], ["c_out"], {}),
            ("Tanh", ["c_out"], ["gate"], {}),
            ("Add", ["gate", "h"], ["sum"], {}),
            ("Mul", ["sum", "half"], ["h_out"], {}),
            ("Add", ["h_out", "h_out"], ["y"], {}),
        ],
        [value(name, "batch", 4) for name in ("x", "h", "c")],
        [value(name, "batch", 4) for name in ("y", "h_out", "c_out")],
        {"half": np.array(0.5, np.float32)},
    )


def torch(out: Path) -> None:
    """model.pt, which is b.pt too, step.pt and inside.pt."""
    import torch

    class Classifier(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("weights", torch.from_numpy(_WEIGHTS))

        def forward(self, image: torch.Tensor) -> torch.Tensor:
            return torch.softmax(self.encode(image), 1)

        @torch.jit.export
        def encode(self, image: torch.Tensor) -> torch.Tensor:
            return image.mean([1, 2]) @ self.weights

    class Step(torch.nn.Module):
        def forward(
            self, x: torch.Tensor, h: torch.Tensor, c: torch.Tensor
        ) -> dict[str, torch.Tensor]:
            c_out = c * 0.5 + x
            h_out = (torch.tanh(c_out) + h) * 0.5
            return {"y": h_out + h_out, "h_out": h_out, "c_out": c_out}

    class Inside(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("h", torch.zeros(1, 4))
            self.register_buffer("c", torch.zeros(1, 4))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            self.c = self.c * 0.5 + x
            self.h = (torch.tanh(self.c) + self.h) * 0.5
            return self.h + self.h

    for name, module in (("model.pt", Classifier()), ("step.pt", Step()), ("inside.pt", Inside())):
        torch.jit.script(module.eval()).save(str(out / name))


def tensorflow(out: Path) -> None:
    """saved_model, and a, whose only signature is the logits."""
    import tensorflow as tf

    class Classifier(tf.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weights = tf.Variable(_WEIGHTS)

        @tf.function(input_signature=[tf.TensorSpec((None, None, None, 3), tf.float32, "image")])
        def score(self, image):
            return {"logits": tf.reduce_mean(image, (1, 2)) @ self.weights}

        @tf.function(input_signature=[tf.TensorSpec((None, None, None, 3), tf.float32, "image")])
        def serve(self, image):
            return {"probabilities": tf.nn.softmax(self.score(image)["logits"])}

    module = Classifier()
    signatures = {"serving_default": module.serve, "score": module.score}
    tf.saved_model.save(module, str(out / "saved_model"), signatures=signatures)
    tf.saved_model.save(module, str(out / "a"), signatures={"encode": module.score})


def jax(out: Path) -> None:
    """model.jax."""
    import jax
    from jax import export

    @jax.jit
    def classify(*, image: jax.Array) -> dict[str, jax.Array]:
        return {"probabilities": jax.nn.softmax(image.mean((1, 2)) @ _WEIGHTS)}

    shape = export.symbolic_shape("batch, 28, 28, 3")
    exported = export.export(classify, platforms=["cpu"])(
        image=jax.ShapeDtypeStruct(shape, np.dtype("float32"))
    )
    (out / "model.jax").write_bytes(exported.serialize())


if __name__ == "__main__":
    globals()[sys.argv[1]](Path(sys.argv[2]))
