"""The rooms of the runner. Which of them may import which: .importlinter, checked in lint."""

import ast
import re

import pytest
from conftest import ROOT

ROOMS = sorted(path.parent for path in (ROOT / "infer").glob("*/**/__init__.py"))


@pytest.mark.parametrize("room", ROOMS, ids=lambda room: str(room.relative_to(ROOT)))
def test_a_room_says_what_it_is_and_imports_nothing_by_itself(room):
    """A worker imports one module of it, and pays for no other."""
    (statement,) = ast.parse((room / "__init__.py").read_text()).body
    assert isinstance(statement, ast.Expr)
    assert isinstance(statement.value, ast.Constant)


def test_the_contracts_name_modules_that_there_are():
    """To forbid the import of what is not there, any more, would pass."""
    contracts = (ROOT / ".importlinter").read_text()
    named = {line.strip() for line in contracts.splitlines() if line.startswith("    infer.")}
    for name in {line.partition(" ")[0].removesuffix(".*") for line in named}:
        path = ROOT.joinpath(*name.split("."))
        assert path.is_dir() or path.with_suffix(".py").is_file(), name


def test_the_page_lists_every_room_and_leads_to_files_that_there_are():
    page = (ROOT / "CONTRIBUTING.md").read_text()
    section = page.partition("### Rooms of the runner")[2]
    listed, places = section.split("### Where would I change")
    rooms = re.findall(r"^\| `(\w+)` \|", listed, re.MULTILINE)
    assert sorted(rooms) == sorted(path.name for path in ROOMS if path.parent == ROOT / "infer")
    places = re.findall(r"\| `([\w/.]+)` \|$", places.partition("### Three")[0], re.MULTILINE)
    assert len(places) >= 10
    assert [place for place in places if not (ROOT / "infer" / place).exists()] == []
