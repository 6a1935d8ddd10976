"""The lists of test files in tests/conftest.py."""

import pytest
from conftest import LONGEST, QUICK, ROOT


@pytest.mark.parametrize("name", [*LONGEST, *QUICK])
def test_what_is_listed_is_there(name):
    """A file that was renamed would lose its place, and nobody would know."""
    assert (ROOT / "tests" / name).exists()
