"""Requirements of exporters that compile: a C++ compiler, a device, CUDA's headers."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from export.exporters import EXPORTERS
from infer.exporting import can_use_cuda


def compiler() -> str | None:
    """The C++ compiler that PyTorch would call; None if there is none."""
    return shutil.which(os.environ.get("CXX", "g++"))


def toolkit() -> Path | None:
    """The folder of the CUDA toolkit that PyTorch would look for headers in; None without them.

    PyTorch's packages bring libraries, but not all headers that its compiled code includes.
    """
    named = os.environ.get("CUDA_HOME") or os.environ.get("CUDA_PATH")
    nvcc = shutil.which("nvcc")
    folder = Path(named or (Path(nvcc).parent.parent if nvcc else "/usr/local/cuda"))
    return folder if (folder / "include" / "cuda_runtime.h").is_file() else None


def missing_compiler(name: str, device: str = "cpu") -> str | None:
    """Why an exporter cannot compile for a device here; None if it can, or need not."""
    if not EXPORTERS[name].compiles:
        return None
    if compiler() is None:
        return "needs a C++ compiler, and there is none here: install g++, or name one in CXX"
    if device == "cuda" and toolkit() is None:
        return (
            "needs CUDA's headers to compile for a card, and there are none here: install the CUDA "
            "toolkit, or name its folder in CUDA_HOME (--device cpu compiles for the CPU)"
        )
    return None


def device_to_compile_for(wanted: str) -> str:
    """Resolve "auto": "cuda" if there is a card and a PyTorch for CUDA, otherwise "cpu".

    Raises:
        UsageError: an interpreter of $EXPORTBENCH_PYTHONS does not run.
    """
    if wanted != "auto":
        return wanted
    return "cuda" if can_use_cuda("aotinductor") else "cpu"
