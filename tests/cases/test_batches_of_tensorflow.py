"""SavedModel and LiteRT: outputs with time first, as long as the samples, and batches baked in."""

import numpy as np
import pytest
from case_runs import run_case

SAMPLES, WIDTH, STEPS, CLASSES = 10, 4, 10, 3
ROWS = np.random.default_rng(0).standard_normal((SAMPLES, WIDTH)).astype("f4")
WEIGHTS = np.random.default_rng(1).standard_normal((WIDTH, STEPS * CLASSES)).astype("f4")
LABELS = {
    "free": "ok",
    "baked": "ok",
    "one.tflite": "ok",
    "four.tflite": "ok",
    "other.tflite": "parity_fail",
}


def time_major(tf, batch, weights):
    """A function from samples to time x samples x classes; its graph may take one batch only."""

    @tf.function(input_signature=[tf.TensorSpec([None, WIDTH], tf.float32, name="x")])
    def function(x):
        y = tf.reshape(tf.tanh(x @ weights), [batch, STEPS, CLASSES])
        return {"y": tf.transpose(y, [1, 0, 2])}

    return function


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    import tensorflow as tf

    folder = tmp_path_factory.mktemp("tensorflow")
    other = WEIGHTS.copy()
    other[:, 5] += 0.3  # the second of ten steps, of all samples
    function = time_major(tf, -1, WEIGHTS)
    tf.saved_model.save(tf.Module(), str(folder / "free"), signatures=function)
    baked = time_major(tf, 4, WEIGHTS)
    tf.saved_model.save(tf.Module(), str(folder / "baked"), signatures=baked)
    for name, batch, weights in (("one", 1, WEIGHTS), ("four", 4, WEIGHTS), ("other", 4, other)):
        function = time_major(tf, batch, weights)
        fixed = tf.function(function.python_function).get_concrete_function(
            tf.TensorSpec([batch, WIDTH], tf.float32, name="x")
        )
        converter = tf.lite.TFLiteConverter.from_concrete_functions([fixed])
        (folder / f"{name}.tflite").write_bytes(converter.convert())
    np.savez(folder / "inputs.npz", x=ROWS)
    return run_case(folder, *LABELS, "--inputs", "inputs.npz", "--batch", SAMPLES)


def test_equal_weights_agree_whatever_batch_a_file_takes(done):
    assert {name: done.outcome(name) for name in LABELS} == LABELS, done.text


def test_what_differs_is_a_sample_and_no_step_of_time(done):
    before = (ROWS @ WEIGHTS)[:, 5]
    apart = np.abs(np.tanh(before + 0.3 * ROWS.sum(axis=1)) - np.tanh(before))

    assert f"most in sample {apart.argmax()} at [1, 2]" in done.reason("other.tflite")


def test_the_batch_that_a_file_takes_is_told(done):
    assert "takes 4 samples a call" in done.notes("four.tflite")
    assert "takes 1 sample a call" in done.notes("one.tflite")


def test_a_batch_that_a_free_signature_hides_is_found_by_trying(done):
    assert "takes 4 samples a call, no other number" in done.notes("baked")
    assert "what it takes was found by trying, 4 is the nearest" in done.notes("baked")
