"""What to do where a process of ours was refused a file that its runtime needs."""

from __future__ import annotations

import re

from ..system.passed_variables import ALLOW_READ

_REFUSED = re.compile(r"Permission denied|PermissionError|EACCES", re.IGNORECASE)


def advice(text: str) -> str:
    """What to do about a refused file, to be put behind an error's text; empty if none was."""
    if not _REFUSED.search(text):
        return ""
    return (
        "; a worker reads its artifact, its inputs and its runtime only: if the runtime needs "
        f"more, name the folders in {ALLOW_READ}"
    )
