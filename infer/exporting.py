"""Functions of this package for exporters, besides the types of artifacts.

Exporters use only this module, `api` (they load and compare artifacts with the public functions),
`errors`, `outcome`, `artifacts.manifest` and `tensors.signature`.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from .artifacts.files import sha256_of
from .runtimes.registry import RUNTIMES, runtimes_for
from .sandbox.artifact_reader import open_artifact
from .sandbox.trust import remember
from .system import interpreters, nvml
from .system.machine import cores as cores
from .system.visible_cards import WITHOUT_CUDA, variables_for_card, visible


def file_sha256(path: Path) -> str:
    """Compute the SHA-256 of a file in hexadecimal digits, as in manifests."""
    return sha256_of(path)


def runtime_package(format_name: str) -> str | None:
    """The package that loads artifacts of a format; None if none is needed."""
    return RUNTIMES[runtimes_for(format_name)[0]].package


def python_with(packages: Sequence[str]) -> str | None:
    """Find an interpreter that has all packages: this one, else one of $EXPORTBENCH_PYTHONS.

    Raises:
        UsageError: one that is looked into does not run.
    """
    return interpreters.python_with(packages)


def python_for_device(format_name: str, device: str) -> str | None:
    """Find an interpreter that can run a format's runtime on a device; None if there is none.

    Args:
        format_name: format of the artifacts.
        device: "cpu" or "cuda".

    Raises:
        UsageError: an interpreter of $EXPORTBENCH_PYTHONS does not run.
    """
    return interpreters.python_of(runtimes_for(format_name)[0], device)


def can_use_cuda(format_name: str) -> bool:
    """Whether this machine has a visible card, and a CUDA build of the runtime.

    Raises:
        UsageError: an interpreter of $EXPORTBENCH_PYTHONS does not run.
    """
    cards = visible(nvml.cards(), os.environ.get("CUDA_VISIBLE_DEVICES"))
    return bool(cards) and interpreters.has_cuda_build(runtimes_for(format_name)[0])


def environment_for(device: str) -> dict[str, str]:
    """Environment variables with which a process sees no card ("cpu"), or the card of a run."""
    if device == "cpu":
        return dict(WITHOUT_CUDA)
    cards = visible(nvml.cards(), os.environ.get("CUDA_VISIBLE_DEVICES"))
    return variables_for_card(next((card.visible_as for card in cards if not card.unusable), None))


def trust_exported(folder: Path) -> None:
    """Remember an artifact as made on this machine, so that it is measured without --trust.

    Raises:
        ArtifactError: the folder holds no artifact.
        OSError: the list of such artifacts cannot be written.
    """
    remember(open_artifact(folder))
