"""The system call filter of both architectures, simulated: no other process than oneself."""

import errno
from functools import partial

import pytest
from packet_filter import AUDIT, verdict_of

from infer.sandbox import seccomp

PID, OTHER = 4321, 1
UPPER = 7 << 32  # what the kernel does not look at
# The numbers of Linux's own headers (asm/unistd_64.h, asm-generic/unistd.h).
CALLS = {
    "x86_64": {
        **{"fork": 57, "vfork": 58, "clone": 56, "clone3": 435, "prctl": 157, "fcntl": 72},
        **{"ioctl": 16, "kill": 62, "tkill": 200, "tgkill": 234, "rt_sigqueueinfo": 129},
        **{"rt_tgsigqueueinfo": 297, "pidfd_open": 434, "pidfd_send_signal": 424},
        **{"pidfd_getfd": 438, "prlimit64": 302, "setpriority": 141, "ioprio_set": 251},
        **{"sched_setaffinity": 203, "sched_setscheduler": 144, "sched_setparam": 142},
        **{"sched_setattr": 314, "move_pages": 279, "migrate_pages": 256, "kcmp": 312},
        **{"process_vm_readv": 310, "process_vm_writev": 311, "process_madvise": 440},
        **{"process_mrelease": 448, "ptrace": 101, "perf_event_open": 298, "bpf": 321},
        **{"setsid": 112, "setpgid": 109, "setns": 308, "unshare": 272, "timer_create": 222},
        **{"shmget": 29, "shmat": 30, "shmctl": 31, "semget": 64, "semop": 65, "semctl": 66},
        **{"semtimedop": 220, "msgget": 68, "msgsnd": 69, "msgrcv": 70, "msgctl": 71},
        **{"mq_open": 240, "mq_unlink": 241, "add_key": 248, "request_key": 249, "keyctl": 250},
        **{"futex": 202, "sched_getaffinity": 204, "mmap": 9, "read": 0, "madvise": 28},
        **{"fadvise64": 221, "io_setup": 206},
    },
    "aarch64": {
        **{"clone": 220, "clone3": 435, "prctl": 167, "fcntl": 25, "ioctl": 29, "kill": 129},
        **{"tkill": 130, "tgkill": 131, "rt_sigqueueinfo": 138, "rt_tgsigqueueinfo": 240},
        **{"pidfd_open": 434, "pidfd_send_signal": 424, "pidfd_getfd": 438, "prlimit64": 261},
        **{"setpriority": 140, "ioprio_set": 30, "sched_setaffinity": 122},
        **{"sched_setscheduler": 119, "sched_setparam": 118, "sched_setattr": 274},
        **{"move_pages": 239, "migrate_pages": 238, "kcmp": 272, "process_vm_readv": 270},
        **{"process_vm_writev": 271, "process_madvise": 440, "process_mrelease": 448},
        **{"ptrace": 117, "perf_event_open": 241, "bpf": 280, "setsid": 157, "setpgid": 154},
        **{"setns": 268, "unshare": 97, "timer_create": 107, "shmget": 194, "shmat": 196},
        **{"shmctl": 195, "semget": 190, "semop": 193, "semctl": 191, "semtimedop": 192},
        **{"msgget": 186, "msgsnd": 189, "msgrcv": 188, "msgctl": 187, "mq_open": 180},
        **{"mq_unlink": 181, "add_key": 217, "request_key": 218, "keyctl": 219},
        **{"futex": 98, "sched_getaffinity": 123, "mmap": 222, "read": 63, "madvise": 233},
        **{"fadvise64": 223, "io_setup": 0},
    },
}
REFUSED = (
    *("ptrace", "pidfd_getfd", "process_madvise", "process_mrelease", "perf_event_open", "bpf"),
    *("setsid", "setpgid", "setns", "unshare", "shmget", "shmat", "shmctl", "semget", "semop"),
    *("semctl", "semtimedop", "msgget", "msgsnd", "msgrcv", "msgctl", "mq_open", "mq_unlink"),
    *("add_key", "request_key", "keyctl", "io_setup"),
)
OF_A_PROCESS = (
    *("prlimit64", "sched_setaffinity", "sched_setscheduler", "sched_setparam", "sched_setattr"),
    *("move_pages", "migrate_pages"),
)
SIGCHLD, SIGCONT = 17, 18
THREAD = 0x3D0F00  # what the C library starts a thread with


@pytest.fixture(params=CALLS)
def machine(request):
    return request.param


@pytest.fixture
def verdict(machine):
    """The error of a call, 0 if it is allowed; `signals` where nothing else closes them."""

    def of(name, *arguments, cuda=False, signals=False):
        program = seccomp.program(machine, cuda=cuda, pid=PID, signals=signals)
        return verdict_of(program, AUDIT[machine], CALLS[machine][name], *arguments)

    return of


@pytest.mark.parametrize("cuda", [False, True])
@pytest.mark.parametrize("signals", [False, True])
def test_what_no_runtime_needs_is_refused(verdict, cuda, signals):
    for name in REFUSED:
        assert verdict(name, cuda=cuda, signals=signals) == errno.EPERM, name
    for name in ("futex", "sched_getaffinity", "mmap", "read", "pidfd_open"):
        assert verdict(name, OTHER, cuda=cuda, signals=signals) == 0, name


@pytest.mark.parametrize("name", OF_A_PROCESS)
def test_a_process_has_a_say_on_itself_only(verdict, name):
    assert verdict(name, 0) == verdict(name, PID) == verdict(name, UPPER | PID) == 0
    for other in (OTHER, PID + 1, UPPER | OTHER, 2**32 - 1):
        assert verdict(name, other) == errno.EPERM


def test_priorities_of_itself_and_its_group(verdict):
    assert verdict("setpriority", 0, 0) == verdict("setpriority", 1, PID) == 0
    assert verdict("ioprio_set", 1, 0) == verdict("ioprio_set", 2, PID) == 0
    for name, users in (("setpriority", 2), ("ioprio_set", 3)):
        assert verdict(name, users, 0) == errno.EPERM  # all processes of the user
        assert verdict(name, 1, OTHER) == errno.EPERM


def test_memory_of_itself_may_be_read(verdict):
    for name in ("process_vm_readv", "process_vm_writev"):
        assert verdict(name, PID) == 0
        assert verdict(name, OTHER) == verdict(name, 0) == errno.EPERM
    assert verdict("kcmp", PID, PID) == 0
    assert verdict("kcmp", PID, OTHER) == verdict("kcmp", OTHER, PID) == errno.EPERM


def test_threads_and_children_stay_in_the_group(verdict):
    assert verdict("clone3") == errno.ENOSYS  # then the C library takes `clone`
    assert verdict("clone", THREAD) == 0
    assert verdict("clone", 0x4100 | SIGCHLD) == 0  # as posix_spawn does
    assert verdict("clone", 0x1200011) == 0  # as fork does
    assert verdict("clone", SIGCONT) == errno.EPERM  # wakes a parent that is stopped
    namespaces = (0x20000, *(1 << bit for bit in range(25, 31)))
    for flag in (0x2000, 0x8000, *namespaces):
        assert verdict("clone", flag | SIGCHLD) == errno.EPERM, hex(flag)
        assert verdict("clone", UPPER | flag | SIGCHLD) == errno.EPERM, hex(flag)


def test_nothing_wakes_a_process_that_is_stopped(verdict):
    assert verdict("prctl", 1, SIGCONT) == errno.EPERM  # PR_SET_PDEATHSIG
    assert verdict("prctl", 15) == 0  # PR_SET_NAME
    for number in (8, 10, 15):  # F_SETOWN, F_SETSIG, F_SETOWN_EX
        assert verdict("fcntl", 3, number, SIGCONT) == errno.EPERM
    assert verdict("fcntl", 3, 2, 1) == 0  # F_SETFD
    assert verdict("timer_create", 1) == errno.EPERM
    assert verdict("timer_create", 1, cuda=True) == 0


def test_nobody_waits_for_a_file_and_none_leaves_memory(verdict):
    for number in (1024, 1026):  # F_SETLEASE, F_NOTIFY
        assert verdict("fcntl", 3, number, 1) == errno.EPERM
    assert verdict("fcntl", 3, 1025) == 0  # F_GETLEASE
    assert verdict("fadvise64", 3, 0, 0, 4) == errno.EPERM  # POSIX_FADV_DONTNEED
    assert verdict("fadvise64", 3, 0, 0, 2) == 0  # POSIX_FADV_SEQUENTIAL
    for advice in (20, 21):  # MADV_COLD, MADV_PAGEOUT
        assert verdict("madvise", 4096, 4096, advice) == errno.EPERM
    assert verdict("madvise", 4096, 4096, 4) == 0  # MADV_DONTNEED, of its own memory


def test_signals_where_landlock_closes_them(verdict):
    """It tells the worker's own children from others, which a filter cannot."""
    for name in ("kill", "tkill", "tgkill", "rt_sigqueueinfo", "pidfd_send_signal"):
        assert verdict(name, OTHER) == 0, name
    assert verdict("ioctl", 3, 0x8901) == 0


def test_signals_where_nothing_else_closes_them(verdict):
    verdict = partial(verdict, signals=True)

    assert verdict("kill", PID) == verdict("kill", 0) == verdict("kill", 2**32 - PID) == 0
    assert verdict("kill", OTHER) == verdict("kill", 2**32 - 1) == errno.EPERM  # -1: everybody
    for name in ("tgkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo"):
        assert verdict(name, PID, PID + 5) == 0, name  # a thread of its own
        assert verdict(name, OTHER, OTHER) == errno.EPERM, name
    assert verdict("tkill", PID) == verdict("pidfd_send_signal", 3) == errno.EPERM
    for request in (0x8901, 0x8902):  # FIOSETOWN, SIOCSPGRP
        assert verdict("ioctl", 3, request) == errno.EPERM
    assert verdict("ioctl", 3, 0x5401) == 0
