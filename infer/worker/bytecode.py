"""Have Python keep the compiled modules of a runtime, by importing it once with all rights.

A worker may not write where packages are installed, and must not: other programs run what lies
there. Without this, modules that were installed uncompiled would be compiled in every worker, and
that would be measured as the start of the runtime.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path


def main(arguments: list[str]) -> None:
    """In a process of its own: import the worker and the module of a runtime."""
    (module,) = arguments
    importlib.import_module(".server", __package__)
    importlib.import_module(f"..runtimes.{module}", __package__)


def uncompiled() -> list[str]:
    """The modules imported so far that Python has compiled and not kept."""
    found = []
    for name, module in list(sys.modules.items()):
        # Not by `getattr`, which has some lazy modules import themselves.
        spec = getattr(module, "__dict__", {}).get("__spec__")
        cached = getattr(spec, "cached", None)
        if cached and not Path(cached).exists():
            found.append(name)
    return found
