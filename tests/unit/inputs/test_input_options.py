"""Options about inputs: rules of `--map`, sizes, ranges."""

import pytest
from fitted_inputs import IMAGES, fit, refused

from infer.errors import OptionError
from infer.inputs.options import InputOptions, parse_dims, parse_ranges, parse_state_bindings
from infer.tensors.rules import Rule, parse_rules

pytest_plugins = ("input_fixtures",)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("x=y", Rule("x", "y")),
        ("input:0=y", Rule("input:0", "y")),
        ("a/m.onnx:input:0=y", Rule("input:0", "y", artifact="a/m.onnx")),
        ("x@NCHW=y@nhwc", Rule("x", "y", "NCHW", "nhwc")),
        ("user@home=y", None),
        ("x\n=y\nz", Rule("x\n", "y\nz")),
        ("x@NCHW=y", None),
        ("x@NCHW=y@NHWD", None),
        ("x@NCC=y@CNC", None),
        ("x", None),
        ("=y", None),
        ("x=", None),
    ],
)
def test_rules(text, rule):
    if rule is None:
        with pytest.raises(OptionError) as caught:
            parse_rules([text], ["a/m.onnx"])
        assert text in str(caught.value) and "\n" not in str(caught.value)
    else:
        assert parse_rules([text], ["a/m.onnx"]) == (rule,)
        assert parse_rules([rule.text], ["a/m.onnx"]) == (rule,)


def test_rules_that_contradict_each_other():
    with pytest.raises(OptionError, match="both 'y' and 'z'"):
        parse_rules(["x=y", "x=z"], [])


def test_rules_in_a_file(tmp_path):
    file = tmp_path / "map.toml"
    file.write_text('["m.onnx".inputs]\n"x@NCHW" = "image@NHWC"\n["*".outputs]\n"y:0" = "p"\n')

    assert parse_rules([str(file)], ["m.onnx"]) == (
        Rule("x", "image", "NCHW", "NHWC", "m.onnx", "input"),
        Rule("y:0", "p", kind="output"),
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[", "not TOML"),
        ("[other.inputs]\nx = 'y'", "no artifact 'other' (there are: m)"),
        ("[m]\nx = 'y'", "tables inputs and outputs"),
        ("[m.inputs]\nx = 3", "'x' must be the name"),
        ("m = 3", "tables inputs and outputs"),
    ],
)
def test_files_of_rules_that_are_none(tmp_path, content, message):
    file = tmp_path / "map.toml"
    file.write_text(content)

    with pytest.raises(OptionError) as caught:
        parse_rules([str(file)], ["m"])
    assert message in str(caught.value) and str(file) in str(caught.value)


def test_rules_that_name_what_is_not_there(file, inputs_file, signature):
    inputs_file(file, image=IMAGES)

    misspelt = InputOptions(parse_rules(["m:imgae=image"], ["m"]))
    assert "no tensor 'imgae' (inputs: image" in refused(
        lambda: fit(file, signature(), None, misspelt, "m"), file
    )
    other = InputOptions(parse_rules(["image=pictures"], ["m"]))
    assert "no array 'pictures'" in refused(lambda: fit(file, signature(), None, other, "m"), file)


@pytest.mark.parametrize(
    ("parse", "keyword", "text"),
    [
        (parse_dims, "dim", "height"),
        (parse_dims, "dim", "height=-1"),
        (parse_dims, "dim", "height=a"),
        (parse_ranges, "range", "x=1"),
        (parse_ranges, "range", "x=2:1"),
        (parse_ranges, "range", "x=nan:1"),
        (parse_ranges, "range", "=0:1"),
        (parse_state_bindings, "loop", "h"),
        (parse_state_bindings, "loop", "=h"),
    ],
)
def test_options_that_are_none(parse, keyword, text):
    with pytest.raises(OptionError) as caught:
        parse([text])
    assert str(caught.value).startswith(f"--{keyword} {text}: ")
    assert caught.value.for_python.startswith(f"{keyword}={text!r}: ")


def test_options_of_names_with_signs_in_them():
    assert parse_dims(["a=b=3", "m.pt:h=4", "x:h=5"], ["m.pt"]) == {
        "*": {"a=b": 3, "x:h": 5},
        "m.pt": {"h": 4},
    }
    assert parse_ranges(["x:0=-1:1"]) == {"x:0": (-1.0, 1.0)}
