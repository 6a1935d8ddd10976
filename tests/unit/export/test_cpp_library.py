"""A compiler that links the C++ library statically still makes packages that use the process's."""

import subprocess
from pathlib import Path

import pytest
import scipy.stats  # noqa: F401  brings the C++ library into this process

from export.compiling import compiler
from export.cpp_library import shared_library_compiler

_SOURCE = """#include <sstream>
extern "C" int digits(int n) { std::ostringstream text; text << n; return text.str().size(); }
"""


def _build(command: str, folder: Path) -> bytes:
    source, compiled, built = (folder / f"digits.{kind}" for kind in ("cpp", "o", "so"))
    source.write_text(_SOURCE)
    subprocess.run([command, "-c", "-fPIC", source, "-o", compiled], check=True)
    result = subprocess.run(
        [command, "-shared", compiled, "-o", built], check=True, capture_output=True, text=True
    )
    assert result.stderr == ""
    return built.read_bytes()


def test_a_compiler_that_shares_the_library_is_called_itself(tmp_path: Path) -> None:
    usual = compiler()
    assert usual is not None
    assert shared_library_compiler(usual, tmp_path) == usual


@pytest.mark.parametrize("option", ["-static-libstdc++", "-static-libstdc++ -static-libgcc"])
def test_a_compiler_that_links_a_copy_uses_the_library_of_the_process(
    tmp_path: Path, option: str
) -> None:
    static = tmp_path / "it's static"
    static.write_text(f'#!/bin/sh\nexec {compiler()} "$@" {option}\n')
    static.chmod(0o700)
    assert b"libstdc++.so.6" not in _build(str(static), tmp_path)

    folder = tmp_path / "script"
    folder.mkdir()
    script = shared_library_compiler(str(static), folder)
    assert script != str(static)
    assert b"libstdc++.so.6" in _build(script, tmp_path)


def test_a_compiler_that_fails_is_left_to_say_why(tmp_path: Path) -> None:
    assert shared_library_compiler("false", tmp_path) == "false"
