"""Configs: from the command line and from Python, the same; checked and with defaults."""

import ast
import dataclasses
from pathlib import Path

import pytest
from conftest import ROOT

from infer.arguments.run_options import parse_gate_config
from infer.config import GateConfig, RunConfig, options_of
from infer.errors import OptionError, UsageError

GIVEN = {
    "artifacts": ["a", "b"],
    "inputs": "test.npz",
    "random": 3,
    "samples": 5,
    "range": ["image=0:1"],
    "dim": ["height=224"],
    "map": ["a=b"],
    "loop": ["h=h0"],
    "whole": ["weights"],
    "independent": True,
    "ignore": ["aux"],
    "compare": ["y=abs"],
    "rows": ["boxes:0"],
    "allow": ["mask=0.1%"],
    "task": ["segmentation", "mask=out"],
    "metric": ["score.py:dice"],
    "trust": ["a"],
    "protocol": "paper",
    "budget": "10m",
    "resolve": "3%",
    "scenario": ["single", "batch"],
    "turns": 4,
    "burst": "5ms",
    "batch": 8,
    "device": "cuda:1",
    "tf32": True,
    "why": True,
    "save_outputs": "parquet",
    "threads": 2,
    "timeout": "1h",
    "memory_limit": "2GB",
    "tolerance": 0.5,
    "reference": "a",
    "seed": 7,
    "defaults": True,
    "tried": ["onnx:spinning=off"],
    "settings": ["litert:tensors=raw"],
    "python": ["old=/venv/bin/python"],
    "runtime": "openvino",
    "signature": ["serve"],
    "out": "runs",
    "baseline": "b.json",
    "update": True,
    "accept": "trained anew",
    "drop": ["old.onnx"],
    "against": ["former"],
    "margins": {"size": "9%"},
    "judged": "runs/1",
    "strict": True,
}
FLAGS = {"tried": "--try", "settings": "--set", "judged": "--run", "margins": "--margin"}


def words():
    result = list(GIVEN["artifacts"])
    for keyword, value in GIVEN.items():
        if keyword == "artifacts":
            continue
        result.append(FLAGS.get(keyword, "--" + keyword.replace("_", "-")))
        if isinstance(value, dict):
            result += [f"{name}={text}" for name, text in value.items()]
        elif isinstance(value, list):
            result += value
        elif value is not True:
            result.append(str(value))
    return result


def test_the_command_line_and_python_make_the_same_config():
    assert GIVEN.keys() == options_of(RunConfig).keys() | options_of(GateConfig).keys()
    config = GateConfig.from_keywords(**GIVEN)
    assert parse_gate_config(words()) == config
    assert (config.run.budget, config.run.burst, config.run.memory_limit) == (600, 0.005, 2 * 10**9)
    assert config.run.artifacts == (Path("a"), Path("b"))
    default = GateConfig(RunConfig(), Path("b"))
    for field in dataclasses.fields(RunConfig):  # nothing is tested by its default
        assert getattr(config.run, field.name) != getattr(default.run, field.name), field.name


def test_their_defaults_are_the_same():
    assert parse_gate_config(["--baseline", "b"]) == GateConfig.from_keywords(baseline="b")
    assert GateConfig.from_keywords(baseline="b", batch=None) == GateConfig(RunConfig(), Path("b"))


def test_a_config_is_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        RunConfig().batch = 3


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"batch": 0}, r"batch=0: 0 is not a positive number"),
        ({"scenario": "sing"}, r"scenario='sing': choose from "),
        ({"artifacts": [["a"]]}, r"artifacts=.*not a single value"),
        ({"speed": 1}, "there is no option 'speed'"),
        ({"margins": {"a b": "1%"}}, r"margins=\{'a b': '1%'\}: there is no margin 'a b'"),
        ({"baseline": None}, "baseline=None"),
    ],
    ids=str,
)
def test_from_python_an_error_names_the_keyword(given, message):
    with pytest.raises(UsageError, match=message):
        GateConfig.from_keywords(**{"baseline": "b.json"} | given)


def test_an_error_in_an_option_has_a_text_for_each_side():
    error = OptionError("tried", "x", "say FORMAT:SETTING=VALUE", flag="try")
    assert str(error) == "--try x: say FORMAT:SETTING=VALUE"
    assert error.for_python == "tried='x': say FORMAT:SETTING=VALUE"
    assert str(OptionError("memory_limit", 3, "too few")) == "--memory-limit 3: too few"


def test_nothing_but_the_entry_point_imports_the_command_line():
    """The functions and the pytest plugin take configs; argparse's private parts are nobody's."""
    for name in ("api", "pytest_plugin", "config", "steps/planning", "steps/gate"):
        tree = ast.parse((ROOT / "infer" / f"{name}.py").read_text())
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom):
                assert "cli" not in (node.module or "").split("."), f"{name}.py:{node.lineno}"
                assert "cli" not in {alias.name for alias in node.names}, f"{name}.py:{node.lineno}"
            if isinstance(node, ast.Import):
                assert "argparse" not in {alias.name for alias in node.names}, name
