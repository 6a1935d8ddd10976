"""Where the files of a run lie."""

from __future__ import annotations

import hashlib
import re


def file_name(label: str) -> str:
    """What folders and files of an artifact are called; no two labels share one."""
    name = re.sub(r"[^\w.-]+", "_", label)
    if name == label:
        return name
    # "a/m" and "a m" are two artifacts.
    return f"{name}-{hashlib.sha256(label.encode()).hexdigest()[:8]}"
