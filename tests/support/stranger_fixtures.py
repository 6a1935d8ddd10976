"""Artifacts as other people make them, made once for all test files by strangers.py.

A test file that needs them says `pytest_plugins = ("stranger_fixtures",)`.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

STRANGERS = Path(__file__).with_name("strangers.py")


@pytest.fixture(scope="session")
def strangers(tmp_path_factory):
    """The folder of one framework's artifacts, made when it is first asked for."""
    root = tmp_path_factory.mktemp("strangers")

    def folder(framework):
        if not (root / framework).exists():
            done = subprocess.run(
                [sys.executable, STRANGERS, framework, root / framework],
                capture_output=True,
                text=True,
                timeout=300,
            )
            assert done.returncode == 0, done.stderr
        return root / framework

    return folder
