"""Write into the index of an artifact's outputs which axis of each is that of the samples."""

from __future__ import annotations

from pathlib import Path

from ..records.processes import BatchProbe
from ..tensors.output_files import read_saved, write_axes
from ..tensors.sample_axis import sample_axes
from ..tensors.signature import Signature
from .run_context import RunContext


def write_sample_axes(
    context: RunContext, label: str, folder: Path, signature: Signature, probe: BatchProbe | None
) -> None:
    """Decide which axes are those of the samples, from what preflight has found out.

    Args:
        context: context of the run.
        label: label of the artifact.
        folder: folder of outputs of it.
        signature: its signature, as it was loaded.
        probe: its call with another number of samples.

    Raises:
        OutputError: the outputs cannot be read.
    """
    manifest = context.artifacts[label].manifest
    stated = [manifest.signature] if manifest else []
    axes = sample_axes(
        read_saved(folder),
        [*stated, signature],
        {name: output.axes for name, output in probe.outputs.items()} if probe else {},
        other_size=bool(probe and not probe.permuted),
    )
    write_axes(folder, axes)
