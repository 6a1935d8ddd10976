"""Resolves what each environment holds, without installing it.

`python tools/lock.py` says whether every environment's packages resolve with its lock file, and
that each of them is in it; `python tools/lock.py --renew NAME` writes the lock file NAME anew, with
the newest versions. Downloads metadata alone, since version 23.3 of pip.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

from environments import ENVIRONMENTS, ROOT, Environment

_PIP = "pip>=23.3"
# The project itself, and what an environment is made with: not locked.
_NOT_LOCKED = ("exportbench", "pip", "setuptools", "wheel")
# PyTorch's CUDA build brings these, pinned by itself; the lock without CUDA is for both builds.
_OF_CUDA = re.compile(r"nvidia-(?!ml-)|cuda-|triton")
# Builds of one package that overwrite each other's files.
_BUILDS = ({"onnxruntime", "onnxruntime-gpu"}, {"tensorflow", "tensorflow-cpu"})


class LockError(Exception):
    """The packages of an environment do not resolve, or not to what its lock says."""


def main(arguments: list[str] | None = None) -> int:
    """Check the lock files, or renew one; return the exit status."""
    by_lock = {
        environment.lock: environment
        for several in ENVIRONMENTS.values()
        for environment in several
    }
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("locks", nargs="*", metavar="NAME", help="lock files (default: all)")
    parser.add_argument("--renew", action="store_true", help="write them anew")
    options = parser.parse_args(arguments)
    unknown = set(options.locks) - by_lock.keys()
    if unknown:
        print(f"error: {min(unknown)}: choose of {', '.join(by_lock)}", file=sys.stderr)
        return 2
    status = 0
    with tempfile.TemporaryDirectory() as folder:
        python = _pip_in(Path(folder))
        for lock in options.locks or by_lock:
            try:
                versions = _resolved(python, by_lock[lock], locked=not options.renew)
                if options.renew:
                    _write(by_lock[lock].lock_file, versions)
                else:
                    _compare(by_lock[lock].lock_file, versions)
            except LockError as error:
                print(f"{lock}: {error}", file=sys.stderr)
                status = 1
            else:
                print(f"{lock}: {len(versions)} packages, {_cuda(versions)}", flush=True)
    return status


def _pip_in(folder: Path) -> Path:
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    subprocess.run([str(python), "-m", "pip", "install", "--quiet", "--upgrade", _PIP], check=True)
    return python


def _resolved(python: Path, environment: Environment, *, locked: bool) -> dict[str, str]:
    """The versions of all packages of an environment, by name.

    Raises:
        LockError: there are none that go together.
    """
    command = [str(python), "-m", "pip", "install", "--dry-run", "--ignore-installed"]
    command += ["--quiet", "--only-binary", ":all:", "--report", "-"]
    command += ["--constraint", str(environment.lock_file)] if locked else []
    done = subprocess.run(
        [*command, f"{ROOT}[{environment.extras}]"], capture_output=True, text=True
    )
    if done.returncode:
        raise LockError("does not resolve:\n" + done.stderr.strip())
    versions = {
        entry["metadata"]["name"]: entry["metadata"]["version"]
        for entry in json.loads(done.stdout)["install"]
    }
    for name in _NOT_LOCKED:
        versions.pop(name, None)
    if environment in ENVIRONMENTS["cpu"]:
        versions = {name: version for name, version in versions.items() if not _OF_CUDA.match(name)}
    for builds in _BUILDS:
        if builds <= versions.keys():
            raise LockError(f"has {' and '.join(sorted(builds))}, which overwrite each other")
    return versions


def _cuda(versions: dict[str, str]) -> str:
    for name in ("nvidia-cuda-runtime", "nvidia-cuda-runtime-cu12"):
        if name in versions:
            return f"CUDA {versions[name]}"
    return "no CUDA"


def _lines(versions: dict[str, str]) -> list[str]:
    return [
        # Arbitrary equality: PyPI's build, which has CUDA, and none with a label such as "+cpu".
        f"{name}{'===' if name == 'torch' and _has_cuda(versions) else '=='}{version.split('+')[0]}"
        for name, version in sorted(versions.items(), key=lambda item: item[0].lower())
    ]


def _has_cuda(versions: dict[str, str]) -> bool:
    return any(name.startswith("nvidia-c") for name in versions)


def _write(lock: Path, versions: dict[str, str]) -> None:
    lock.write_text("\n".join(_lines(versions)) + "\n")


def _compare(lock: Path, versions: dict[str, str]) -> None:
    missing = sorted(set(_lines(versions)) - set(lock.read_text().split()))
    if missing:
        raise LockError(f"does not have {', '.join(missing)}: renew it")


if __name__ == "__main__":
    sys.exit(main())
