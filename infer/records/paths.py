"""Names of the files of a run."""

from __future__ import annotations

import hashlib
import os
import re


def file_name(label: str) -> str:
    """The name of an artifact's folders and files, which is unique to its label."""
    name = re.sub(r"[^\w.-]+", "_", label)
    if name == label:
        return name
    # The labels "a/m" and "a m" must differ.
    return f"{name}-{hashlib.sha256(os.fsencode(label)).hexdigest()[:8]}"
