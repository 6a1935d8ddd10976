"""Have Python keep the compiled modules of a runtime, in a process with all rights.

A worker may not write where packages are installed, and must not: other programs run what lies
there. Without this, modules that were installed uncompiled would be compiled in every worker, and
that would be measured as the start of the runtime.

The modules of our runtimes are imported once. The code of a plug-in gets no more rights than a
worker has: the files that it imported are compiled, and not run.
"""

from __future__ import annotations

import contextlib
import importlib
import py_compile
import sys
from pathlib import Path


def main(arguments: list[str]) -> None:
    """In a process of its own: import the worker and the module of a runtime.

    Args:
        arguments: the module of one of our runtimes; or none, where the files to compile come by
            standard input, one a line.
    """
    if not arguments:
        compile_files(sys.stdin.read().splitlines())
        return
    (module,) = arguments
    importlib.import_module(".server", __package__)
    importlib.import_module(f"..runtimes.{module}", __package__)


def compile_files(files: list[str]) -> None:
    """Compile the sources of modules and keep the results beside them; run nothing."""
    for file in files:
        with contextlib.suppress(OSError, py_compile.PyCompileError):
            py_compile.compile(file, doraise=True)


def uncompiled() -> list[str]:
    """The sources of the modules imported so far that Python has compiled and not kept."""
    found = []
    for module in list(sys.modules.values()):
        # Not by `getattr`, which has some lazy modules import themselves.
        spec = getattr(module, "__dict__", {}).get("__spec__")
        cached = getattr(spec, "cached", None)
        if spec and cached and not Path(cached).exists():
            found.append(str(spec.origin))
    return found
