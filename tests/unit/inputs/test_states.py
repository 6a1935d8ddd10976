"""Inputs that take in the next call what an output gave."""

import numpy as np
import pytest
from fitted_inputs import IMAGES, fit, refused

from infer.errors import MapError, OptionError
from infer.inputs.fitting import fit_inputs
from infer.inputs.options import InputOptions, StateBinding, parse_state_bindings
from infer.inputs.state import find_state_bindings
from infer.tensors.signature import Signature, TensorSpec

pytest_plugins = ("input_fixtures",)


def test_a_state_starts_as_zeros_or_from_the_file(file, inputs_file):
    spec = Signature(
        (TensorSpec("x", (None, 3), "float32"), TensorSpec("h", (None, 2), "float32")),
        (TensorSpec("h_out", (None, 2), "float32"),),
    )
    loops = InputOptions(loops=(StateBinding("h_out", "h"),))
    inputs_file(file, x=np.ones((5, 3), np.float32))

    fitted = fit_inputs(file, spec, None, loops)
    assert fitted.broadcast == {"h"} and fitted.arrays["h"].tolist() == [[0, 0]]
    assert "h: starts as zeros" in fitted.notes

    inputs_file(file, x=np.ones((5, 3), np.float32), h=np.full((1, 2), 7, np.float32))
    assert fit_inputs(file, spec, None, loops).arrays["h"].tolist() == [[7, 7]]


def test_a_loop_of_what_is_not_there(file, inputs_file, signature):
    inputs_file(file, image=IMAGES)

    message = refused(
        lambda: fit(file, signature(), None, InputOptions(loops=(StateBinding("h", "image"),))),
        file,
    )

    assert "no output 'h' (there are: probabilities)" in message


def test_a_loop_of_one_artifact_or_of_all_that_have_it():
    inputs, outputs = ["x", "h"], ["y", "h_out"]

    def bindings_of(text, label="b.onnx", names=(inputs, outputs)):
        input_options = InputOptions(loops=parse_state_bindings(text.split(), ["a.pt", "b.onnx"]))
        return find_state_bindings(input_options, {}, {}, *names, label)

    assert bindings_of("h_out=h") == {"h": "h_out"}
    assert bindings_of("b.onnx:h_out=h") == {"h": "h_out"}
    assert bindings_of("b.onnx:h_out=h", "a.pt") == {}
    assert bindings_of("y=h b.onnx:h_out=h") == {"h": "h_out"}
    assert bindings_of("h_out=h", "a.pt", (["x"], ["y"])) == {}  # it may keep its state inside
    with pytest.raises(MapError, match=r"b\.onnx has no input 'h'"):
        bindings_of("b.onnx:h_out=h", names=(["x"], ["y"]))
    with pytest.raises(MapError, match=r"a\.pt has no output 'h_out'"):
        bindings_of("h_out=h", "a.pt", (["x", "h"], ["y"]))
    with pytest.raises(OptionError, match="every input once"):
        bindings_of("y=h h_out=h")
