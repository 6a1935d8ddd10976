"""What is made once for all processes of the tests: pytest-xdist makes session fixtures in each."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """A folder of the whole test run. The first process that asks for it makes it.

    Another one that asks meanwhile waits. Where making it fails, the next one tries again.

    Args:
        factory: pytest's, whose base folder holds it.
        name: of the folder.
        make: fills the folder, which is there and empty. Tests only read what it holds.
    """
    base = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        base = base.parent  # below it each process has a base folder of its own
    folder, done = base / name, base / f"{name}.done"
    with (base / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # until it is closed
        if not done.exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            make(folder)
            done.touch()
    return folder
