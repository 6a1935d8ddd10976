"""What docs/safety.md promises carries the name of the test that shows it."""

import ast
import re

import pytest
from conftest import ROOT

PAGE = (ROOT / "docs" / "safety.md").read_text()
NAMED = sorted(set(re.findall(r"`(test_\w+)`", PAGE)))
TABLE = re.search(r"\| \| how \| test \|\n\| --- .*\n((?:\|.*\n)+)", PAGE)


@pytest.fixture(scope="module")
def defined():
    """The names of all tests."""
    return {
        node.name
        for file in (ROOT / "tests").rglob("test_*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    }


def test_the_named_tests_are_there(defined):
    assert len(NAMED) > 30
    assert [name for name in NAMED if name not in defined] == []


def test_each_restriction_names_its_test():
    assert TABLE
    rows = TABLE[1].splitlines()
    assert len(rows) > 6
    assert [row for row in rows if not re.search(r"`test_\w+` \|$", row)] == []
