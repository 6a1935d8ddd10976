"""What stands for macOS: imported by every interpreter of an environment when it starts.

Without Linux's system calls, its /proc, and limits of the address space. psutil has its own ways
there, and keeps those of Linux here.
"""

import builtins
import io
import os
import resource
import sys
import sysconfig

import psutil  # noqa: F401 - asks for the system when it is imported

_LINUX_ONLY = ("sched_getaffinity", "sched_setaffinity", "memfd_create", "pidfd_open", "eventfd")


def _without_proc(real):
    def opened(path, *arguments, **options):
        names = {sys._getframe(depth).f_globals["__name__"] for depth in (1, 2)}
        of_psutil = any(name.startswith("psutil") for name in names)
        if isinstance(path, str | os.PathLike) and not of_psutil:
            text = str(os.fspath(path))
            if text.startswith("/proc"):
                raise FileNotFoundError(2, "No such file or directory", text)
        return real(path, *arguments, **options)

    return opened


def _set_limit(kind, limits, real=resource.setrlimit):
    if kind == resource.RLIMIT_AS:
        raise ValueError("current limit exceeds maximum limit")
    real(kind, limits)


sysconfig.get_config_vars()  # read once, by the name of the system
sys.platform = "darwin"
for name in _LINUX_ONLY:
    if hasattr(os, name):
        delattr(os, name)
resource.setrlimit = _set_limit
builtins.open = io.open = _without_proc(io.open)
os.open = _without_proc(os.open)
