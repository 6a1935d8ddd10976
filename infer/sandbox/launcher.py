"""Build the command of a process of this program, which can import only this package."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from ..system.passed_variables import ALLOW_READ
from .bootstrap import CUDA, READ, WITHHOLD

_BOOTSTRAP = Path(__file__).with_name("bootstrap.py")


def command_of(
    python: str,
    *arguments: str,
    cuda: bool = False,
    reads: Iterable[Path] = (),
    withheld: Iterable[Path] = (),
) -> list[str]:
    """Build the command that starts `bootstrap.py` in an interpreter.

    Args:
        python: path of the interpreter.
        arguments: the name of a module below this package, as "sandbox.reader_process", and what
            its `main` gets; none for a worker.
        cuda: whether the CUDA driver must be able to start in the process.
        reads: files and folders that it may read beside what its interpreter needs, and beside
            those of $EXPORTBENCH_ALLOW_READ.
        withheld: files and folders that it may not read, though they lie in one that it may.
    """
    command = [python, "-I", str(_BOOTSTRAP), *([CUDA] if cuda else [])]
    for path in (*reads, *_allowed()):
        command += [READ, os.path.realpath(path)]
    for path in withheld:
        command += [WITHHOLD, os.path.realpath(path)]
    return [*command, *arguments]


def _allowed() -> list[Path]:
    return [Path(name) for name in os.environ.get(ALLOW_READ, "").split(os.pathsep) if name]
