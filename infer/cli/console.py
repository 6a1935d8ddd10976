"""Output of commands: results on the terminal and as JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.console import Console

from ..console import Terminal
from ..errors import UsageError


def emit(value: Any, show: Callable[[Console], None], json_file: str | None) -> None:
    """Print results, as JSON if `json_file` is "-"; also write JSON to a file if it names one."""
    text = json.dumps(value, indent=2) + "\n"
    if json_file == "-":
        print(text, end="")
        return
    if json_file:
        _write_json(Path(json_file), text)
    show(Terminal())


def try_json(json_file: str | None) -> None:
    """Check that the JSON file can be written, before the measurement."""
    if json_file and json_file != "-":
        _write_json(Path(json_file), "")


def _write_json(path: Path, text: str) -> None:
    try:
        path.write_text(text)
    except OSError as error:
        raise UsageError(f"--json {path}: {error.strerror}") from None
