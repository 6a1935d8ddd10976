"""Inputs whose first axis counts no samples: named by the user, or said by the signature."""

import numpy as np
import pytest

from infer.errors import InputError
from infer.inputs.fitting import fit_inputs
from infer.inputs.options import InputOptions
from infer.inputs.random import Random, UnderspecifiedSignatureError, generate
from infer.tensors.signature import Signature, TensorSpec


def signature(**shapes):
    return Signature(tuple(TensorSpec(n, shape, "float32") for n, shape in shapes.items()), ())


def fitted(tmp_path, spec, options=None, **lengths):
    file = tmp_path / "inputs.npz"
    arrays = {
        name: np.ones((lengths[name], *(s if isinstance(s, int) else 4 for s in shape[1:])), "f4")
        for name, shape in ((tensor.name, tensor.shape) for tensor in spec.inputs)
    }
    np.savez(file, **arrays)
    return fit_inputs(file, spec, None, options)


PAIR = {"image": (None, 3), "text": (None, 2)}


def test_an_input_that_the_user_names_is_given_whole(tmp_path):
    inputs = fitted(tmp_path, signature(**PAIR), InputOptions(whole=("text",)), image=5, text=2)

    assert inputs.broadcast == {"text"}
    assert inputs.samples == 5
    assert "text: given whole to every call" in inputs.notes


def test_other_lengths_name_the_option(tmp_path):
    with pytest.raises(InputError, match="--whole text"):
        fitted(tmp_path, signature(**PAIR), image=5, text=2)


@pytest.mark.parametrize(("texts", "whole"), [(2, {"image", "text"}), (5, set())])
def test_other_symbols_of_other_lengths_count_other_things(tmp_path, texts, whole):
    spec = signature(image=("images", 3), text=("texts", 2))

    assert fitted(tmp_path, spec, image=5, text=texts).broadcast == whole


@pytest.mark.parametrize("shapes", [{"a": ("n", "n")}, {"a": ("n", 3), "edges": ("n", "n")}])
def test_a_symbol_of_two_axes_counts_no_samples(tmp_path, shapes):
    inputs = fitted(tmp_path, signature(**shapes), **dict.fromkeys(shapes, 4))

    assert inputs.broadcast == shapes.keys()
    assert inputs.samples == 1


def test_a_matrix_is_made_up_in_the_size_that_is_set():
    spec = signature(a=("n", "n"))
    with pytest.raises(UnderspecifiedSignatureError, match="--dim n="):
        generate(Random(0), spec, None, InputOptions(), "m")

    arrays, _ = generate(Random(0), spec, None, InputOptions(dims={"n": 6}), "m")

    assert arrays["a"].shape == (6, 6)


def test_a_name_that_nothing_has_is_refused(tmp_path):
    with pytest.raises(InputError, match="--whole txt: is neither"):
        fitted(tmp_path, signature(**PAIR), InputOptions(whole=("txt",)), image=5, text=5)


def test_another_artifact_tells_what_inputs_of_unknown_rank_count(tmp_path):
    spec = Signature((TensorSpec("image", None, "any"), TensorSpec("text", None, "any")), ())
    file = tmp_path / "inputs.npz"
    np.savez(file, image=np.zeros((6, 2), "f4"), text=np.zeros((3, 2), "f4"))

    with pytest.raises(InputError, match="--whole text"):
        fit_inputs(file, spec, None)

    stated = {"image": ["images", 2], "text": ["texts", 2]}
    assert fit_inputs(file, spec, None, stated_elsewhere=stated).broadcast == {"image", "text"}


def test_another_artifact_tells_that_a_state_has_its_samples_on_the_second_axis(tmp_path):
    spec = Signature((TensorSpec("x", None, "any"), TensorSpec("h", None, "any")), ())
    file = tmp_path / "inputs.npz"
    np.savez(file, x=np.zeros((6, 5, 2), "f4"), h=np.zeros((2, 6, 4), "f4"))

    fitted = fit_inputs(file, spec, None, stated_elsewhere={"x": ["n", 5, 2], "h": [2, "n", 4]})

    assert (fitted.samples, fitted.axes) == (6, {"h": 1})
