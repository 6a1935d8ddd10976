"""Other Python interpreters for workers.

So that two versions of a runtime can be compared (`--python`), and so that runtimes that no one
environment can hold are each used where they are ($EXPORTBENCH_PYTHONS).
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from ..errors import OptionError, UsageError
from ..formats.registry import FORMATS
from ..runtimes.registry import RUNTIMES
from ..variant import TUNED, Variant
from . import interpreter_probe

# Interpreters that are looked into for what this one has not, separated as in $PATH.
VARIABLE = "EXPORTBENCH_PYTHONS"
# What a worker needs beside its runtime: the syntax and standard library of this version, NumPy.
LEAST_VERSION = (3, 11)
_LIMIT_S = 60
_PROBE = Path(interpreter_probe.__file__)


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

    def variant(self, base: Variant = TUNED) -> Variant:
        """How an artifact is run in it, and otherwise as in another variant."""
        return replace(base, interpreter=self.name, python=str(self.path))


def parse_interpreters(texts: Sequence[str]) -> list[Interpreter]:
    """The interpreters that "NAME=PATH" and "FORMAT:NAME=PATH" name, each able to run a worker.

    Raises:
        UsageError: a text is neither, or an interpreter lacks what a worker needs.
    """
    found = [_parsed(text) for text in texts]
    names = [(one.format, one.name) for one in found]
    for one in found:
        if names.count((one.format, one.name)) > 1:
            raise OptionError("python", one.name, "named twice")
    for path in dict.fromkeys(one.path for one in found):
        _check(path)
    return found


def _parsed(text: str) -> Interpreter:
    match = re.fullmatch(r"(?:([\w-]+):)?([\w.+-]+)=(.+)", text)
    if not match or (match[1] and match[1] not in FORMATS):
        raise OptionError(
            "python",
            text,
            f"say NAME=PATH, or FORMAT:NAME=PATH with a format of {', '.join(FORMATS)}",
        )
    path = shutil.which(match[3])
    if path is None:
        raise OptionError("python", text, f"there is no program {match[3]}")
    return Interpreter(match[2], Path(path).absolute(), match[1])


def _check(path: Path) -> None:
    found = _look(str(path), ("numpy",), said="--python")
    version = tuple(found["python"])
    if version < LEAST_VERSION:
        have, least = (".".join(map(str, one)) for one in (version, LEAST_VERSION))
        raise OptionError("python", path, f"is Python {have}, a worker needs {least}")
    if found["missing"]:
        raise OptionError("python", path, f"has no NumPy: {path} -m pip install numpy")


def python_with(packages: Sequence[str]) -> str | None:
    """The interpreter that has all packages: this one, else one of $EXPORTBENCH_PYTHONS.

    Raises:
        UsageError: one that is looked into does not run.
    """
    return next((path for path in _pythons() if not _look(path, tuple(packages))["missing"]), None)


def python_of(runtime: str, device: str = "cpu") -> str | None:
    """The interpreter that has a runtime: this one, else one of $EXPORTBENCH_PYTHONS.

    For cuda, one that has the runtime's CUDA build comes before one that has another.

    Raises:
        UsageError: one that is looked into does not run.
    """
    entry = RUNTIMES[runtime]
    able = []
    for path in _pythons():
        found = _look(path, (entry.package,) if entry.package else (), files=entry.cuda_files)
        if found["missing"]:
            continue
        if device != "cuda" or found["files"]:
            return path
        able.append(path)
    return able[0] if able else None


def has_cuda_build(runtime: str) -> bool:
    """Whether an interpreter has the CUDA build of a runtime: this one or of $EXPORTBENCH_PYTHONS.

    Raises:
        UsageError: one that is looked into does not run.
    """
    files = RUNTIMES[runtime].cuda_files
    return any(_look(path, (), files=files)["files"] for path in _pythons())


def variables() -> dict[str, str]:
    """The environment of a process in another interpreter, which looks into this one too."""
    named = os.environ.get(VARIABLE, "")
    return os.environ | {VARIABLE: os.pathsep.join([sys.executable, *filter(None, [named])])}


def versions(runtime: str) -> dict[str, str]:
    """The distributions of a runtime, where it is installed, and their versions; empty if nowhere.

    Raises:
        UsageError: an interpreter of $EXPORTBENCH_PYTHONS does not run.
    """
    path = python_of(runtime)
    if path is None:
        return {}
    found: dict[str, str] = _look(path, (), RUNTIMES[runtime].distributions)["versions"]
    return found


def _pythons() -> Iterator[str]:
    """Where to look: here, then in those of $EXPORTBENCH_PYTHONS that are there and can work."""
    yield sys.executable
    for text in os.environ.get(VARIABLE, "").split(os.pathsep):
        path = Path(text).absolute()
        if path.is_file() and path.parent.parent != Path(sys.prefix) and _can_work(str(path)):
            yield str(path)


def _can_work(path: str) -> bool:
    found = _look(path, ("numpy",))
    return tuple(found["python"]) >= LEAST_VERSION and not found["missing"]


def _look(
    path: str,
    packages: tuple[str, ...],
    distributions: tuple[str, ...] = (),
    files: str = "",
    said: str = f"${VARIABLE}:",
) -> dict[str, Any]:
    what = {"packages": list(packages), "distributions": list(distributions), "files": files}
    if path == sys.executable:
        return interpreter_probe.at_hand(**what)  # type: ignore[arg-type]
    try:
        return dict(_asked(path, json.dumps(what)))
    except (OSError, ValueError, TypeError, subprocess.SubprocessError):
        raise UsageError(f"{said} {path}: does not run as a Python interpreter") from None


@cache
def _asked(path: str, what: str) -> dict[str, Any]:
    done = subprocess.run(
        [path, "-I", str(_PROBE), what], capture_output=True, text=True, timeout=_LIMIT_S
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found
