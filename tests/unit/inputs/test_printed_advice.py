"""What messages advise: each is followed as it is printed, and what it complained of is gone."""

import argparse
import ast
import re
import shlex
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import infer
from infer.cli import main
from infer.errors import ExportbenchError, InputError
from infer.inputs import random
from infer.inputs.fitting import fit_inputs
from infer.inputs.index_ranges import index_ranges
from infer.inputs.input_output_options import read_input_output_options
from infer.inputs.writing import write_inputs
from infer.outcome import Failure
from infer.parity.matching import match_outputs
from infer.tensors.rules import rules_for
from infer.tensors.signature import Signature, TensorSpec

PACKAGE = Path(infer.__file__).parent
LABEL = "dir/my net.onnx"
MANY = ("range", "dim", "map", "loop", "whole", "ignore", "compare", "rows", "allow")
A, B = np.ones((4, 2), "f4"), np.zeros((4, 3), "f4")
CUBE = np.arange(4 * 2 * 3 * 5, dtype="f4").reshape(4, 2, 3, 5)


def parsed(words):
    """Options as the command line gives them to `read_input_output_options`."""
    options = dict.fromkeys(("inputs", "random", "samples", "tolerance"))
    options |= {"independent": False} | {name: [] for name in MANY}
    name = ""
    for word in words:
        if word.startswith("--"):
            name = word[2:]
        elif name in MANY:
            options[name].append(word)
        else:
            options[name] = word
    return options


def followed(message, *, size="8"):
    """The options that a message names, as a shell reads them; a SIZE is one that fits."""
    options = re.findall(r"--([a-z]+) (.+?)(?=,? and (?:leave|--)|, or |; |$)", message)
    words = [
        word
        for name, values in options
        for word in (f"--{name}", *shlex.split(values.replace("SIZE", size)))
    ]
    return read_input_output_options(SimpleNamespace(**parsed(words)), [LABEL])


def specs(**shapes):
    return tuple(
        TensorSpec(name, shape, "int64" if name.startswith("ids") else "float32")
        for name, shape in shapes.items()
    )


def fit(tmp_path, arrays, inputs, options=None):
    file = tmp_path / "inputs.npz"
    np.savez(file, **arrays)
    return fit_inputs(file, Signature(inputs, ()), None, options, LABEL)


@pytest.mark.parametrize(
    ("arrays", "inputs"),
    [
        pytest.param({"a": A, "b": A}, specs(x=(None, 2)), id="an input that the file lacks"),
        pytest.param({"a": A, "b": A}, specs(x=(None, 2), y=(None, 2)), id="several fit"),
        pytest.param({"x": A, "y": B}, specs(x=(None, 3), y=(None, 2)), id="names exchanged"),
        pytest.param({"x": CUBE}, specs(x=(None, 5, 3, 2)), id="another layout"),
        pytest.param({"image": CUBE}, specs(x=(None, 5, 3, 2)), id="another layout and name"),
        pytest.param({"x": A[:, 0]}, specs(x=(None, 1)), id="a vector for a column"),
        pytest.param({"x": A[:, :1]}, specs(x=(1,)), id="a column for a value"),
        pytest.param({"x": np.ones((4, 2, 3, 2, 3), "f4")}, specs(x=(None, 3, 2, 3, 2)),
                     id="two layouts are possible"),
        pytest.param({"x": np.ones((4, 2), "u1")}, specs(x=(None, 2)), id="pixels"),
        pytest.param({"x": A, "y": A[:3]}, specs(x=(None, 2), y=(None, 2)), id="lengths"),
    ],
)  # fmt: skip
def test_advice_about_inputs(tmp_path, arrays, inputs):
    with pytest.raises(InputError) as caught:
        fit(tmp_path, arrays, inputs)

    fit(tmp_path, arrays, inputs, followed(str(caught.value)).input_options)


def compared(outputs, reference, options=None):
    """Match and compare outputs as a run does, with its options."""
    ignored = options.ignored if options else ()
    outputs, reference = (
        {name: array for name, array in side.items() if name not in ignored}
        for side in (outputs, reference)
    )
    rules = options.input_options.rules if options else ()
    _, of_outputs = rules_for(rules, LABEL, ["x"], list(outputs), ["x"], reference)
    return match_outputs(outputs, reference, of_outputs, LABEL, "reference.pt")[0]


@pytest.mark.parametrize(
    ("outputs", "reference"),
    [
        pytest.param({"y": A, "z": A}, {"a": A, "b": A}, id="several fit"),
        pytest.param({"y": A, "x": A}, {"a": A, "b": A}, id="an input that is an output"),
        pytest.param({"a": A, "b": B}, {"a": B, "b": A}, id="names exchanged"),
        pytest.param({"a": A, "more": B}, {"a": A}, id="one too many"),
        pytest.param({"a": A}, {"a": A, "more": B}, id="one is missing"),
        pytest.param({"p": A, "state": CUBE}, {"q": A}, id="a pair and one too many"),
        pytest.param({"y": A[:, 0]}, {"out": A[:, :1]}, id="a vector beside a column"),
        pytest.param({"y": CUBE}, {"out": CUBE.transpose(0, 3, 2, 1)}, id="another layout"),
        pytest.param({"y 1": A, "y'2": A}, {"a": A, "b": A}, id="names that a shell would split"),
        pytest.param({"y:0": A, "z:0": A}, {"a": A, "b": A}, id="names with a colon"),
    ],
)
def test_advice_about_outputs(outputs, reference):
    with pytest.raises(Failure) as caught:
        compared(outputs, reference)

    compared(outputs, reference, followed(caught.value.reason))


def test_advice_about_a_free_size(tmp_path):
    signature = Signature(specs(x=("n", "length", None)), ())
    options, drawn = read_input_output_options(SimpleNamespace(**parsed([])), [LABEL]), None
    texts = ["--dim"]
    for _ in range(2):
        with pytest.raises(InputError) as caught:
            random.generate(random.Random(0, 4), signature, None, options.input_options, LABEL)
        more = re.search(r"--dim (\S+)", str(caught.value))
        texts.append(more[1].replace("SIZE", "8"))
        options = read_input_output_options(SimpleNamespace(**parsed(texts)), [LABEL])
    drawn, _ = random.generate(random.Random(0, 4), signature, None, options.input_options, LABEL)
    assert drawn["x"].shape == (4, 8, 8)


def test_advice_about_indices_beyond_a_table(tmp_path):
    signature = Signature(specs(ids=(None, 64), x=(None, 2)), ())
    options = read_input_output_options(SimpleNamespace(**parsed([])), [LABEL])
    file = tmp_path / "inputs.npz"

    def draw(options):
        arrays, _ = random.generate(
            random.Random(0, 4), signature, None, options.input_options, LABEL
        )
        write_inputs(file, arrays)

    draw(options)
    values = index_ranges(file, 1)
    assert values == ["ids=0:1"]
    draw(read_input_output_options(SimpleNamespace(**parsed(["--range", *values])), [LABEL]))
    assert index_ranges(file, 1) == []


@pytest.mark.parametrize(
    ("option", "wrong"),
    [
        ("dim", "x"),
        ("range", "x=1"),
        ("allow", "mask"),
        ("map", "x"),
    ],
)
def test_an_example_in_a_message_is_of_the_right_form(option, wrong):
    with pytest.raises(ExportbenchError) as caught:
        read_input_output_options(SimpleNamespace(**parsed([f"--{option}", wrong])), [LABEL])

    examples = re.findall(r"(?<=as )[\w@=:.%]+", str(caught.value))
    assert examples
    for example in examples:
        read_input_output_options(SimpleNamespace(**parsed([f"--{option}", example])), [LABEL])


def messages():
    """All texts in the package that name an option, without docstrings, by their file."""
    for file in sorted(PACKAGE.rglob("*.py")):
        tree = ast.parse(file.read_text())
        docstrings = {
            id(node.body[0].value)
            for node in ast.walk(tree)
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
            and node.body
            and isinstance(node.body[0], ast.Expr)
        }
        for node in ast.walk(tree):
            is_text = isinstance(node, ast.Constant) and isinstance(node.value, str)
            if is_text and id(node) not in docstrings and "--" in node.value:
                yield file.relative_to(PACKAGE), node.value


def test_every_option_that_a_message_names_exists():
    def options_of(parser):
        for action in parser._actions:
            yield from action.option_strings
            if isinstance(action, argparse._SubParsersAction):
                for inner in action.choices.values():
                    yield from options_of(inner)

    known = set(options_of(main._parser()))
    # Options of other programs, and of our own processes.
    others = {
        "--cuda",
        "--read",
        "--withhold",
        "--artifact-dir",
        "--artifact-options",
        "--artifact-baseline",
    }
    others |= {"--data-root", "--size", "--format", "--dataset", "--p"}
    named = {
        (str(file), option)
        for file, text in messages()
        for option in re.findall(r"(?<![\w-])--[a-z][a-z0-9-]*", text)
        if not option.startswith("--xla")
    }
    assert len(named) > 50
    assert {(file, option) for file, option in named if option not in known | others} == set()
