"""What is open to an isolated process so that it can use a GPU, and why nothing more is.

Devices may be written, by all workers: GPUs are used through them.

One kind of socket may be made, by workers on cuda: the CUDA driver, when it starts, makes one of
type SOCK_SEQPACKET, binds it to an abstract name and listens, to hand its descriptors to processes
that ask for them, and does not start without (CUDA_ERROR_OPERATING_SYSTEM). Nobody can talk
through it: connecting and accepting are refused, and the kernel sends nothing from a socket of
this type that is not connected, whatever name is given.

Connecting fails with an error of its own, by workers on cuda: before it listens the driver looks,
by another socket, for the daemon that shares a card between processes (MPS). It is told that there
is none, ENOENT, which is what it hears on most machines, and goes on without.

/dev/shm stays closed, by workers on cuda too. What CUDA makes there (cuda.shm.*) is for handing
memory and events to other processes, which no worker does; other sandboxes that give no right to it
run CUDA without. Landlock knows no patterns of names: who may make one file there may alter the
shared memory of every other program, and with it the result of another artifact.
"""

from __future__ import annotations

import errno
from pathlib import Path

DEVICE_FOLDER = Path("/dev")
_DEVICES = ("null", "zero", "dri", "kfd", "dxg")  # and what begins with nvidia
SOCKET_FAMILY, SOCKET_TYPE = 1, 5  # AF_UNIX, SOCK_SEQPACKET
CONNECT_ERROR = errno.ENOENT


def devices() -> list[Path]:
    """The devices that may be written."""
    return [
        device
        for device in DEVICE_FOLDER.glob("*")
        if device.name in _DEVICES or device.name.startswith("nvidia")
    ]
