"""The study's results on disk: one JSON file a step, written whole or not at all."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


class StudyError(Exception):
    """A step that failed: one line for the user."""


def write(path: Path, value: dict[str, Any]) -> None:
    """Write results in place of earlier ones."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(value, indent=1) + "\n")
    partial.replace(path)


def read(path: Path) -> dict[str, Any] | None:
    """What was written; None where there is nothing yet.

    Raises:
        StudyError: it is damaged.
    """
    try:
        value: dict[str, Any] = json.loads(path.read_text())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise StudyError(f"{path}: cannot be read ({error}); delete it to measure anew") from None
    return value
