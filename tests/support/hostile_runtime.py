"""A runtime whose payloads hold Python that the worker executes: artifacts that attack.

It stands for the fake runtime, in a copy of the package. The code has, beside what it imports:

    answers(action, function)   `function(line)` makes the line that is answered to an action
    outputs(function)           `function(folder)` is called when outputs were written to a folder
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..tensors.call_writer import CallWriter
from ..worker import server
from . import honest_fake
from .base import Options

SETTINGS = honest_fake.SETTINGS
devices, has_cuda = honest_fake.devices, honest_fake.has_cuda
_encode, _close = server.encode_response, CallWriter.close
_answers: dict[str, Callable[[bytes], bytes]] = {}


def load(path: Path, options: Options) -> honest_fake.Fake:
    """Execute what the payload says, and behave otherwise as the fake runtime."""
    code = json.loads(path.read_text()).get("attack")
    if code:
        exec(code, {"answers": _answers.__setitem__, "outputs": _after_writing})
    return honest_fake.load(path, options)


def _encoded(request: Any, response: Any) -> bytes:
    line = _encode(request, response)
    attack = _answers.get(request.action)
    return attack(line) if attack else line


def _after_writing(attack: Callable[[Path], object]) -> None:
    def close(writer: CallWriter) -> None:
        _close(writer)
        attack(writer.folder)

    CallWriter.close = close


server.encode_response = _encoded
