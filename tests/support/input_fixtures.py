"""The file of inputs that tests write."""

import pytest


@pytest.fixture
def file(tmp_path):
    return tmp_path / "inputs.npz"
