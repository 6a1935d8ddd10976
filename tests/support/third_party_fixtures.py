"""Artifacts as other people make them, made once for all test files by third_party_models.py.

A test file that needs them says `pytest_plugins = ("third_party_fixtures",)`.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from made_once import made_once

SCRIPT = Path(__file__).with_name("third_party_models.py")


@pytest.fixture(scope="session")
def third_party_models(tmp_path_factory):
    """The folder of one framework's artifacts, made when it is first asked for."""

    def folder(framework):
        def make(folder):
            done = subprocess.run(
                [sys.executable, SCRIPT, framework, folder],
                capture_output=True,
                text=True,
                timeout=300,
            )
            assert done.returncode == 0, done.stderr

        return made_once(tmp_path_factory, f"third_party_{framework}", make)

    return folder
