"""Have a reader look at a file in a process of its own, with limits.

A damaged or hostile file may make a reader take memory or time without end; what ends then is
that process, and the user hears of it in one line.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ..errors import ArtifactError, DamagedError
from ..formats.description import Description
from ..tensors.signature import Signature
from .launcher import command_of

_TIME_S = 60.0
_MEMORY_BYTES = 4 << 30


def describe(format_name: str, payload: Path, timeout_s: float = _TIME_S) -> Description:
    """What a payload says of itself.

    Args:
        format_name: as `infer.formats.detection` tells it.
        payload: the file or folder.
        timeout_s: seconds after which the reader is ended.

    Raises:
        ArtifactError: it is damaged, or takes the reader more time or memory than it may.
    """
    command = command_of(sys.executable, "sandbox.reader_process", format_name, str(payload))
    try:
        done = subprocess.run(command, capture_output=True, timeout=timeout_s)
    except subprocess.TimeoutExpired:
        raise ArtifactError(
            f"{payload}: not read within {timeout_s:g} s; it seems damaged"
        ) from None
    try:
        said = json.loads(done.stdout)
    except ValueError:
        raise ArtifactError(
            f"{payload}: could not be read (its reader ended with status {done.returncode})"
        ) from None
    if "error" in said:
        raise ArtifactError(said["error"])
    return _of(said)


def main(arguments: list[str]) -> None:
    """In the process of its own: read, and write the description as JSON."""
    _limit(_MEMORY_BYTES)
    format_name, payload = arguments
    print(json.dumps(answer(format_name, Path(payload))))


def answer(format_name: str, payload: Path) -> dict[str, Any]:
    """What a payload says of itself as JSON takes it, or `error`, why it does not."""
    from ..formats.aotinductor import reader as aotinductor
    from ..formats.jax_export import reader as jax_export
    from ..formats.litert import reader as litert
    from ..formats.onnx import reader as onnx
    from ..formats.openvino import reader as openvino
    from ..formats.saved_model import reader as saved_model
    from ..formats.torch_export import reader as torch_export
    from ..formats.torchscript import reader as torchscript

    readers = {
        "aotinductor": aotinductor.describe,
        "jax-export": jax_export.describe,
        "litert": litert.describe,
        "onnx": onnx.describe,
        "openvino": openvino.describe,
        "saved-model": saved_model.describe,
        "torch-export": torch_export.describe,
        "torchscript": torchscript.describe,
    }
    if format_name not in readers:
        return {"error": f"{payload}: nothing here reads the format '{format_name}'"}
    try:
        return asdict(readers[format_name](payload))
    except DamagedError as error:
        return {"error": f"{payload}: {error}; take a whole copy"}
    except ArtifactError as error:
        return {"error": str(error)}
    except OSError as error:
        return {"error": f"{payload}: cannot be read ({error.strerror or error})"}
    except MemoryError:
        return {"error": f"{payload}: takes more memory to read than it may; it seems damaged"}
    except Exception as error:  # whatever a damaged file leads to
        return {"error": f"{payload}: cannot be read ({type(error).__name__}: {error})"}


def _limit(memory: int) -> None:
    """Limit the memory of this process, where the system can: macOS refuses."""
    import resource

    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))


def _of(value: dict[str, Any]) -> Description:
    signatures = {name: Signature.of(part) for name, part in value["signatures"].items()}
    return Description(
        **value
        | {
            "signatures": signatures,
            "platforms": tuple(value["platforms"]),
            "notes": tuple(value["notes"]),
        }
    )
