"""Names of tensors, rules of the user, and layouts."""

import numpy as np
import pytest

from infer.errors import AmbiguousMatchError, MapError
from infer.tensors.layouts import axes_between, layouts_apart, rearranged
from infer.tensors.matching import match_tensors
from infer.tensors.rules import parse_rules, rules_for
from infer.tensors.signature import Signature, TensorSpec, unique_names

NONE = {"arrays": (), "reference": None}


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["y", "x"], ["y", "x"]),
        (["y", "y", "y"], ["y", "y_2", "y_3"]),
        (["y", "y", "y_2"], ["y", "y_3", "y_2"]),
        (["a", "b", "a", "b"], ["a", "b", "a_2", "b_2"]),
    ],
)
def test_names_become_unique_and_stay_so(names, expected):
    assert unique_names(names) == expected
    assert unique_names(expected) == expected


def test_a_signature_names_every_tensor_once():
    specs = (TensorSpec("y", (2,), "float32"), TensorSpec("y", (3,), "float32"))

    signature = Signature((), specs)

    assert [(spec.name, spec.shape) for spec in signature.outputs] == [("y", (2,)), ("y_2", (3,))]


def matched(choices, others, *texts):
    """The others by name, where each name fits those that are listed for it."""
    rules = {rule.name: rule for rule in parse_rules(texts, ["m"])}
    fits = lambda name, other: [None] if other in choices[name] else []  # noqa: E731
    matches = match_tensors(list(choices), others, rules, fits, outputs=True, label="m")
    return {match.name: match.other for match in matches}


def test_names_that_only_fit_exchanged_are_a_question_that_its_options_answer():
    choices = {"a": ["b"], "b": ["c"], "c": ["a"], "d": ["d"]}

    with pytest.raises(AmbiguousMatchError) as caught:
        matched(choices, ["a", "b", "c", "d"])

    message = str(caught.value)
    assert message.endswith("--map m:a=b m:b=c m:c=a")
    answer = message.split("--map ")[1].split()
    assert matched(choices, ["a", "b", "c", "d"], *answer) == {
        **{"a": "b", "b": "c", "c": "a"},
        "d": "d",
    }


def test_names_that_fit_neither_way_are_left_to_be_compared():
    assert matched({"a": ["b"], "b": []}, ["a", "b"]) == {"a": "a", "b": "b"}


def test_a_stated_pair_is_not_asked_about():
    assert matched({"a": ["b"], "b": ["a"]}, ["a", "b"], "a=a", "b=b") == {"a": "a", "b": "b"}


@pytest.mark.parametrize(
    ("arrays", "reference", "inputs", "outputs"),
    [
        (["other"], ["y"], ["x"], []),
        (["x"], ["other"], [], ["x"]),
        (["other"], ["other"], ["x"], ["x"]),
    ],
)
def test_a_rule_for_an_input_that_is_an_output_is_about_the_side_that_has_the_other(
    arrays, reference, inputs, outputs
):
    rules = parse_rules(["m:x=other"], ["m"])

    by_side = rules_for(rules, "m", ["x"], ["y", "x"], arrays, reference)

    assert [list(side) for side in by_side] == [inputs, outputs]


def test_an_other_that_is_on_neither_side_is_named():
    rules = parse_rules(["m:x=nothing"], ["m"])

    with pytest.raises(MapError, match="neither the inputs file nor the reference has 'nothing'"):
        rules_for(rules, "m", ["x"], ["x"], ["a"], ["b"])


@pytest.mark.parametrize(
    ("source", "target", "shape", "expected"),
    [
        ("N", "N1", (4,), (4, 1)),
        ("N1", "N", (4, 1), (4,)),
        ("NHWC", "NCHW", (4, 5, 6, 3), (4, 3, 5, 6)),
        ("N1C", "CN1", (4, 1, 3), (3, 4, 1)),
    ],
)
def test_layouts_with_axes_of_length_one(source, target, shape, expected):
    array = np.arange(np.prod(shape)).reshape(shape)

    there = rearranged(array, axes_between(source, target), "y", source)

    assert there.shape == expected
    back = rearranged(there, axes_between(target, source), "y", target)
    np.testing.assert_array_equal(back, array)


@pytest.mark.parametrize(("layout", "shape"), [("N1", (4, 2)), ("N1", (4,)), ("N", (4, 1))])
def test_an_array_that_has_not_the_stated_layout_is_refused(layout, shape):
    with pytest.raises(MapError, match="'y' has"):
        rearranged(np.zeros(shape), axes_between(layout, "N"), "y", layout)


@pytest.mark.parametrize(
    ("shape", "other", "expected"),
    [
        ((4,), (4, 1), ("N", "N1")),
        (("n", 1, 3), (4, 3), ("N1C", "NC")),
        ((4, 3), (4, 3), None),
        ((4, 3), (4, 2), None),
        ((4, 3, 5, 7), (4, 7, 3, 5), ("NCHW", "NWCH")),
        ((), (4, 1), None),
    ],
)
def test_layouts_that_a_message_suggests(shape, other, expected):
    assert layouts_apart(shape, other) == expected
    if expected:
        sizes = [4 if isinstance(size, str) else size for size in shape]
        there = rearranged(np.zeros(sizes), axes_between(*expected), "y", expected[0])
        assert there.shape == other
