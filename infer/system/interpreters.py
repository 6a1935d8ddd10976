"""Other Python interpreters for workers.

With them two versions of a runtime can be compared (`--python`), and runtimes that cannot be
installed in one environment can be used from several ($EXPORTBENCH_PYTHONS).
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from ..codec import DecodeError, Record, to_json
from ..errors import OptionError, UsageError
from ..formats.registry import FORMATS
from ..runtimes.registry import RUNTIMES
from ..variant import TUNED, Variant
from . import interpreter_probe
from .process_answer import AnswerTooLongError, answer_of

# Interpreters that are searched for runtimes that this one lacks, separated as in $PATH.
VARIABLE = "EXPORTBENCH_PYTHONS"
# What a worker needs beside its runtime: the syntax and standard library of this version, NumPy.
LEAST_VERSION = (3, 11)
_LIMIT_S = 60
_DOES_NOT_RUN = "does not run as a Python interpreter"
_PROBE = Path(interpreter_probe.__file__)


class _Installed(Record, frozen=True):
    """What `interpreter_probe.look_up` returns."""

    python: tuple[int, int]
    missing: list[str]
    versions: dict[str, str]
    files: bool


@dataclass(frozen=True)
class Interpreter:
    """An additional interpreter to measure artifacts in.

    Attributes:
        name: its name in the tables.
        path: path of the program; not resolved, since an environment is identified by its link.
        format: the format that it is for; None for all.
    """

    name: str
    path: Path
    format: str | None

    def variant(self, base: Variant = TUNED) -> Variant:
        """How an artifact is run in it, and otherwise as in another variant."""
        return replace(base, interpreter=self.name, python=str(self.path))


def parse_interpreters(texts: Sequence[str], *, distinct: bool = True) -> list[Interpreter]:
    """Parse "NAME=PATH" and "FORMAT:NAME=PATH", and check that each can run a worker.

    Args:
        texts: the values of the option.
        distinct: whether a name may stand for one interpreter of a format only.

    Raises:
        UsageError: a text has neither form, or an interpreter lacks what a worker needs.
    """
    interpreters = [_parsed(text) for text in texts]
    counts = Counter((interpreter.format, interpreter.name) for interpreter in interpreters)
    for (_, name), count in counts.items():
        if distinct and count > 1:
            raise OptionError("python", name, "named twice")
    for path in dict.fromkeys(interpreter.path for interpreter in interpreters):
        _check(path)
    return interpreters


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
    installed = _installed(str(path), ("numpy",))
    if installed is None:
        raise OptionError("python", path, _DOES_NOT_RUN)
    version = tuple(installed["python"])
    if version < LEAST_VERSION:
        have, least = (".".join(map(str, numbers)) for numbers in (version, LEAST_VERSION))
        raise OptionError("python", path, f"is Python {have}, a worker needs {least}")
    if installed["missing"]:
        raise OptionError("python", path, f"has no NumPy: {path} -m pip install numpy")


def python_with(packages: Sequence[str]) -> str | None:
    """Find an interpreter that has all packages: this one, else one of $EXPORTBENCH_PYTHONS.

    Raises:
        UsageError: one that is looked into does not run.
    """
    return next((path for path in _pythons() if not _look(path, tuple(packages))["missing"]), None)


def python_of(runtime: str, device: str = "cpu") -> str | None:
    """Find an interpreter that has a runtime: this one, else one of $EXPORTBENCH_PYTHONS.

    For cuda, an interpreter with the runtime's CUDA build is preferred.

    Raises:
        UsageError: one that is looked into does not run.
    """
    entry = RUNTIMES[runtime]
    without_cuda_build = []
    for path in _pythons():
        installed = _look(path, (entry.package,) if entry.package else (), files=entry.cuda_files)
        if installed["missing"]:
            continue
        if device != "cuda" or installed["files"]:
            return path
        without_cuda_build.append(path)
    return without_cuda_build[0] if without_cuda_build else None


def has_cuda_build(runtime: str) -> bool:
    """Whether this interpreter or one of $EXPORTBENCH_PYTHONS has the CUDA build of a runtime.

    Raises:
        UsageError: one that is looked into does not run.
    """
    files = RUNTIMES[runtime].cuda_files
    return any(_look(path, (), files=files)["files"] for path in _pythons())


def variables() -> dict[str, str]:
    """Environment variables for another interpreter, with which it searches this one too."""
    named = os.environ.get(VARIABLE, "")
    return os.environ | {VARIABLE: os.pathsep.join([sys.executable, *filter(None, [named])])}


def versions(runtime: str) -> dict[str, str]:
    """Versions of a runtime's distributions in the interpreter that has it; empty if none does.

    Raises:
        UsageError: an interpreter of $EXPORTBENCH_PYTHONS does not run.
    """
    path = python_of(runtime)
    if path is None:
        return {}
    installed: dict[str, str] = _look(path, (), RUNTIMES[runtime].distributions)["versions"]
    return installed


def _pythons() -> Iterator[str]:
    """List the interpreters to search: this one, then the usable ones of $EXPORTBENCH_PYTHONS."""
    yield sys.executable
    for text in os.environ.get(VARIABLE, "").split(os.pathsep):
        path = Path(text).absolute()
        if path.is_file() and path.parent.parent != Path(sys.prefix) and _can_work(str(path)):
            yield str(path)


def _can_work(path: str) -> bool:
    installed = _look(path, ("numpy",))
    return tuple(installed["python"]) >= LEAST_VERSION and not installed["missing"]


def _look(
    path: str,
    packages: tuple[str, ...],
    distributions: tuple[str, ...] = (),
    files: str = "",
) -> dict[str, Any]:
    """What an interpreter has, as `interpreter_probe.look_up` returns it.

    Raises:
        UsageError: it is one of $EXPORTBENCH_PYTHONS, and does not run.
    """
    installed = _installed(path, packages, distributions, files)
    if installed is None:
        raise UsageError(f"${VARIABLE}: {path}: {_DOES_NOT_RUN}")
    return installed


def _installed(
    path: str, packages: tuple[str, ...], distributions: tuple[str, ...] = (), files: str = ""
) -> dict[str, Any] | None:
    """The same; None if the interpreter does not run."""
    what = {"packages": list(packages), "distributions": list(distributions), "files": files}
    if path == sys.executable:
        return interpreter_probe.look_up(**what)  # type: ignore[arg-type]
    try:
        return to_json(_asked(path, json.dumps(what)))  # type: ignore[no-any-return]
    except (OSError, DecodeError, AnswerTooLongError):
        return None


@cache
def _asked(path: str, what: str) -> _Installed:
    answered = answer_of([path, "-I", str(_PROBE), what], _LIMIT_S)
    installed: _Installed = answered.decoded(_Installed, path)
    return installed
