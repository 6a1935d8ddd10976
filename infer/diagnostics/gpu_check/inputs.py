"""The inputs that stages call artifacts with."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ...inputs.loading import read_inputs
from ...sandbox.artifact_reader import open_artifact
from .setting import Setting, StageError


def fits(inputs: Path, paths: Sequence[Path]) -> bool:
    """Whether inputs are of the shapes that artifacts state; one that states none takes any."""
    shapes = {name: array.shape for name, array in read_inputs(inputs).items()}
    manifests = [open_artifact(path).manifest for path in paths]
    return all(
        len(shapes.get(spec.name, ())) == len(spec.sizes)
        and all(
            size == wanted
            for size, wanted in zip(shapes[spec.name], spec.sizes, strict=True)
            if isinstance(wanted, int)
        )
        for manifest in manifests
        if manifest is not None
        for spec in manifest.signature.inputs
        if spec.shape is not None
    )


def inputs_of(path: Path, setting: Setting) -> Path:
    """The file of inputs for an artifact: the user's if it fits, else the one of its manifest.

    Raises:
        StageError: there is none.
    """
    if setting.inputs and fits(setting.inputs, [path]):
        return setting.inputs
    manifest = open_artifact(path).manifest
    if manifest is None or manifest.evaluation is None:
        raise StageError(f"{path}: names no inputs; give some with --inputs")
    return (path / manifest.evaluation.file).resolve()
