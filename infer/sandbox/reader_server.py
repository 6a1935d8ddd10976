"""The process that reads files of strangers: it answers questions, a line of JSON each.

A question names one of the actions below; the controller asks it (reader_process.py).
"""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, TextIO

from ..artifacts.artifact import Artifact, open_artifact
from ..artifacts.contents import contents_of
from ..artifacts.discovery import find
from ..artifacts.integrity import check_files
from ..artifacts.manifest import MANIFEST, read_manifest
from ..errors import ArtifactError, DamagedError, ExportbenchError
from ..formats.registry import FORMATS
from .reader_limits import limited_process

# Bytes a second that a file is hashed at, on a slow disk, beside other programs.
_SLOWEST = 20 << 20
_GRACE_S = 5

Extend = Callable[[float], None]
# What the files of an artifact are checked for.
LOAD, DESCRIBE = "load", "describe"


def main(arguments: list[str]) -> None:
    """Answer questions until there are no more; runs in the separate process."""
    if declared := json.loads(arguments[0]):
        from ..plugins import register_declared  # which take time to import

        register_declared(declared)
    with limited_process() as answers, os.fdopen(os.dup(0), "rb") as questions:
        for line in questions:
            request = json.loads(line)

            def extend(more_s: float, limit_s: float = request["limit_s"]) -> None:
                _limit(limit_s + more_s)
                write(answers, {"more_s": more_s})

            _limit(request["limit_s"])
            write(answers, answer(request, extend))


def _limit(seconds: float) -> None:
    """End this process later than the controller does, should that have ended itself."""
    signal.alarm(int(seconds) + _GRACE_S)


def write(answers: TextIO, value: dict[str, Any]) -> None:
    """Write a line, or why it cannot be written."""
    try:
        line = json.dumps(value)
    except (ValueError, RecursionError) as error:  # an integer of thousands of digits
        line = json.dumps(_error(ArtifactError(f"what it says cannot be told ({error})")))
    answers.write(f"{line}\n")
    answers.flush()


def answer(request: dict[str, Any], extend: Extend) -> dict[str, Any]:
    """Answer a question: `value`, or `error` and `message`, why there is none.

    Args:
        request: the question.
        extend: asks for more seconds.
    """
    path = request["arguments"]["path"]
    try:
        if request["folder"]:
            os.chdir(request["folder"])
        return {"value": ACTIONS[request["action"]](extend, **request["arguments"])}
    except ExportbenchError as error:
        return _error(error)
    except OSError as error:
        return _error(ArtifactError(f"{path}: cannot be read ({error.strerror or error})"))
    except MemoryError:
        return _error(
            ArtifactError(f"{path}: takes more memory to read than it may; it seems damaged")
        )
    except Exception as error:  # a damaged file may raise anything
        what = f"{type(error).__name__}: {error}"[:1000]
        return _error(ArtifactError(f"{path}: cannot be read ({what})"))


def _error(error: Exception) -> dict[str, Any]:
    return {"error": type(error).__name__, "message": str(error)}


def _open(extend: Extend, path: str) -> dict[str, Any]:
    """Recognize an artifact: its path, format, payload and manifest."""
    artifact = open_artifact(Path(path))
    return {
        "path": str(artifact.path),
        "format": artifact.format,
        "payload": str(artifact.payload),
        "manifest": artifact.manifest and asdict(artifact.manifest),
    }


def _find(extend: Extend, path: str) -> list[str]:
    """The artifacts at or below a folder."""
    return [str(artifact) for artifact in find(Path(path))]


def _contents(
    extend: Extend, path: str, payload: str, format_name: str, has_manifest: bool, check: str
) -> dict[str, Any]:
    """The files of an artifact with their hashes, once they are checked for what is to be done."""
    place = Path(path)
    manifest = read_manifest(place / MANIFEST) if has_manifest else None
    artifact = Artifact("", place, format_name, Path(payload), manifest)
    with suppress(ArtifactError, OSError):  # what is wrong is told below
        # Holes, of which a small file may have any number, do not count.
        extend(sum(file.stat().st_blocks * 512 for file in artifact.files()) / _SLOWEST)
    if check:
        check_files(artifact, is_loaded=check == LOAD)
    return asdict(contents_of(artifact))


def _describe(extend: Extend, path: str, format_name: str) -> dict[str, Any]:
    """What a payload says of itself."""
    payload = Path(path)
    known = FORMATS.get(format_name)
    describe = known.describe if known else None
    if known and known.external:
        describe = known.external.load().describe
    if describe is None:
        raise ArtifactError(f"{payload}: nothing here reads the format '{format_name}'")
    try:
        return asdict(replace(describe(payload), format=format_name))
    except DamagedError as error:
        raise ArtifactError(f"{payload}: {error}; take a whole copy") from None


ACTIONS: dict[str, Callable[..., Any]] = {
    "open": _open,
    "find": _find,
    "contents": _contents,
    "describe": _describe,
}
