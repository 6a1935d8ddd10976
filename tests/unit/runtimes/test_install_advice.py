"""What a message tells to install can be installed: extras of this project and of others."""

import ast
import importlib.metadata
import re
import tomllib
from pathlib import Path

import pytest

from infer.runtimes.registry import RUNTIMES

ROOT = Path(__file__).parents[3]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
# "pip install '.[onnx]'", and the other form that the message gives of it after "or".
REQUIREMENT = re.compile(r"(?:pip install '?|or ')([\w.-]+)(?:\[([\w,-]+)\])?")


def texts(path):
    """The texts of a module, each with all that is put together in it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
        elif isinstance(node, ast.JoinedStr):
            yield "".join(
                part.value if isinstance(part, ast.Constant) else "" for part in node.values
            )


def advised():
    """Name and extras of each requirement that the sources tell to install."""
    found = {runtime.install for runtime in RUNTIMES.values() if not runtime.for_tests}
    for folder in ("infer", "export"):
        for path in (ROOT / folder).rglob("*.py"):
            found |= {text for text in texts(path) if "pip install" in text}
    for text in found:
        for name, extras in REQUIREMENT.findall(text):
            if extras or name != ".":
                yield name, extras


@pytest.mark.parametrize(("name", "extras"), sorted(set(advised())))
def test_what_is_advised_can_be_installed(name, extras):
    offered = set(EXTRAS)
    if name != ".":
        offered = offered_by(name)
    assert offered is not None, f"nothing here depends on {name}"
    assert set(filter(None, extras.split(","))) <= offered


def offered_by(name):
    """The extras of another project: of its installed form, or those that pyproject.toml takes."""
    try:
        return set(importlib.metadata.metadata(name).get_all("Provides-Extra") or ())
    except importlib.metadata.PackageNotFoundError:
        pass
    required = [line for lines in EXTRAS.values() for line in lines] + PROJECT["dependencies"]
    forms = [re.match(r"([\w.-]+)(?:\[([\w,-]+)\])?", line).groups() for line in required]
    taken = [extras or "" for other, extras in forms if other == name]
    return set(",".join(taken).split(",")) if taken else None
