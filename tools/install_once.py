"""Installs the project once, in environments that all of tox's environments run in.

tox cannot share a folder between environments, and PyTorch, TensorFlow and JAX are 4 GB and
minutes for each. Usage: install_once.py FOLDER makes FOLDER/all and, for a machine with a card,
FOLDER/tensorflow; it does nothing where they are up to date. With --show it only says which
they are, and why.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import subprocess
import sys
import venv
from pathlib import Path

from environments import ENVIRONMENTS, ROOT, ChoiceError, Environment, chosen


def main(arguments: list[str] | None = None) -> int:
    """Make the environments that this machine needs; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="where they are made")
    parser.add_argument("--show", action="store_true", help="say which, and install nothing")
    options = parser.parse_args(arguments)
    try:
        device, why = chosen()
    except ChoiceError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    if options.show:
        print(f"{device}: {why}")
    for environment in ENVIRONMENTS[device]:
        folder = options.folder / environment.name
        if options.show:
            print(f"{folder}: {environment.extras} ({environment.lock})")
            continue
        status = _install(environment, folder, f"for {device} ({why})")
        if status:
            return status
    return 0


def _install(environment: Environment, folder: Path, why: str) -> int:
    """Make an environment, or make it anew when what it depends on has changed.

    Of several processes at once, one makes it, and the others wait.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return _make(environment, folder, why)


def _make(environment: Environment, folder: Path, why: str) -> int:
    digest = hashlib.sha256(f"{sys.version} {ROOT} {environment.extras}".encode())
    for file in (ROOT / "pyproject.toml", environment.lock_file):
        digest.update(file.read_bytes())
    stamp = folder / "installed"
    if stamp.exists() and stamp.read_text() == digest.hexdigest():
        return 0
    size = f"about {environment.download} to download"
    print(f"Installing into {folder} {why}, once for all environments ({size})", flush=True)
    venv.create(folder, with_pip=True, clear=True)
    command = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet"]
    options = ["--disable-pip-version-check", "--constraint", str(environment.lock_file)]
    what = ["--editable", f"{ROOT}[{environment.extras}]"]
    # pip compiles one file after the other, and these are many.
    done = subprocess.run([*command, "--no-compile", *options, *what])
    if done.returncode == 0:
        # Packages hold tests, and files of other Pythons, which do not compile.
        tests = ["-x", "site-packages/.*/tests/"]
        compile_all = ["-m", "compileall", "-q", "-j", "0", *tests, str(folder / "lib")]
        subprocess.run(
            [command[0], *compile_all], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        stamp.write_text(digest.hexdigest())
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
