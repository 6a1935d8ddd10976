"""Describe a file with its reader in a separate process with limits.

A damaged or hostile file may make a reader use unlimited memory or time; then only that process
ends, and the user gets an error of one line.
"""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..codec import DecodeError, from_json
from ..errors import ArtifactError, DamagedError
from ..external_module import ExternalModule
from ..formats.description import Description
from ..formats.registry import FORMATS
from ..system.process_answer import AnswerTooLongError
from .reader_limits import TIME_S, limited_process, run_limited, with_folder

if TYPE_CHECKING:  # the process that reads starts without it
    from ..artifacts.artifact import Artifact


def describe(format_name: str, payload: Path, timeout_s: float = TIME_S) -> Description:
    """Describe a payload.

    Args:
        format_name: as `infer.formats.detection` tells it.
        payload: the file or folder.
        timeout_s: seconds after which the reader is ended.

    Raises:
        ArtifactError: it is damaged, or the reader exceeds a limit of time or memory.
    """
    external = FORMATS[format_name].external if format_name in FORMATS else None
    arguments = [format_name, str(payload), *([json.dumps(asdict(external))] if external else [])]
    reads = [*with_folder(payload), *([Path(external.folder)] if external else [])]
    try:
        answered = run_limited(
            "sandbox.reader_process", *arguments, reads=reads, timeout_s=timeout_s
        )
    except TimeoutError:
        raise ArtifactError(
            f"{payload}: not read within {timeout_s:g} s; it seems damaged"
        ) from None
    except AnswerTooLongError:
        raise ArtifactError(f"{payload}: its description has no end; it seems damaged") from None
    try:
        answer: dict[str, Any] = answered.decoded(dict[str, Any], str(payload))
        if isinstance(answer.get("error"), str):
            raise ArtifactError(answer["error"])
        description: Description = from_json(Description, answer)
    except DecodeError:
        raise ArtifactError(
            f"{payload}: could not be read (its reader ended with status {answered.status})"
        ) from None
    return description


def describe_artifact(artifact: Artifact) -> Description:
    """Describe the payload of an artifact, which is read once, whatever labels it has.

    Raises:
        ArtifactError: as `describe`; the same error each time.
    """
    known = artifact.descriptions
    if artifact.payload not in known:
        try:
            known[artifact.payload] = describe(artifact.format, artifact.payload)
        except ArtifactError as error:
            known[artifact.payload] = error
    description = known[artifact.payload]
    if isinstance(description, ArtifactError):
        raise description
    return description


def main(arguments: list[str]) -> None:
    """Read a payload, and write the description as JSON; runs in the separate process."""
    format_name, payload, *external = arguments
    with limited_process() as result:
        reader = ExternalModule(**json.loads(external[0])) if external else None
        json.dump(answer(format_name, Path(payload), reader), result)


def answer(
    format_name: str, payload: Path, external: ExternalModule | None = None
) -> dict[str, Any]:
    """What a payload says of itself as JSON takes it, or `error`, why it does not.

    Args:
        format_name: as `infer.formats.detection` tells it.
        payload: the file or folder.
        external: the module that reads it, where the format is of a plug-in.
    """
    try:
        known = FORMATS.get(format_name)
        describe_payload = known.describe if known else None
        if external:
            describe_payload = external.load().describe
        if describe_payload is None:
            return {"error": f"{payload}: nothing here reads the format '{format_name}'"}
        return asdict(replace(describe_payload(payload), format=format_name))
    except DamagedError as error:
        return {"error": f"{payload}: {error}; take a whole copy"}
    except ArtifactError as error:
        return {"error": str(error)}
    except OSError as error:
        return {"error": f"{payload}: cannot be read ({error.strerror or error})"}
    except MemoryError:
        return {"error": f"{payload}: takes more memory to read than it may; it seems damaged"}
    except Exception as error:  # a damaged file may raise anything
        return {"error": f"{payload}: cannot be read ({type(error).__name__}: {error})"}
