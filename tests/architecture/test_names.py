"""The package is `infer` in a checkout and `exportbench` installed; a process has one of them."""

import ast
import subprocess
import sys
import tomllib

import pytest
from conftest import ROOT

PACKAGE = ROOT / "infer"
FILES = sorted(PACKAGE.rglob("*.py"))


def in_python(code, tmp_path):
    return subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True
    )


@pytest.mark.parametrize(("first", "second"), [("infer", "exportbench"), ("exportbench", "infer")])
def test_the_same_files_are_not_loaded_under_both_names(tmp_path, first, second):
    (tmp_path / "infer").symlink_to(PACKAGE)
    (tmp_path / "exportbench").symlink_to(PACKAGE)
    done = in_python(f"import {first}, {second}.errors", tmp_path)
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("ImportError")]
    assert f"already imported as '{first}'" in line
    assert f"instead of '{second}'" in line


def test_another_package_of_that_name_is_left_alone(tmp_path):
    (tmp_path / "infer").mkdir()
    (tmp_path / "infer" / "__init__.py").touch()
    (tmp_path / "exportbench").symlink_to(PACKAGE)
    done = in_python("import infer, exportbench.errors", tmp_path)
    assert done.returncode == 0, done.stderr


def test_what_is_installed_lists_every_package():
    setuptools = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    there = sorted({path.parent for path in FILES})
    names = [".".join(("exportbench", *path.relative_to(PACKAGE).parts)) for path in there]
    assert setuptools["packages"] == names
    assert [path for path in there if not (path / "__init__.py").exists()] == []


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_no_module_of_ours_is_spelled_with_either_name(file):
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            modules = [] if node.level else [node.module]
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            # A module as a string, of names and dots alone. (Groups of entry points and files do
            # have the installed name, wherever this is loaded from.)
            known = node.value.startswith("infer.") and node.value.replace(".", "").isidentifier()
            modules = [node.value] if known else []
        else:
            continue
        for module in modules:
            assert module.partition(".")[0] not in ("infer", "exportbench"), ast.unparse(node)
