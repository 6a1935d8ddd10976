"""Which environments this machine needs, and what is installed in each."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
# Says what to install for, where that is not what this machine has.
VARIABLE = "EXPORTBENCH_DEVICE"
CHOICES = ("cpu", "cuda12", "cuda13")
# CUDA 13 has no kernels for cards before Turing (its release notes, "Deprecated Architectures").
_LEAST_CAPABILITY_OF_13 = [7, 5]
_LIMIT_S = 60


class ChoiceError(Exception):
    """The variable says something that there is not."""


@dataclass(frozen=True)
class Environment:
    """An environment of its own.

    Attributes:
        name: of its folder.
        extras: of this project, that are installed in it.
        lock: file of the versions.
        download: about how much comes over the network.
    """

    name: str
    extras: str
    lock: str
    download: str

    @property
    def lock_file(self) -> Path:
        """The file with the versions."""
        return ROOT / self.lock


_BESIDE_CUDA = "litert,openvino,data,detection,report,train,study,dev"
# TensorFlow's CUDA is version 12, whose files have the names of those of 13: no PyTorch beside it.
# jax2onnx brings ONNX Runtime's CPU build, which excludes the other. Exporting takes no card, so
# that JAX's CPU build does there, for jax2tf and jax2onnx.
_TENSORFLOW = Environment(
    "tensorflow", "tensorflow-gpu,jax,jax2onnx,export", "constraints-tensorflow.txt", "3.6 GB"
)
ENVIRONMENTS = {
    "cpu": (Environment("all", "all,dev", "constraints.txt", "4 GB"),),
    "cuda12": (
        Environment("all", f"cuda12,{_BESIDE_CUDA}", "constraints-cuda12.txt", "4.8 GB"),
        _TENSORFLOW,
    ),
    "cuda13": (
        Environment("all", f"cuda13,{_BESIDE_CUDA}", "constraints-cuda13.txt", "3.4 GB"),
        _TENSORFLOW,
    ),
}


def chosen() -> tuple[str, str]:
    """What to install for, one of `ENVIRONMENTS`, and why.

    Raises:
        ChoiceError: the variable says something that there is not.
    """
    named = os.environ.get(VARIABLE, "")
    if named and named not in CHOICES:
        raise ChoiceError(f"{VARIABLE}={named}: choose one of {', '.join(CHOICES)}")
    if named:
        return named, f"{VARIABLE} says so"
    if (sys.platform, platform.machine()) != ("linux", "x86_64"):
        return "cpu", "the CUDA builds are for Linux on x86-64"
    card = _card()
    if "problem" in card:
        return "cpu", str(card["problem"])
    major = card["cuda"] // 1000
    why = f"the driver runs CUDA {major}.{card['cuda'] % 1000 // 10}"
    if major < 12:
        return "cpu", f"{why}, the CUDA builds take 12 or newer: update the driver"
    if major > 12 and card["capability"] < _LEAST_CAPABILITY_OF_13:
        return "cuda12", f"{why}, which has nothing for a card of compute capability " + ".".join(
            map(str, card["capability"])
        )
    return f"cuda{min(major, 13)}", why


def _card() -> dict[str, Any]:
    try:
        done = subprocess.run(
            [sys.executable, str(ROOT / "tools" / "card.py")],
            capture_output=True,
            text=True,
            timeout=_LIMIT_S,
        )
        card: dict[str, Any] = json.loads(done.stdout)
    except (ValueError, subprocess.TimeoutExpired):
        return {"problem": "the NVIDIA driver does not answer"}
    return card
