"""The record beside every weights file: its training and its metrics."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
from pathlib import Path
from typing import Any

RECORD_VERSION = 1
PROFILE_NOTICES = {
    "quick": "QUICK TRAINING: a few dozen steps, to see that everything works. "
    "Its accuracy says nothing of the framework.",
}
_PACKAGES = {
    "keras": ("keras", "tensorflow"),
    "torch": ("torch",),
    "flax": ("flax", "jax", "jaxlib", "optax"),
}


def record_path(weights: Path) -> Path:
    """The record that belongs to a weights file."""
    return weights.with_suffix(".json")


def write_record(weights: Path, record: dict[str, Any]) -> Path:
    """Write the record of a weights file, whole or not at all; return its path."""
    path = record_path(weights)
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps({"record_version": RECORD_VERSION} | record, indent=2) + "\n")
    partial.replace(path)
    return path


def read_record(weights: Path) -> dict[str, Any] | None:
    """The record of a weights file; None where there is none that can be read."""
    try:
        record = json.loads(record_path(weights).read_text())
    except (OSError, ValueError):
        return None
    return record if isinstance(record, dict) else None


def environment(framework: str) -> dict[str, Any]:
    """Machine, system and versions of a training."""
    packages = (*_PACKAGES[framework], "numpy")
    return machine() | {
        "versions": {name: importlib.metadata.version(name) for name in packages},
    }


def machine() -> dict[str, Any]:
    """The machine and its system."""
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count(),
        "system": platform.platform(terse=True),
        "python": platform.python_version(),
    }


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
