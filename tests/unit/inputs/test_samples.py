"""Which inputs have samples, how many a call takes, and batches of them."""

import numpy as np
import pytest
from fitted_inputs import IMAGES, fit, refused

from infer.inputs.batching import Batcher
from infer.inputs.fitting import fit_inputs
from infer.inputs.options import InputOptions
from infer.inputs.writing import write_inputs
from infer.tensors.signature import Signature, TensorSpec
from infer.tensors.size_limits import ANY_SIZE

pytest_plugins = ("input_fixtures",)


def test_fixed_batch_is_told(file, inputs_file, signature):
    inputs_file(file, image=IMAGES)

    fitted = fit_inputs(file, signature(shape=(2, 4, 4, 3)), None)

    assert fitted.batch_limits.only == 2 and fitted.samples == 5
    assert "takes 2 samples a call" in fitted.notes[0]


def test_a_size_that_the_user_sets_is_fixed(file, inputs_file):
    inputs_file(file, x=np.zeros((6, 3), np.float32))
    spec = Signature((TensorSpec("x", ("batch", "width"), "float32"),), ())

    assert fit_inputs(file, spec, None).batch_limits == ANY_SIZE
    assert fit_inputs(file, spec, None, InputOptions(dims={"batch": 2})).batch_limits.only == 2
    assert fit_inputs(file, spec, None, InputOptions(dims={"x.0": 3})).batch_limits.only == 3
    message = refused(lambda: fit_inputs(file, spec, None, InputOptions(dims={"width": 4})), file)
    assert "any" not in message and "takes batch x 4" in message


def test_one_name_of_a_dimension_is_one_size(file, inputs_file):
    spec = Signature(
        (TensorSpec("x", (None, "w"), "float32"), TensorSpec("y", (None, "w"), "float32")), ()
    )
    inputs_file(file, x=np.zeros((2, 3), np.float32), y=np.zeros((2, 4), np.float32))

    assert "'w' is 3 by 'x' and 4 in 'y'" in refused(lambda: fit(file, spec, None), file)


def test_what_has_no_samples_is_the_same_in_every_call(file, inputs_file):
    spec = Signature(
        (
            TensorSpec("x", (None, 3), "float32"),
            TensorSpec("threshold", (), "float32"),
            TensorSpec("anchors", (4, 2), "float32"),
        ),
        (),
    )
    inputs_file(
        file,
        x=np.zeros((5, 3), np.float32),
        threshold=np.float32(0.5),
        anchors=np.ones((4, 2), np.float32),
    )

    fitted = fit_inputs(file, spec, None)

    assert fitted.broadcast == {"threshold", "anchors"} and fitted.samples == 5
    batch = Batcher(fitted.arrays, 2, fitted.broadcast).full(2)
    assert batch["x"].shape == (2, 3)
    assert batch["threshold"].shape == () and batch["anchors"].shape == (4, 2)


def test_inputs_without_samples_are_one_call(file, inputs_file):
    spec = Signature((TensorSpec("a", (4,), "float32"), TensorSpec("b", (2,), "float32")), ())
    inputs_file(file, a=np.zeros(4, np.float32), b=np.zeros(2, np.float32))

    fitted = fit_inputs(file, spec, None)

    assert (
        fitted.samples == 1 and fitted.broadcast == {"a", "b"} and fitted.batch_limits == ANY_SIZE
    )
    assert len(Batcher(fitted.arrays, 128, fitted.broadcast)) == 1


def test_models_without_inputs(file):
    write_inputs(file, {})

    fitted = fit_inputs(file, Signature((), ()), None)

    assert fitted.arrays == {} and fitted.samples == 1


def test_sizes_of_zero(file, inputs_file):
    spec = Signature((TensorSpec("x", (None, 0), "float32"),), ())
    inputs_file(file, x=np.zeros((3, 0), np.float32))

    assert fit(file, spec, None)[0]["x"].shape == (3, 0)
    none = Signature((TensorSpec("x", (0, 2), "float32"),), ())
    inputs_file(file, x=np.zeros((3, 2), np.float32))
    assert "takes 0 samples" in refused(lambda: fit(file, none, None), file)


@pytest.mark.parametrize(("size", "counts"), [(1, [1] * 5), (2, [2, 2, 1]), (5, [5]), (128, [5])])
def test_batches_cover_every_sample_once_in_order(size, counts):
    batches = Batcher({"a": np.arange(5), "b": np.arange(50).reshape(5, 10)}, size)

    assert len(batches) == len(counts)
    assert [len(part["a"]) for part in batches] == counts
    assert [batches.samples(index) for index in range(len(batches))] == counts
    assert np.concatenate([part["a"] for part in batches]).tolist() == [0, 1, 2, 3, 4]
    assert np.concatenate([part["b"] for part in batches]).ravel().tolist() == list(range(50))


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        (1, [[0], [1], [2], [3], [4], [0]]),
        (2, [[0, 1], [2, 3], [0, 1], [2, 3]]),
        (5, [[0, 1, 2, 3, 4], [0, 1, 2, 3, 4]]),
        (6, [[0, 1, 2, 3, 4, 0], [0, 1, 2, 3, 4, 0]]),
        (12, [[0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 0, 1]] * 2),
    ],
)
def test_full_batches_go_round(size, expected):
    samples = {"a": np.arange(5, dtype=np.int16), "b": np.arange(50).reshape(5, 10)}
    batches = Batcher(samples, size)

    for index, rows in enumerate(expected):
        assert batches.rows(index).tolist() == rows
        full = batches.full(index)
        assert full.keys() == samples.keys()
        for name, array in full.items():
            np.testing.assert_array_equal(array, samples[name][rows])
            assert array.dtype == samples[name].dtype
            assert array.flags.c_contiguous


def test_full_batches_are_the_others_as_long_as_these_are_full():
    batches = Batcher({"a": np.arange(10)}, 4)

    assert [batches.full(i)["a"].tolist() for i in range(2)] == [
        batches[i]["a"].tolist() for i in range(2)
    ]
    assert batches[2]["a"].tolist() == [8, 9]
    assert batches.full(2)["a"].tolist() == [0, 1, 2, 3]
