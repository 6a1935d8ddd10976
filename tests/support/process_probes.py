"""What an artifact tries on other processes from inside the sandbox, and how far each try came.

It stands alone. Every try is of one process, the victim, and none of all processes of the user:
where the sandbox fails, the machine must not.
"""

import ctypes
import errno
import os
import resource
import signal
import subprocess
import threading
from contextlib import suppress
from pathlib import Path

NUMBERS = {
    "x86_64": {
        **{"ioprio_set": 251, "sched_setattr": 314, "move_pages": 279, "kcmp": 312, "ptrace": 101},
        **{"migrate_pages": 256, "process_vm_readv": 310, "process_vm_writev": 311, "shmget": 29},
        **{"perf_event_open": 298, "tkill": 200, "tgkill": 234, "rt_sigqueueinfo": 129},
        **{"setns": 308, "semget": 64, "msgget": 68, "mq_open": 240, "keyctl": 250, "bpf": 321},
        **{"timer_create": 222, "unshare": 272, "clone": 56, "prctl": 157, "setpriority": 141},
    },
    "aarch64": {
        **{"ioprio_set": 30, "sched_setattr": 274, "move_pages": 239, "kcmp": 272, "ptrace": 117},
        **{"migrate_pages": 238, "process_vm_readv": 270, "process_vm_writev": 271, "shmget": 194},
        **{"perf_event_open": 241, "tkill": 130, "tgkill": 131, "rt_sigqueueinfo": 138},
        **{"setns": 268, "semget": 190, "msgget": 186, "mq_open": 180, "keyctl": 219, "bpf": 280},
        **{"timer_create": 107, "unshare": 97, "clone": 220, "prctl": 167, "setpriority": 140},
    },
}


def system_call(name, *arguments):
    """Make one by its number."""
    number = NUMBERS[os.uname().machine][name]
    converted = [ctypes.c_long(a) if isinstance(a, int) else a for a in arguments]
    if ctypes.CDLL(None, use_errno=True).syscall(ctypes.c_long(number), *converted) < 0:
        raise OSError(ctypes.get_errno(), "refused")


def owner_of_a_pipe(victim):
    """Let the kernel send SIGIO to the victim whenever a pipe is written."""
    import fcntl

    reading, writing = os.pipe()
    fcntl.fcntl(reading, fcntl.F_SETOWN, victim)
    fcntl.fcntl(reading, fcntl.F_SETFL, os.O_ASYNC | os.O_NONBLOCK)
    os.write(writing, b"x")


def signal_of_a_pipe():
    """Let the kernel send SIGCONT to this process whenever a pipe is written."""
    import fcntl

    reading, _ = os.pipe()
    fcntl.fcntl(reading, fcntl.F_SETSIG, signal.SIGCONT)


def lease():
    """Let everybody wait who opens a file that this process may read, one of its program's."""
    import fcntl

    with Path(ctypes.__file__).open() as file:
        fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_UNLCK)


def forgotten():
    """Have the kernel forget such a file, so that the next process reads it from the disk."""
    with Path(ctypes.__file__).open() as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def others(victim):
    """Tries on a process that is not the worker's."""
    buffer = ctypes.create_string_buffer(128)
    return {
        "limits": lambda: resource.prlimit(victim, resource.RLIMIT_CPU, (1, 1)),
        "priority": lambda: os.setpriority(os.PRIO_PROCESS, victim, 19),
        "priority of the group": lambda: os.setpriority(os.PRIO_PGRP, victim, 19),
        "priority, upper half": lambda: system_call("setpriority", 1 << 32, victim, 19),
        "input and output": lambda: system_call("ioprio_set", 1, victim, 3 << 13),
        "affinity": lambda: os.sched_setaffinity(victim, {0}),
        "scheduler": lambda: os.sched_setscheduler(victim, os.SCHED_IDLE, os.sched_param(0)),
        "parameters": lambda: os.sched_setparam(victim, os.sched_param(0)),
        "attributes": lambda: system_call("sched_setattr", victim, buffer, 0),
        "moves its pages": lambda: system_call("move_pages", victim, 0, None, None, None, 0),
        "migrates its pages": lambda: system_call("migrate_pages", victim, 0, None, None),
        "compares": lambda: system_call("kcmp", victim, os.getpid(), 0, 0, 0),
        "reads its memory": lambda: system_call("process_vm_readv", victim, None, 0, None, 0, 0),
        "writes its memory": lambda: system_call("process_vm_writev", victim, None, 0, None, 0, 0),
        "traces": lambda: system_call("ptrace", 16, victim, 0, 0),
        "counts": lambda: system_call("perf_event_open", buffer, victim, -1, -1, 0),
        "ends": lambda: os.kill(victim, signal.SIGKILL),
        "stops its thread": lambda: system_call("tkill", victim, signal.SIGSTOP),
        "stops it": lambda: system_call("tgkill", victim, victim, signal.SIGSTOP),
        "ends its group": lambda: os.killpg(victim, signal.SIGKILL),
        "queues a signal": lambda: system_call("rt_sigqueueinfo", victim, 9, buffer),
        "ends it by descriptor": lambda: signal.pidfd_send_signal(os.pidfd_open(victim), 9),
        "has a pipe end it": lambda: owner_of_a_pipe(victim),
        "its namespaces": lambda: system_call("setns", os.pidfd_open(victim), 1 << 28),
        "own namespaces": lambda: system_call("unshare", 1 << 28),
        "shared memory": lambda: system_call("shmget", 0, 4096, 0o1600),
        "semaphores": lambda: system_call("semget", 0, 1, 0o1600),
        "messages": lambda: system_call("msgget", 0, 0o1600),
        "a queue": lambda: system_call("mq_open", b"exportbench-probe", 0o102, 0o600, None),
        "keys": lambda: system_call("keyctl", 0, -4, 1),
        "bpf": lambda: system_call("bpf", 0, buffer, 72),
        "memory by /proc": lambda: Path(f"/proc/{victim}/mem").open("rb+"),
        "the oom killer": lambda: Path(f"/proc/{victim}/oom_score_adj").write_text("1000"),
        "a lease on a file": lease,
        "forgets a file": forgotten,
        "its autogroup": lambda: Path(f"/proc/{victim}/autogroup").write_text("19"),
    }


def leaving():
    """Tries to leave the process group, or to run while it is stopped."""
    event = ctypes.create_string_buffer(64)
    ctypes.c_int.from_buffer(event, 8).value = signal.SIGCONT
    return {
        "a group": lambda: in_a_child(lambda: os.setpgid(0, 0)),
        "a session": lambda: in_a_child(os.setsid),
        "a daemon": lambda: in_a_child(lambda: in_a_child(os.setsid)),
        "a shell's session": lambda: subprocess.run(["true"], start_new_session=True, check=True),
        "a child of the parent": lambda: by_clone(0x8000 | signal.SIGCHLD),
        "a namespace": lambda: by_clone(0x20000000 | signal.SIGCHLD),
        "a user's namespace": lambda: by_clone(0x30000000 | signal.SIGCHLD),
        "woken by a child's end": lambda: by_clone(int(signal.SIGCONT)),
        "woken by the parent's end": lambda: system_call("prctl", 1, int(signal.SIGCONT)),
        "outlives its parent": lambda: system_call("prctl", 1, 0),
        "woken by a timer": lambda: system_call("timer_create", 1, event, event),
        "woken by a pipe": signal_of_a_pipe,
    }


def needed():
    """What runtimes do with their own process, threads and children."""
    return {
        "own affinity": lambda: os.sched_setaffinity(0, os.sched_getaffinity(0)),
        "own affinity by number": lambda: os.sched_setaffinity(
            os.getpid(), os.sched_getaffinity(0)
        ),
        "own priority": lambda: os.setpriority(
            os.PRIO_PROCESS, 0, os.getpriority(os.PRIO_PROCESS, 0)
        ),
        "own limits": lambda: resource.prlimit(0, resource.RLIMIT_CORE, (0, 0)),
        "a signal to itself": lambda: os.kill(os.getpid(), 0),
        "a signal to a thread": lambda: signal.pthread_kill(threading.get_ident(), 0),
        "threads": lambda: joined(threading.Thread(target=int)),
        "a child": lambda: subprocess.run(["true"], check=True),
        "a shell": lambda: subprocess.run("true | true", shell=True, check=True),
        "a fork": lambda: in_a_child(int),
        "names": lambda: system_call("prctl", 15, b"probe"),
        "a timer of its own": lambda: signal.setitimer(signal.ITIMER_REAL, 1000),
    }


def joined(thread):
    """Start a thread and wait for it."""
    thread.start()
    thread.join()


def in_a_child(action):
    """Do it in a child; raise what it raised."""
    child = os.fork()
    if not child:
        status = 0
        try:
            action()
        except OSError as error:
            status = error.errno
        os._exit(status)
    if number := os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]):
        raise OSError(number, "refused")


def by_clone(flags):
    """Start a child by the system call; it ends at once."""
    number = NUMBERS[os.uname().machine]["clone"]
    child = ctypes.CDLL(None, use_errno=True).syscall(*map(ctypes.c_long, (number, flags, 0, 0, 0)))
    if child < 0:
        raise OSError(ctypes.get_errno(), "refused")
    if child == 0:
        os._exit(0)
    with suppress(ChildProcessError):
        os.waitpid(child, 0x80000000 - (1 << 32) if flags & 0xFF != signal.SIGCHLD else 0)


def results(tries):
    """What came of each: "done", or the name of the error."""
    outcomes = {}
    for name, attempt in tries.items():
        try:
            attempt()
            outcomes[name] = "done"
        except OSError as error:
            outcomes[name] = errno.errorcode.get(error.errno, str(error.errno))
        except subprocess.SubprocessError as error:
            outcomes[name] = type(error).__name__
    return outcomes


def everything(victim):
    """All tries, by their kind."""
    return {kind.__name__: results(kind(victim)) for kind in (others,)} | {
        kind.__name__: results(kind()) for kind in (leaving, needed)
    }
