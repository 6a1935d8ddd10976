"""Installs the project once, in an environment that all of tox's environments run in.

tox cannot share a folder between environments, and PyTorch, TensorFlow and JAX are 4 GB and
minutes for each. Usage: install_once.py FOLDER; does nothing if FOLDER is up to date.
"""

import hashlib
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
EXTRAS = "all,dev"


def main(folder: Path) -> int:
    """Make the environment, or make it anew when what it depends on has changed."""
    digest = hashlib.sha256(f"{sys.version} {ROOT} {EXTRAS}".encode())
    for name in ("pyproject.toml", "constraints.txt"):
        digest.update((ROOT / name).read_bytes())
    stamp = folder / "installed"
    if stamp.exists() and stamp.read_text() == digest.hexdigest():
        return 0
    print(f"Installing into {folder}, once for all environments (about 4 GB)", flush=True)
    venv.create(folder, with_pip=True, clear=True)
    command = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet"]
    options = ["--disable-pip-version-check", "--constraint", str(ROOT / "constraints.txt")]
    done = subprocess.run([*command, *options, "--editable", f"{ROOT}[{EXTRAS}]"])
    if done.returncode == 0:
        stamp.write_text(digest.hexdigest())
    return done.returncode


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
