"""Inputs that look like a state are guessed by form and name, others are left alone."""

import numpy as np
import pytest

from infer.worker.state_guess import possible_loops, similar_names


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("h", "h_out"),
        ("h_in", "h_out"),
        ("state", "stateN"),
        ("h0", "hn"),
        ("past_key_values.0.key", "present.0.key"),
        ("hidden", "new_hidden"),
        ("prev_cell", "cell"),
        ("serving_default_state:0", "next_state"),
        ("past", "present"),
    ],
)
def test_names_of_one_state_before_and_after(name, other):
    assert similar_names(name, other)


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("h", "c_out"),
        ("past_key_values.0.key", "present.1.key"),
        ("past_key_values.0.key", "present.0.value"),
        ("image", "scores"),
        ("threshold", "output_0"),
    ],
)
def test_names_of_two_things(name, other):
    assert not similar_names(name, other)


def arrays(**shapes):
    return {name: np.zeros(shape, np.float32) for name, shape in shapes.items()}


def test_a_constant_input_is_asked_about_once():
    inputs = arrays(x=(1, 3), h=(1, 4), c=(1, 4))
    outputs = arrays(y=(1, 3), h_out=(1, 4), c_out=(1, 4))

    assert possible_loops(inputs, outputs, ["h", "c"], {}) == ["h_out=h", "c_out=c"]
    assert possible_loops(inputs, outputs, ["h", "c"], {"h": "h_out"}) == ["c_out=c"]
    assert possible_loops(inputs, outputs, [], {}) == []


def test_another_form_is_no_state():
    outputs = arrays(h_out=(1, 5)) | {"h_next": np.zeros((1, 4), np.float16)}

    assert possible_loops(arrays(h=(1, 4)), outputs, ["h"], {}) == []
    assert possible_loops(arrays(h=()), arrays(h_out=()), ["h"], {}) == []


def test_the_only_nameless_output_of_the_form_may_be_the_state():
    inputs = arrays(x=(1, 3), hidden=(1, 4))

    assert possible_loops(inputs, arrays(output_0=(1, 3), output_1=(1, 4)), ["hidden"], {}) == [
        "output_1=hidden"
    ]
    two = arrays(output_0=(1, 4), output_1=(1, 4))
    assert possible_loops(inputs, two, ["hidden"], {}) == []
    weights = arrays(scale=(1, 4))
    assert possible_loops(weights, arrays(output_0=(1, 4)), ["scale"], {}) == []
