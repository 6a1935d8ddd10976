"""A small plug-in as another package brings it: a format and a runtime that take NumPy alone.

A file of the format `tally` begins with TALLY1, and the rest is JSON: `weights`, a matrix of 4 x 3.
"""

from __future__ import annotations

import json
from pathlib import Path

DECLARATION = """
contract = 1

[formats.tally]
title = "Tally"
reader = "reader"
executes_code = false
marks = [{ bytes = "TALLY1" }]
companions = ["{stem}.notes"]

[runtimes.tally]
module = "runtime"
formats = ["tally"]
package = "numpy"
distributions = ["numpy"]
install = "pip install exportbench-tally"
"""
READER = '''
"""What a file of Tally says of itself."""

from pathlib import Path

from exportbench.errors import DamagedError
from exportbench.formats.description import Description

from .files import read, signature_of


def describe(path: Path) -> Description:
    print("a reader that talks")
    weights = read(path)
    signature = signature_of(weights)
    return Description("tally", "1", "nobody", {"": signature}, {"float32": weights.nbytes}, {})
'''
FILES = '''
"""Reads files of Tally."""

import json

import numpy as np

from exportbench.errors import DamagedError
from exportbench.tensors.signature import Signature, TensorSpec


def read(path):
    try:
        content = json.loads(path.read_bytes().removeprefix(b"TALLY1"))
        return np.array(content["weights"], np.float32).reshape(4, 3)
    except (ValueError, KeyError, TypeError) as error:
        raise DamagedError(f"its weights cannot be read ({error})") from None


def signature_of(weights):
    rows, columns = weights.shape
    return Signature(
        (TensorSpec("x", ("n", rows), "float32"),), (TensorSpec("y", ("n", columns), "float32"),)
    )
'''
RUNTIME = '''
"""Runs files of Tally."""

import os
import sys

import numpy as np

from exportbench.runtimes.base import Model, Setting, chosen

from .files import read, signature_of

# Nothing of a plug-in runs in the controller, which is not this package under this name.
assert "infer" not in sys.modules

SETTINGS = (Setting("order", "rows", "rows", ("columns",)),)


class Tally(Model):
    def __init__(self, path, options):
        self._weights = read(path)
        self._settings = chosen(SETTINGS, options)
        if self._settings["order"] == "columns":
            self._weights = np.asfortranarray(self._weights)
        self._threads = options.threads
        self.signature = signature_of(self._weights)

    def run(self, inputs):
        return {"y": inputs["x"] @ self._weights}

    def stage(self, inputs):
        return inputs

    def run_staged(self, staged):
        return self.run(staged)

    def sync(self, result):
        pass

    def fetch(self, result):
        return result

    def raw_call(self, inputs):
        x, weights = inputs["x"], self._weights
        return lambda: x @ weights

    def placement(self):
        return {
            "device": "cpu",
            "devices": ["CPU"],
            "threads": self._threads,
            "settings": self._settings,
            "tf32": False,
        }


def load(path, options):
    return Tally(path, options)


def devices():
    return ["an abacus"]


def has_cuda():
    return "Tally runs on CPUs"
'''


def write_distribution(
    folder: Path,
    *,
    name: str = "exportbench-tally",
    version: str = "0.3",
    entries: dict[str, tuple[str, ...]] | None = None,
    declaration: str = DECLARATION,
    **modules: str,
) -> Path:
    """Write a distribution as pip leaves it in a folder of packages; return that folder.

    Args:
        folder: of packages.
        name: of the distribution; its package is called so, with underscores.
        version: of the distribution.
        entries: names by the last part of their group.
        declaration: content of exportbench.toml.
        modules: sources in place of those above, by name.
    """
    package = name.replace("-", "_")
    home = folder / package
    home.mkdir(parents=True)
    (home / "exportbench.toml").write_text(declaration)
    sources = {"__init__": "", "reader": READER, "files": FILES, "runtime": RUNTIME} | modules
    for module, source in sources.items():
        (home / f"{module}.py").write_text(source)
    info = folder / f"{package}-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    lines = []
    for kind, names in (entries or {"formats": ("tally",), "runtimes": ("tally",)}).items():
        lines += [f"[exportbench.{kind}]", *(f"{entry} = {package}" for entry in names)]
    (info / "entry_points.txt").write_text("\n".join(lines) + "\n")
    return folder


def write_tally(path: Path, weights: list[list[float]]) -> Path:
    """Write a file of the format."""
    path.write_bytes(b"TALLY1" + json.dumps({"weights": weights}).encode())
    return path
