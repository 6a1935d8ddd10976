"""What people install: the wheel and the sdist, made from the working tree without a network."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
_BUILD = """\
from setuptools import build_meta
build_meta.build_sdist("dist")
build_meta.build_wheel("dist")
"""


def build(folder: Path) -> Path:
    """Build both from a copy of the sources below a folder; the folder that holds them."""
    source = folder / "source"
    source.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    # All that setuptools might take by mistake.
    for name in ("infer", "train", "export", "study", "tests", "tools"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    done = subprocess.run(
        [sys.executable, "-c", _BUILD], cwd=source, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return source / "dist"


def unpack(wheel: Path, folder: Path) -> Path:
    """Install a wheel of pure Python in a folder, for the import path."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder
