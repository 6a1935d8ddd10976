"""Check that this program can run here. Works on older Pythons and on Windows."""

from __future__ import annotations

import os
import sys

LEAST_PYTHON = (3, 11)


def obstacle() -> str | None:
    """Explain in one line why this program cannot run here, and what to do; None if it can."""
    if sys.version_info < LEAST_PYTHON:
        have, least = (".".join(map(str, v)) for v in (sys.version_info[:2], LEAST_PYTHON))
        return f"exportbench needs Python {least} or newer; this is Python {have}"
    if os.name != "posix":
        return "exportbench runs on Linux and macOS; on Windows use it in WSL"
    return None
