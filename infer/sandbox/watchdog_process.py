"""End the process groups of workers when their controller has ended, in whatever way.

Run as a script with the controller's process ID; it needs the standard library only. Linux ends a
worker with the controller (sandbox/parent_death.py), but not what the worker has started.

It reads lines from its standard input: `+` and the ID of a group that begins, `-` and that of one
that has ended.
"""

import contextlib
import os
import select
import signal
import sys


def main(controller: int) -> None:
    """Wait for the end of the controller, and then end the groups that are left."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # they are for the controller, which ends us
    try:
        groups = _watch(controller)
    except (OSError, ValueError):
        return
    for group in groups:
        with contextlib.suppress(OSError):
            os.killpg(group, signal.SIGKILL)


def _watch(controller: int) -> set[int]:
    groups: set[int] = set()
    waited_for = [0]
    with contextlib.suppress(AttributeError, OSError):  # Linux 5.3
        # A process that the controller has forked may hold the other end of the pipe.
        waited_for.append(os.pidfd_open(controller))
    if os.getppid() != controller:
        return groups
    buffer = b""
    while True:
        ready, _, _ = select.select(waited_for, [], [])
        if 0 in ready:
            data = os.read(0, 4096)
            *lines, buffer = (buffer + data).split(b"\n")
            for line in lines:
                (groups.add if line[:1] == b"+" else groups.discard)(int(line[1:]))
            if data:
                continue
        return groups


if __name__ == "__main__":
    main(int(sys.argv[1]))
