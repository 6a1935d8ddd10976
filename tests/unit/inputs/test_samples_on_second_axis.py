"""Inputs whose samples are on the second axis, and sizes without a symbol."""

import numpy as np
import pytest

from infer.errors import InputError
from infer.inputs.batching import Batcher
from infer.inputs.dimensions import dim_name
from infer.inputs.fitting import fit_inputs
from infer.inputs.options import InputOptions, StateBinding
from infer.inputs.random import Random, generate
from infer.inputs.samples import later_sample_axes
from infer.inputs.whole import whole_inputs
from infer.tensors.signature import Signature, TensorSpec
from infer.tensors.size_limits import SizeLimits
from infer.worker.model_adapters import LimitedBatchModel

X = np.arange(10 * 3 * 4, dtype=np.float32).reshape(10, 3, 4)
H = np.arange(2 * 10 * 5, dtype=np.float32).reshape(2, 10, 5)


def recurrent(batch="n"):
    return Signature(
        (
            TensorSpec("x", (batch, 3, 4), "float32"),
            TensorSpec("h", (2, batch, 5), "float32"),
        ),
        (TensorSpec("h_out", (2, batch, 5), "float32"),),
    )


class Recurrent:
    """Stands for a model of this signature."""

    signature, can_enqueue = recurrent(), False


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "inputs.npz"
    np.savez(path, x=X, h=H)
    return path


def test_a_state_has_its_samples_where_its_symbol_says(file):
    fitted = fit_inputs(file, recurrent(), None)

    assert fitted.samples == 10 and fitted.broadcast == set() and fitted.axes == {"h": 1}
    assert "h: its second axis counts the samples" in fitted.notes
    batches = Batcher(fitted.arrays, 4, fitted.broadcast, fitted.axes)
    np.testing.assert_array_equal(batches[1]["h"], H[:, 4:8])
    np.testing.assert_array_equal(batches[1]["x"], X[4:8])
    np.testing.assert_array_equal(batches[2]["h"], H[:, 8:])


def test_a_size_that_the_user_sets_cuts_both_along_their_axes(file):
    fitted = fit_inputs(file, recurrent(), None, InputOptions(dims={"n": 4}))

    assert fitted.batch_limits == SizeLimits.fixed(4)

    model = LimitedBatchModel(Recurrent(), fitted.batch_limits, fitted.broadcast, fitted.axes)
    parts = model.parts(fitted.arrays)
    assert [part["h"].shape for part in parts] == [(2, 4, 5)] * 3
    np.testing.assert_array_equal(parts[1]["h"], H[:, 4:8])
    np.testing.assert_array_equal(parts[1]["x"], X[4:8])


def test_a_state_of_another_number_of_layers_is_refused(file, tmp_path):
    np.savez(tmp_path / "other.npz", x=X, h=np.zeros((3, 10, 5), np.float32))

    with pytest.raises(InputError, match="'h' has 3 rows, the artifact takes 2"):
        fit_inputs(tmp_path / "other.npz", recurrent(), None)


def test_a_looped_state_starts_with_one_sample(tmp_path):
    np.savez(tmp_path / "x.npz", x=X)
    options = InputOptions(loops=(StateBinding("h_out", "h"),))

    fitted = fit_inputs(tmp_path / "x.npz", recurrent(), None, options)

    assert fitted.arrays["h"].shape == (2, 1, 5) and not fitted.axes


def test_random_states_have_a_row_for_each_sample():
    arrays, _ = generate(Random(0, 7), recurrent(), None, InputOptions(), "m")

    assert arrays["x"].shape == (7, 3, 4) and arrays["h"].shape == (2, 7, 5)


def test_a_square_or_a_matrix_is_no_state():
    square = Signature((TensorSpec("a", ("n", "n"), "float32"),), ())
    matrix = Signature(
        (TensorSpec("x", ("n", 3), "float32"), TensorSpec("w", (5, "n"), "float32")), ()
    )

    assert not later_sample_axes(square) and whole_inputs(square, ()) == {"a"}
    assert not later_sample_axes(matrix) and whole_inputs(matrix, ()) == {"x"}
    assert not whole_inputs(recurrent(), ())


def test_sizes_without_a_symbol_are_not_tied(tmp_path):
    np.savez(tmp_path / "two.npz", a=np.zeros((4, 5), "f4"), b=np.zeros((4, 6), "f4"))
    specs = tuple(TensorSpec(name, ("?", "?"), "float32") for name in "ab")

    fitted = fit_inputs(tmp_path / "two.npz", Signature(specs, ()), None)

    assert fitted.samples == 4 and dim_name(specs[0], 1) == "a.1"
