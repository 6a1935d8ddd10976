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
import subprocess
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

from ..system.cuda_driver import start
from .launcher import command_of

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
    log: BinaryIO | int,
    folder: Path | None = None,
) -> dict[str, Any]:
    """Run a process that reports its progress in lines of JSON, and return the last line.

    If it did not finish, "error" says so and "ended" is True.
    """
    ended = None
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            env=dict(environment),
            cwd=folder,
            timeout=timeout_s,
        )
        printed = done.stdout
        if done.returncode < 0:
            ended = f"its process was ended by {signal.Signals(-done.returncode).name}"
        elif done.returncode > 0:
            ended = f"its process ended with status {done.returncode}"
    except subprocess.TimeoutExpired as expired:
        printed = expired.stdout or b""
        ended = f"it did not answer within {timeout_s:g} s"
    result: dict[str, Any] = dict.fromkeys(("cuinit", "name", "version", "devices", "error"))
    with contextlib.suppress(IndexError, ValueError):  # it ended before it printed anything
        result |= json.loads(printed.splitlines()[-1])
    if ended:
        result |= {"error": ended, "ended": True}
    return result


def main(arguments: list[str]) -> None:
    """Start the driver, and print the result as JSON; runs in the separate process."""
    _, result = start()
    print(json.dumps(result))
