"""Build the command of a process of this program, which can import only this package."""

from __future__ import annotations

from pathlib import Path

_BOOTSTRAP = Path(__file__).with_name("bootstrap.py")


def command_of(python: str, *arguments: str) -> list[str]:
    """Build the command that starts `bootstrap.py` in an interpreter.

    Args:
        python: path of the interpreter.
        arguments: as `bootstrap.py` takes them: the name of a module below this package, as
            "sandbox.reader_process", and what its `main` gets; none for a worker.
    """
    return [python, "-I", str(_BOOTSTRAP), *arguments]
