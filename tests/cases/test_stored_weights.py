"""Weights of 8 bits that plain operators convert before they are used, in formats without steps."""

import numpy as np
import pytest
from case_models_precision import samples, weights, write_network
from case_runs import run_case

from infer.cli.inspect import inspect


def stored(seed=1):
    """Weights of each layer as uint8 around 128, their steps, and the bias."""
    layers = []
    for layer in range(3):
        array = weights(seed)[f"w{layer}"]
        step = (np.abs(array).max(axis=0) / 127).astype("f4")
        numbers = (np.round(array / step) + 128).astype("u1")
        layers.append((numbers, step, weights(seed)[f"b{layer}"]))
    return layers


PADDING = np.zeros(1 << 16, np.int8)  # more than all weights


def write_torchscript(path, seed=1, table=False, padded=False):
    import torch

    class Network(torch.nn.Module):
        def __init__(self):
            super().__init__()
            for layer, (numbers, step, bias) in enumerate(stored(seed)):
                kept = (numbers - 128.0).astype("f4") * step if table else numbers
                for name, array in (("w", kept), ("s", step), ("b", bias)):
                    self.register_buffer(f"{name}{layer}", torch.from_numpy(array.copy()))
            self.register_buffer("table", torch.arange(64, dtype=torch.uint8))
            if padded:
                self.register_buffer("padding", torch.from_numpy(PADDING))

        def forward(self, x):
            if padded:
                _ = self.padding.float() * 2
            for layer in range(3):
                weight = getattr(self, f"w{layer}")
                if not table:
                    weight = (weight.to(torch.float32) - 128) * getattr(self, f"s{layer}")
                x = x @ weight + getattr(self, f"b{layer}")
                if layer < 2:
                    x = torch.relu(x)
            return torch.softmax(x + self.table[:8].float() * 0, -1)

    torch.jit.trace(Network().eval(), torch.from_numpy(samples()[:4])).save(path)


def write_saved_model(path):
    import tensorflow as tf

    module = tf.Module()
    module.kept = [tf.Variable(numbers) for numbers, _, _ in stored()]

    @tf.function(input_signature=[tf.TensorSpec((None, 32), tf.float32, name="x")])
    def serve(x):
        for layer, (_, step, bias) in enumerate(stored()):
            x = x @ ((tf.cast(module.kept[layer], tf.float32) - 128.0) * step) + bias
            x = tf.nn.relu(x) if layer < 2 else tf.nn.softmax(x)
        return {"y": x}

    module.serve = serve
    tf.saved_model.save(module, path, signatures={"serving_default": serve})


def write_padded_saved_model(path):
    """A product in float32, beside weights of 8 bits that are converted for nothing."""
    import tensorflow as tf

    module = tf.Module()
    module.kept, module.padding = tf.Variable(weights()["w0"]), tf.Variable(PADDING)

    @tf.function(input_signature=[tf.TensorSpec((None,), tf.float32)])
    def inner(padding):
        return padding * 2

    @tf.function(input_signature=[tf.TensorSpec((None, 32), tf.float32, name="x")])
    def serve(x):
        inner(tf.cast(module.padding, tf.float32))
        return {"y": x @ module.kept}

    module.serve = serve
    tf.saved_model.save(module, path, signatures={"serving_default": serve})


def write_jax(path):
    import jax
    import jax.numpy as jnp

    def serve(x):
        for layer, (numbers, step, bias) in enumerate(stored()):
            x = x @ ((jnp.asarray(numbers).astype(jnp.float32) - 128) * step) + bias
            x = jnp.maximum(x, 0) if layer < 2 else jax.nn.softmax(x)
        return {"y": x}

    shape = jax.ShapeDtypeStruct(jax.export.symbolic_shape("b,32"), jnp.float32)
    path.write_bytes(jax.export.export(jax.jit(serve))(shape).serialize())


def write_fake_quantised(path):
    """A program after quantisation-aware training: it rounds, and calculates in float32."""
    import torch

    layers = [
        (torch.from_numpy(weights()[f"w{layer}"]), torch.from_numpy(weights()[f"b{layer}"]))
        for layer in range(3)
    ]

    class Network(torch.nn.Module):
        def forward(self, x):
            for layer, (weight, bias) in enumerate(layers):
                step = float(weight.abs().max()) / 127
                weight = torch.fake_quantize_per_tensor_affine(weight, step, 0, -127, 127)
                x = torch.fake_quantize_per_tensor_affine(x, 0.05, 0, -128, 127)
                x = x @ weight + bias
                if layer < 2:
                    x = torch.relu(x)
            return torch.softmax(x, -1)

    torch.jit.trace(Network().eval(), torch.from_numpy(samples()[:4])).save(path)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("stored")
    np.savez(folder / "inputs.npz", x=samples())
    write_network(folder / "float.onnx")
    write_torchscript(folder / "stored.pt")
    write_torchscript(folder / "other.pt", seed=2)
    write_torchscript(folder / "table.pt", table=True)
    write_torchscript(folder / "padded.pt", table=True, padded=True)
    write_saved_model(folder / "saved")
    write_padded_saved_model(folder / "padded")
    write_jax(folder / "stored.jaxexport")
    write_fake_quantised(folder / "fake.pt")
    return folder


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("stored.pt", "int8 (3 weights of 8 bits; the rest float32)"),
        ("saved", "int8 (3 weights of 8 bits; the rest float32)"),
        ("stored.jaxexport", "int8 (values of 8 bits, whose number is not known"),
        ("fake.pt", "int8 (6 values of 8 bits"),
        ("table.pt", "float32"),  # a table of 8 bits beside weights of float32
        ("padded.pt", "float32"),  # more weights of 8 bits, which no output depends on
        ("padded", "float32"),
    ],
)
def test_the_precision_is_that_of_what_the_weights_are_stored_in(folder, name, text):
    assert inspect(folder / name).precision.text.startswith(text)
    assert (inspect(folder / name).precision.quantisation is None) == (text == "float32")


def test_right_conversions_pass_and_say_that_they_are_quantised(folder):
    labels = ("stored.pt", "saved", "stored.jaxexport", "other.pt")

    run = run_case(
        folder, "float.onnx", *labels, "--inputs", "inputs.npz", "--reference", "float.onnx"
    )

    outcomes = ["ok", "ok", "ok", "parity_fail"]
    assert [run.outcome(label) for label in labels] == outcomes, run.text
    for label in labels[:3]:
        assert "decided by numbers" in run.notes(label)
