"""Let Python cache the compiled modules of a runtime, in a process without a sandbox.

A worker must not write to the folders of installed packages, whose code other programs run. Without
this, modules that were installed uncompiled would be compiled in every worker, and the time would
count as the start of the runtime.

The modules of built-in runtimes are imported once. The code of a plug-in gets no more rights than
in a worker: the files that it imported are compiled and not run.
"""

from __future__ import annotations

import contextlib
import importlib
import py_compile
import sys
from pathlib import Path


def main(arguments: list[str]) -> None:
    """Import the worker and the module of a runtime; runs in a separate process.

    Args:
        arguments: the module of a built-in runtime; if empty, the files to compile are read from
            standard input, one a line.
    """
    if not arguments:
        compile_files(sys.stdin.read().splitlines())
        return
    (module,) = arguments
    importlib.import_module(".server", __package__)
    importlib.import_module(f"..runtimes.{module}", __package__)


def compile_files(files: list[str]) -> None:
    """Compile source files and write the results to Python's cache; run nothing."""
    for file in files:
        with contextlib.suppress(OSError, py_compile.PyCompileError):
            py_compile.compile(file, doraise=True)


def uncompiled() -> list[str]:
    """List the sources of the modules imported so far whose bytecode Python has not cached."""
    missing = []
    for module in list(sys.modules.values()):
        # Not by `getattr`, which makes some lazy modules import themselves.
        spec = getattr(module, "__dict__", {}).get("__spec__")
        cached = getattr(spec, "cached", None)
        if spec and cached and not Path(cached).exists():
            missing.append(str(spec.origin))
    return missing
