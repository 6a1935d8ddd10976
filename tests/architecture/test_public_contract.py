"""What the other programs of this repository may import from the runner."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# What a program that makes artifacts is offered; `api` is imported from the package.
FOR_EXPORTERS = {
    "infer",
    "infer.artifacts.manifest",
    "infer.errors",
    "infer.exporting",
    "infer.outcome",
    "infer.tensors.signature",
}
# Training needs to know which interpreter has a framework; train/interpreters.py says why.
FOR_TRAINING = {
    "infer.errors",
    "infer.system.interpreter_probe",
    "infer.system.interpreters",
}


def imports_of(folder: Path) -> dict[str, set[str]]:
    """The modules of the runner that the files of a folder import, in functions too."""
    imported: dict[str, set[str]] = {}
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = []
            if isinstance(node, ast.ImportFrom) and node.module:
                names = [node.module]
            elif isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            for name in names:
                if name.partition(".")[0] in ("infer", "exportbench"):
                    imported.setdefault(name, set()).add(path.name)
    return imported


@pytest.mark.parametrize(
    ("folder", "allowed"), [("export", FOR_EXPORTERS), ("train", FOR_TRAINING)]
)
def test_other_programs_use_what_the_runner_offers(folder: str, allowed: set[str]) -> None:
    imported = imports_of(ROOT / folder)
    assert imported, "nothing was looked at"
    assert {name: files for name, files in imported.items() if name not in allowed} == {}


def test_the_package_itself_gives_its_functions_only() -> None:
    for path in (ROOT / "export").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module == "infer":
                assert {alias.name for alias in node.names} <= {"api"}, path
