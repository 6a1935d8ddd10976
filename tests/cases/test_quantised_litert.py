"""LiteRT files with 8 bits inside and at the border, beside the SavedModel they come from."""

import numpy as np
import pytest
from case_runs import run_case

from infer.cli.inspect import inspect

SHAPE, CLASSES = (10, 10, 3), 5


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A classifier with labels, converted in several ways, and one of other weights."""
    import tensorflow as tf

    folder = tmp_path_factory.mktemp("litert")
    rng = np.random.default_rng(16)
    images = rng.random((160, *SHAPE)).astype("f4")

    def network(seed):
        draw = np.random.default_rng(seed)
        kernel = tf.constant(draw.normal(size=(3, 3, 3, 8)).astype("f4"))
        dense = tf.constant(draw.normal(size=(8, CLASSES)).astype("f4"))
        wide = tf.constant(draw.normal(size=(300, CLASSES)).astype("f4") / 4)

        @tf.function(input_signature=[tf.TensorSpec((None, *SHAPE), tf.float32, name="image")])
        def serve(image):
            inner = tf.nn.relu(tf.nn.conv2d(image, kernel, 1, "VALID"))
            logits = tf.reduce_mean(inner, (1, 2)) @ dense
            logits += tf.reshape(image, (-1, 300)) @ wide
            return {"probabilities": tf.nn.softmax(logits)}

        module = tf.Module()
        module.serve = serve
        return module

    def convert(module, name, border=None, kind=None):
        function = module.serve.get_concrete_function()
        converter = tf.lite.TFLiteConverter.from_concrete_functions([function], module)
        if kind is not None:
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if kind == "int8":
            converter.representative_dataset = lambda: ([image[None]] for image in images[:80])
            converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
            converter.inference_input_type = converter.inference_output_type = border
        elif kind == "float16":
            converter.target_spec.supported_types = [tf.float16]
        (folder / name).write_bytes(converter.convert())

    right, other = network(1), network(2)
    tf.saved_model.save(right, folder / "saved", signatures={"serving_default": right.serve})
    convert(right, "uint8.tflite", tf.uint8, "int8")
    convert(other, "other.tflite", tf.int8, "int8")
    convert(right, "half.tflite", kind="float16")
    convert(right, "dynamic.tflite", kind="dynamic")
    labels = right.serve(tf.constant(images))["probabilities"].numpy().argmax(axis=1)
    np.savez(folder / "real.npz", image=images, labels=labels)
    pixels = (images * 255).round().astype("u1")
    np.savez(folder / "stored.npz", image=pixels, labels=labels)
    return folder


def test_every_way_to_convert_is_judged_by_its_precision(folder):
    files = ("uint8.tflite", "half.tflite", "dynamic.tflite", "other.tflite")

    run = run_case(folder, "saved", *files, "--inputs", "real.npz")

    outcomes = ["ok", "ok", "ok", "parity_fail"]
    assert [run.outcome(name) for name in files] == outcomes, run.text
    assert "decided by" in run.notes("uint8.tflite")
    assert inspect(folder / "saved").precision.text == "float32"
    assert inspect(folder / "half.tflite").precision.text == "float32, weights of float16"
    assert inspect(folder / "dynamic.tflite").precision.quantisation.dynamic
    assert not inspect(folder / "uint8.tflite").precision.quantisation.dynamic


def test_quantised_inputs_take_real_numbers_or_alone_what_is_stored(folder):
    run = run_case(folder, "uint8.tflite", "--inputs", "stored.npz")

    reason = run.reason("uint8.tflite")
    assert run.outcome("uint8.tflite") == "bad_input"
    assert "the real numbers that its uint8 stands for" in reason
    option = reason.partition("--set ")[2].split()[0]
    alone = run_case(folder, "uint8.tflite", "--inputs", "stored.npz", "--set", option)
    assert alone.status == 0 and alone.outcome("uint8.tflite") == "ok"


def test_pixels_are_scaled_where_the_range_says_so(folder):
    files = ("saved", "uint8.tflite")

    run = run_case(folder, *files, "--inputs", "stored.npz", "--range", "image=0:1")

    assert [run.outcome(name) for name in files] == ["ok", "ok"], run.text
