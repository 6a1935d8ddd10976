"""Other Python interpreters for workers, so that two versions of a runtime can be compared."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from infer.runtimes import RUNTIMES
from infer.usage import UsageError

# What a worker needs beside its runtime: the syntax and standard library of this version, NumPy.
LEAST_VERSION = (3, 11)
_LIMIT_S = 60
_PROBE = (
    "import importlib.util, json, sys; "
    "print(json.dumps([*sys.version_info[:2], importlib.util.find_spec('numpy') is not None]))"
)


@dataclass(frozen=True)
class Interpreter:
    """An interpreter that artifacts are measured in too.

    Attributes:
        name: how rows call it.
        path: of the program; not resolved, since an environment is known by its link.
        format: that it is for; None for all.
    """

    name: str
    path: Path
    format: str | None

    @property
    def setup(self) -> dict[str, str]:
        """What a plan says of the artifacts that are measured in it."""
        return {"interpreter": self.name, "python": str(self.path)}


def parse_interpreters(texts: list[str]) -> list[Interpreter]:
    """The interpreters that "NAME=PATH" and "FORMAT:NAME=PATH" name, each able to run a worker.

    Raises:
        UsageError: a text is neither, or an interpreter lacks what a worker needs.
    """
    found = [_parsed(text) for text in texts]
    names = [(one.format, one.name) for one in found]
    for one in found:
        if names.count((one.format, one.name)) > 1:
            raise UsageError(f"--python {one.name}: named twice")
    for path in dict.fromkeys(one.path for one in found):
        _check(path)
    return found


def _parsed(text: str) -> Interpreter:
    match = re.fullmatch(r"(?:([\w-]+):)?([\w.+-]+)=(.+)", text)
    if not match or (match[1] and match[1] not in RUNTIMES):
        raise UsageError(
            f"--python {text}: say NAME=PATH, or FORMAT:NAME=PATH with a format of "
            f"{', '.join(RUNTIMES)}"
        )
    path = shutil.which(match[3])
    if path is None:
        raise UsageError(f"--python {text}: there is no program {match[3]}")
    return Interpreter(match[2], Path(path).absolute(), match[1])


def _check(path: Path) -> None:
    try:
        done = subprocess.run(
            [str(path), "-I", "-c", _PROBE], capture_output=True, text=True, timeout=_LIMIT_S
        )
        major, minor, numpy = json.loads(done.stdout)
    except (OSError, ValueError, subprocess.TimeoutExpired):
        raise UsageError(f"--python {path}: does not run as a Python interpreter") from None
    if (major, minor) < LEAST_VERSION:
        least = ".".join(map(str, LEAST_VERSION))
        raise UsageError(f"--python {path}: is Python {major}.{minor}, a worker needs {least}")
    if not numpy:
        raise UsageError(f"--python {path}: has no NumPy: {path} -m pip install numpy")
