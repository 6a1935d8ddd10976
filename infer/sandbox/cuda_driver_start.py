"""Start the CUDA driver once without a sandbox, in a process that opens no artifact.

The first start on a machine loads kernel modules and creates /dev/nvidia-uvm, by a program that
runs as root (nvidia-modprobe). A worker cannot gain rights and can use only devices that exist when
it enters the sandbox. If the driver does not start here either, the runtime's error is replaced by
a plain explanation.
"""

from __future__ import annotations

import contextlib
import json
import signal
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

from ..codec import DecodeError, decode
from ..system.cuda_driver import start
from ..system.process_answer import AnswerTimeoutError, AnswerTooLongError, answer_of
from .launcher import command_of

_Line = dict[str, int | str | bool | list[str] | None]
# The results, by the visible cards.
_started: dict[str | None, dict[str, Any]] = {}
_starting = threading.Lock()  # workers may be created in several threads


def started(
    python: str, environment: Mapping[str, str], timeout_s: float, log: BinaryIO
) -> dict[str, Any]:
    """Start the driver, once for the same cards, and return the result.

    Args:
        python: the interpreter of the process.
        environment: its environment variables.
        timeout_s: seconds after which the process is ended.
        log: file for its messages.

    Returns:
        As `infer.system.cuda_driver.start`.
    """
    cards = environment.get("CUDA_VISIBLE_DEVICES")
    with _starting:
        if cards not in _started:
            command = command_of(python, "sandbox.cuda_driver_start")
            _started[cards] = last_line(command, environment, timeout_s, log)
        return _started[cards]


def failure(result: Mapping[str, Any]) -> str | None:
    """Explain in one line why no runtime can use CUDA here.

    None if CUDA can be used, or if there is no driver: then there is no card, or a card of another
    vendor, whose runtimes give better messages.
    """
    if result["error"] is None or (result["cuinit"] is None and not result.get("ended")):
        return None
    return (
        f"the CUDA driver does not start on this machine, with all rights either: {result['error']}"
    )


def last_line(
    command: list[str],
    environment: Mapping[str, str],
    timeout_s: float,
    log: BinaryIO | None,
    folder: Path | None = None,
) -> dict[str, Any]:
    """Run a process that reports its progress in lines of JSON, and return the last line.

    If it did not finish, "error" says so and "ended" is True.
    """
    ended = None
    printed = b""
    try:
        answered = answer_of(command, timeout_s, environment=environment, folder=folder)
        printed = answered.output
        if log is not None:
            log.write(answered.printed)
        if answered.status < 0:
            ended = f"its process was ended by {signal.Signals(-answered.status).name}"
        elif answered.status > 0:
            ended = f"its process ended with status {answered.status}"
    except AnswerTimeoutError as expired:
        printed = expired.output
        ended = f"it did not answer within {timeout_s:g} s"
    except AnswerTooLongError:
        ended = "its process answers without end"
    result: dict[str, Any] = dict.fromkeys(("cuinit", "name", "version", "devices", "error"))
    with contextlib.suppress(IndexError, DecodeError):  # it ended before it printed anything
        result |= decode(_Line, printed.splitlines()[-1], "CUDA")
    if ended:
        result |= {"error": ended, "ended": True}
    return result


def main(arguments: list[str]) -> None:
    """Start the driver, and print the result as JSON; runs in the separate process."""
    _, result = start()
    print(json.dumps(result))
