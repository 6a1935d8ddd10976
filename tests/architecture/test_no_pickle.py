"""Nothing is unpickled, ever: what ruff does not see of that (pyproject.toml has the rest)."""

import ast
import os

import numpy as np
import pytest
from conftest import ROOT

from infer.errors import InputError
from infer.inputs.loading import read_inputs

FILES = sorted(
    file
    for part in ("infer", "train", "export", "study", "tools")
    for file in (ROOT / part).rglob("*.py")
)


def calls(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            name = f"{ast.unparse(node.func.value)}.{node.func.attr}"
            yield name, {key.arg: ast.unparse(key.value) for key in node.keywords}


def test_there_are_files_to_look_at():
    assert len(FILES) > 100


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_arrays_are_read_without_pickles(file):
    for name, options in calls(ast.parse(file.read_text())):
        assert options.get("allow_pickle", "False") == "False", name
        if name in ("np.load", "numpy.load"):  # the default is safe; it is said all the same
            assert "allow_pickle" in options, file
        if name == "torch.load":
            assert options.get("weights_only") == "True", file


def test_an_input_that_holds_objects_is_refused_and_not_opened(tmp_path):
    sprung = tmp_path / "sprung"

    class Trap:
        def __reduce__(self):
            return os.mkdir, (str(sprung),)

    np.savez(tmp_path / "trap.npz", x=np.array([Trap()], dtype=object), allow_pickle=True)

    with pytest.raises(InputError):
        read_inputs(tmp_path / "trap.npz")
    assert not sprung.exists()
