"""The system call filter of workers: no network, and no other process than oneself.

No new sockets, of the internet or of this machine (a daemon's socket is as good as a shell), nor
io_uring, which would make them without a system call. Pairs of connected sockets stay, since
processes talk to their children by them; not of datagrams, which may be sent to any name. No
other permissions and owners of files, which Landlock leaves open.

Other processes of the user are neither traced nor given other limits, priorities or processors:
such calls pass with the process ID of the worker, or 0 for the caller. A filter cannot tell which
thread IDs are the worker's own, so these are refused too. What is shared by number or by name and
not by file is refused: System V's memory, semaphores and queues, POSIX queues, keys.

A lease on a file, which its owner may take, would let everybody else wait who opens it, for 45 s
each time (fcntl(2)): the inputs, or libraries of other runtimes. So there are none. Nor may a
worker have the kernel forget files, which the next process would have to read from the disk.

A worker and all that it starts stay in one process group, which the controller stops, continues and
ends as a whole. So there are no new sessions, groups and namespaces, no children of the parent, and
nothing by which the kernel would send SIGCONT to a stopped process: a signal other than SIGCHLD at
the end of a child, a timer's signal, a signal of a file, a signal at the end of the parent.

A worker on cuda may make one kind of socket more (infer.sandbox.cuda_exceptions), and timers.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct

from . import cuda_exceptions
from .filter_program import (
    ALLOW,
    ARCHITECTURE,
    AT_LEAST,
    EQUAL,
    LOAD,
    NUMBER,
    RETURN,
    Argument,
    Program,
)
from .system_call_numbers import ARCHITECTURES, NUMBERS, X32
from .system_calls import NotPossible, checked, no_new_privileges, system_call

_SET_MODE_FILTER = 1
_SPEC_ALLOW = 1 << 2  # or else kernels before 5.16 slow the process down, against Spectre

_UNIX, _STREAM, _SEQPACKET = 1, 1, 5
_TYPE = 0xF  # beside it, flags such as SOCK_CLOEXEC

_SOCKETS = ("socket", "connect", "accept", "accept4", "io_uring_setup")
_PERMISSIONS = (
    *("chmod", "fchmod", "fchmodat", "fchmodat2", "chown", "fchown", "lchown", "fchownat"),
    *("setxattr", "lsetxattr", "fsetxattr", "setxattrat"),
    *("removexattr", "lremovexattr", "fremovexattr", "removexattrat"),
)
_TRACING = (
    *("ptrace", "pidfd_getfd", "process_madvise", "process_mrelease"),
    *("perf_event_open", "bpf"),
)
_SHARED = (
    *("shmget", "shmat", "shmctl", "semget", "semop", "semtimedop", "semctl"),
    *("msgget", "msgsnd", "msgrcv", "msgctl", "mq_open", "mq_unlink"),
    *("add_key", "request_key", "keyctl"),
)
_LEAVING = ("setsid", "setpgid", "setns", "unshare", "timer_create")
# What the kernel goes on with while the process is stopped: reading and writing files.
_ASYNCHRONOUS = ("io_setup",)
_SIGNALS = ("tkill", "pidfd_send_signal")

_PRIO_PROCESS, _PRIO_GROUP = 0, 1
_IOPRIO_PROCESS, _IOPRIO_GROUP = 1, 2
_PR_SET_PDEATHSIG = 1
_F_SETOWN, _F_SETSIG, _F_SETOWN_EX = 8, 10, 15
_F_SETLEASE, _F_NOTIFY = 1024, 1026
# Advice by which what others read, or have read, leaves memory.
_FADV_DONTNEED, _MADV_COLD, _MADV_PAGEOUT = 4, 20, 21
_FIOSETOWN, _SIOCSPGRP = 0x8901, 0x8902
_SIGCHLD = 17
_EXIT_SIGNAL = 0xFF
# CLONE_PTRACE and CLONE_PARENT; NEWNS; NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID and NEWNET.
_CLONE_REFUSED = 0x2000 | 0x8000 | 0x20000 | 0x7E000000

_Rule = tuple[Argument, ...]


def _rules(pid: int, *, cuda: bool, signals: bool) -> dict[str, _Rule]:
    """What the arguments of calls may be, by the call; others of the filter are refused."""
    itself = (0, pid)
    group = (0, pid, -pid & 0xFFFFFFFF)
    rules: dict[str, _Rule] = {
        "socketpair": (Argument(0, (_UNIX,)), Argument(1, (_STREAM, _SEQPACKET), _TYPE)),
        "clone": (Argument(0, (0,), _CLONE_REFUSED), Argument(0, (0, _SIGCHLD), _EXIT_SIGNAL)),
        "fcntl": (
            Argument(1, (_F_SETOWN, _F_SETOWN_EX, _F_SETSIG, _F_SETLEASE, _F_NOTIFY), refused=True),
        ),
        "fadvise64": (Argument(3, (_FADV_DONTNEED,), refused=True),),
        "madvise": (Argument(2, (_MADV_COLD, _MADV_PAGEOUT), refused=True),),
        "prctl": (Argument(0, (_PR_SET_PDEATHSIG,), refused=True),),
        "setpriority": (Argument(0, (_PRIO_PROCESS, _PRIO_GROUP)), Argument(1, itself)),
        "ioprio_set": (Argument(0, (_IOPRIO_PROCESS, _IOPRIO_GROUP)), Argument(1, itself)),
        "kcmp": (Argument(0, (pid,)), Argument(1, (pid,))),
        "process_vm_readv": (Argument(0, (pid,)),),
        "process_vm_writev": (Argument(0, (pid,)),),
    }
    for name in ("sched_setaffinity", "sched_setscheduler", "sched_setparam", "sched_setattr"):
        rules[name] = (Argument(0, itself),)
    for name in ("prlimit64", "migrate_pages", "move_pages"):
        rules[name] = (Argument(0, itself),)
    if cuda:
        rules["socket"] = (
            Argument(0, (cuda_exceptions.SOCKET_FAMILY,)),
            Argument(1, (cuda_exceptions.SOCKET_TYPE,), _TYPE),
        )
    if signals:
        rules["kill"] = (Argument(0, group),)
        for name in ("tgkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo"):
            rules[name] = (Argument(0, (pid,)),)
        rules["ioctl"] = (Argument(1, (_FIOSETOWN, _SIOCSPGRP), refused=True),)
    return rules


def program(machine: str, *, cuda: bool, pid: int, signals: bool) -> list[bytes]:
    """Build the filter's instructions.

    Args:
        machine: the architecture, as in `uname -m`.
        cuda: whether what the CUDA driver needs is allowed.
        pid: process ID of the worker.
        signals: whether signals to other processes are refused here, since nothing else does. A
            filter cannot tell the worker's own children, so they are out of reach too.

    Raises:
        NotPossible: the system calls of this architecture are not known here.
    """
    if machine not in ARCHITECTURES:
        raise NotPossible(f"the system calls of {machine} are not known here")
    rules = _rules(pid, cuda=cuda, signals=signals)
    # In a structure, where a filter cannot look: the C library takes `clone` if there is none.
    errors = {"clone3": errno.ENOSYS}
    if cuda:
        errors["connect"] = cuda_exceptions.CONNECT_ERROR
    closed = [*_SOCKETS, *_PERMISSIONS, *_TRACING, *_SHARED, *_LEAVING, *_ASYNCHRONOUS]
    closed += errors
    closed += _SIGNALS if signals else ()
    if cuda:
        closed.remove("timer_create")
    numbers = NUMBERS[machine]
    lines = Program()
    lines.add(LOAD, ARCHITECTURE)
    lines.add(EQUAL, ARCHITECTURES[machine][0], else_="refused")
    lines.add(LOAD, NUMBER)
    lines.add(AT_LEAST, X32, then="refused")
    for name in dict.fromkeys(closed):
        if name in numbers and name not in rules:
            label = f"absent {name}" if name in errors else "refused"
            lines.add(EQUAL, numbers[name], then=label)
    for name in rules:  # last, since jumps are short
        lines.add(EQUAL, numbers[name], then=name)
    lines.add(RETURN, ALLOW)
    lines.fail("refused", errno.EPERM)
    for name, error in errors.items():
        lines.fail(f"absent {name}", error)
    for name, rule in rules.items():
        lines.check(name, rule, errno.EPERM)
    return lines.assembled()


def close(*, cuda: bool, signals: bool) -> None:
    """Set the filter for this process and all that it starts.

    Args:
        cuda: whether what the CUDA driver needs is allowed.
        signals: whether signals to other processes are refused here, since nothing else does.

    Raises:
        NotPossible: this system has no such filter.
    """
    machine = os.uname().machine
    lines = program(machine, cuda=cuda, pid=os.getpid(), signals=signals)
    instructions = ctypes.create_string_buffer(b"".join(lines))
    header = struct.pack("HxxxxxxP", len(lines), ctypes.addressof(instructions))
    no_new_privileges()
    number = ARCHITECTURES[machine][1]
    checked(system_call(number, _SET_MODE_FILTER, _SPEC_ALLOW, header), "seccomp")
