"""Start the CUDA driver once with all rights, in a process that opens no artifact.

The first start on a machine loads modules of the kernel and makes /dev/nvidia-uvm, by a program
that runs as root (nvidia-modprobe). A worker gains no rights any more and can use only devices that
are there when it gives up its own. Where the driver does not start here either, what a runtime
says of it is put in plain words.
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

# What came of it, by the cards that were to be seen.
_started: dict[str | None, dict[str, Any]] = {}
_starting = threading.Lock()  # workers may be made in several threads


def started(
    python: str, environment: Mapping[str, str], timeout_s: float, log: BinaryIO
) -> dict[str, Any]:
    """What came of the driver's start, which is tried once for the same cards.

    Args:
        python: the interpreter of the process.
        environment: its environment variables.
        timeout_s: seconds after which the process is ended.
        log: where its messages go.

    Returns:
        As `infer.system.cuda_driver.start`.
    """
    cards = environment.get("CUDA_VISIBLE_DEVICES")
    with _starting:
        if cards not in _started:
            command = command_of(python, "sandbox.cuda_start")
            _started[cards] = last_line(command, environment, timeout_s, log)
        return _started[cards]


def failure(said: Mapping[str, Any]) -> str | None:
    """Why no runtime can use CUDA here, in a line.

    None where it can, or where there is no driver: then there is no card either, or one of another
    maker, whose runtimes know better.
    """
    if said["error"] is None or (said["cuinit"] is None and not said.get("ended")):
        return None
    return (
        f"the CUDA driver does not start on this machine, with all rights either: {said['error']}"
    )


def last_line(
    command: list[str],
    environment: Mapping[str, str],
    timeout_s: float,
    log: BinaryIO | int,
    folder: Path | None = None,
) -> dict[str, Any]:
    """Run a process that says how far it came in lines of JSON; the last one.

    "error" says so if it did not come to its end, and "ended" is True then.
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
    said: dict[str, Any] = dict.fromkeys(("cuinit", "name", "version", "devices", "error"))
    with contextlib.suppress(IndexError, ValueError):  # it ended before it said anything
        said |= json.loads(printed.splitlines()[-1])
    if ended:
        said |= {"error": ended, "ended": True}
    return said


def main(arguments: list[str]) -> None:
    """In the process of its own: start the driver, and say what came of it as JSON."""
    _, said = start()
    print(json.dumps(said))
