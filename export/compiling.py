"""What exporters that compile need of this machine: a C++ compiler, and a device."""

from __future__ import annotations

import os
import shutil

from export.exporters import EXPORTERS
from infer import nvml
from infer.devices import visible
from infer.interpreters import has_cuda_build


def compiler() -> str | None:
    """The C++ compiler that PyTorch would call; None where it is not found."""
    return shutil.which(os.environ.get("CXX", "g++"))


def missing_compiler(name: str) -> str | None:
    """Why an exporter cannot compile here; None if it can, or need not."""
    if not EXPORTERS[name].compiles or compiler():
        return None
    return "takes a C++ compiler, and there is none here: install g++, or name one in CXX"


def device_to_compile_for(wanted: str) -> str:
    """What "auto" is: "cuda" where there is a card and a PyTorch for CUDA, otherwise "cpu".

    Raises:
        UsageError: an interpreter of $EXPORTBENCH_PYTHONS does not run.
    """
    if wanted != "auto":
        return wanted
    cards = visible(nvml.cards(), os.environ.get("CUDA_VISIBLE_DEVICES"))
    return "cuda" if cards and has_cuda_build("aotinductor") else "cpu"
