"""What an artifact's outputs owe to the other samples of a call, by the probe of its preflight."""

from __future__ import annotations

from collections.abc import Mapping

from ..parity.neighbours import dependent_outputs
from ..parity.tolerance import Tolerance, tolerances
from ..records.processes import BatchProbe
from .run_context import RunContext
from .run_tolerances import precision, tolerances_by_precision, unrepeatable_outputs


def changes_by_neighbours(context: RunContext, label: str) -> dict[str, float | None]:
    """Find the outputs that change with the other samples of a call, and by how much.

    Outputs that change between equal calls are left out: they change for another reason. So are
    outputs whose samples are not known: these are compared by calls, of which each is one answer.
    """
    probe = context.preflight(label).batch_probe
    if probe is None:
        return {}
    changed = unrepeatable_outputs(context, label)
    outputs = context.outputs.compared(label)
    arrays = {name: output.array for name, output in outputs.items()}
    limits = tolerances_by_precision(context, label, arrays)
    return {
        name: by
        for name, by in _changes(probe, limits).items()
        if name not in changed and outputs[name].has_samples
    }


def may_repeat_samples(context: RunContext, label: str, probe: BatchProbe) -> bool:
    """Whether samples are shown to be independent, so that a batch may hold one several times.

    Args:
        context: context of the run.
        label: label of an artifact, whose preflight has saved its outputs.
        probe: probe of that preflight, which may not be finished.
    """
    limits = tolerances(context.outputs.values(label), precision(context, label).floating_point)
    return probe.samples is not None and not _changes(probe, limits)


def _changes(probe: BatchProbe, limits: Mapping[str, Tolerance]) -> dict[str, float | None]:
    return dependent_outputs(
        limits,
        {name: probed.difference for name, probed in probe.outputs.items()},
        {name: probed.axes for name, probed in probe.outputs.items()},
    )
