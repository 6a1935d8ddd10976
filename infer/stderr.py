"""Lines on standard error: errors, warnings, and where results lie."""

from __future__ import annotations

import sys

from .escaping import terminal


def print_line(text: str) -> None:
    """Print one line; text of files and paths may be part of it."""
    print(terminal(text), file=sys.stderr)
