"""What an artifact tries to reach from inside the sandbox, and how far each try came.

Run as a script, it reads the job from its standard input and answers in JSON. It stands alone:
the worker has none of the project's code.
"""

import ctypes
import errno
import json
import os
import socket
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

# Of the system calls that Python has no function for, or hides the arguments of.
NUMBERS = {
    "x86_64": {"socket": 41, "accept": 43, "accept4": 288},
    "aarch64": {"socket": 198, "accept": 202, "accept4": 242},
}
IO_URING, X32 = 425, 0x40000000


def everything(job):
    """All tries, by what they are of."""
    knock(job["names"])
    return {
        "sockets": made(socket.socket, job),
        "pairs": made(socket.socketpair, job),
        "own": own_listener(job["elsewhere"]) if job["cuda"] else None,
        "raw": raw(),
        "shm": {name: came_to(lambda name=name: write(name)) for name in job["shm"]},
        "places": [os.environ.get(name) for name in job["variables"]] + [tempfile.gettempdir()],
    }


def came_to(attempt):
    """The name of the error that an attempt ends in, or "done"."""
    try:
        attempt()
    except OSError as error:
        return errno.errorcode[error.errno]
    return "done"


def made(make, job):
    """The families and types for which a socket is not refused, whether there are such or not."""
    tries = [[family, kind] for family in job["families"] for kind in job["types"]]
    return [pair for pair in tries if came_to(lambda pair=pair: make(*pair)) != "EPERM"]


def knock(names):
    """Send something to every listener, in every way, from every socket that there is to have."""
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_SEQPACKET):
        for make in (socket.socket, lambda *how: socket.socketpair(*how)[0]):
            for name in names:
                with suppress(OSError):
                    ours = make(socket.AF_UNIX, kind)
                    ours.setblocking(False)
                    came_to(lambda ours=ours, name=name: ours.sendto(b"knock", name))
                    came_to(lambda ours=ours, name=name: ours.sendmsg([b"knock"], [], 0, name))
                    came_to(lambda ours=ours, name=name: ours.connect(name))
                    came_to(lambda ours=ours: ours.send(b"knock"))


def own_listener(elsewhere):
    """What can be done with a socket such as the CUDA driver makes."""
    ours = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_CLOEXEC)
    ours.bind(f"\0exportbench-own-{os.getpid()}")
    ours.listen()
    ours.setblocking(False)
    other = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    return {
        "a name in another's folder": came_to(lambda: other.bind(elsewhere)),
        "connect": came_to(lambda: other.connect(ours.getsockname())),
        "accept": came_to(lambda: system_call(number("accept"), ours.fileno(), 0, 0)),
        "accept4": came_to(lambda: system_call(number("accept4"), ours.fileno(), 0, 0, 0)),
    }


def raw():
    """Ways around a filter that looks at numbers."""
    upper, unix, internet = 1 << 32, 1, 2
    call = number("socket")
    return {
        "upper half is not looked at": came_to(lambda: system_call(call, upper | unix, 5, 0)),
        "nor hides what is below": came_to(lambda: system_call(call, upper | internet, 1, 0)),
        "x32": came_to(lambda: system_call(call | X32, unix, 5, 0)),
        "io_uring": came_to(lambda: system_call(IO_URING, 1, 0)),
    }


def number(name):
    """The number of a system call on this machine."""
    return NUMBERS[os.uname().machine][name]


def system_call(which, *arguments):
    """Make one by its number."""
    given = [ctypes.c_long(argument) for argument in (which, *arguments)]
    if ctypes.CDLL(None, use_errno=True).syscall(*given) < 0:
        raise OSError(ctypes.get_errno(), "refused")


def write(name):
    """Write to a file of shared memory."""
    with Path("/dev/shm", name).open("a") as file:
        file.write("x")


if __name__ == "__main__":
    print(json.dumps(everything(json.load(sys.stdin))))
