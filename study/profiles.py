"""The share of each operator in a runtime's time, from the runtime's own profiler."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from export.exporters import EXPORTERS
from infer.system import machine
from study.jobs import ask
from study.setup import NATIVE

PROFILED = ("onnx-torch", *NATIVE.values())
BATCHES = (128, 1)


def measure(exported: Path, images: Path, tell: Callable[[str], None]) -> dict[str, Any]:
    """Seconds a call of each operator, by artifact and batch.

    Args:
        exported: folder with the artifacts of the weights, by exporter.
        images: `.npz` of `image`.
        tell: is called with what is going on.

    Raises:
        StudyError: one of them failed.
    """
    measured: dict[str, dict[str, Any]] = {}
    for name in PROFILED:
        exporter = EXPORTERS[name]
        measured[name] = {}
        for batch in BATCHES:
            tell(f"profile of {name}, batch {batch}")
            job = {
                "format": exporter.format,
                "artifact": str(exported / name / exporter.payload),
                "images": str(images),
                "batch": batch,
                "threads": machine.cores(),
            }
            measured[name][str(batch)] = ask("study.profile_once", job)
    return {"environment": machine.describe(), "artifacts": measured}
