"""The C++ library of compiled code: it must be the one that the process has loaded already.

Some compilers link a copy of it into each shared library, by their configuration or because only
the static library is installed. Such a package exports thousands of symbols of the C++ library,
and ends its process when it is loaded beside PyTorch's.
"""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

_LIBRARY = "libstdc++.so.6"
_PROBE = """#include <sstream>
extern "C" int probe(int n) { std::ostringstream text; text << n; return text.str().size(); }
"""


def _links_a_copy(compiler: str, folder: Path) -> bool:
    """Whether a shared library that the compiler makes has a C++ library of its own."""
    source, built = folder / "probe.cpp", folder / "probe.so"
    source.write_text(_PROBE)
    command = [compiler, "-shared", "-fPIC", str(source), "-o", str(built)]
    if subprocess.run(command, capture_output=True).returncode:
        return False  # PyTorch's own call of the compiler says what is wrong
    return _LIBRARY.encode() not in built.read_bytes()


def _loaded_library() -> str | None:
    """The path of the C++ library in this process; None where that is not told, as on macOS."""
    maps = Path("/proc/self/maps")
    for line in maps.read_text().splitlines() if maps.exists() else ():
        path = line.split(maxsplit=5)[-1]
        if Path(path).name.startswith(_LIBRARY):
            return path
    return None


def shared_library_compiler(compiler: str, folder: Path) -> str:
    """The compiler, or a script that calls it so that it uses the process's C++ library.

    Args:
        compiler: a command, as `CXX` names it.
        folder: for the script and a probe; it must stay until the compiler is no longer needed.
    """
    library = _loaded_library()
    if library is None or not _links_a_copy(compiler, folder):
        return compiler
    script = folder / "g++"
    # Before the compiler's own choice, so that nothing is left to be taken from the static library.
    script.write_text(
        f'#!/bin/sh\nfor word; do [ "$word" = -c ] && exec {shlex.quote(compiler)} "$@"; done\n'
        f'exec {shlex.quote(compiler)} "$@" {shlex.quote(library)}\n'
    )
    script.chmod(0o700)
    return str(script)
