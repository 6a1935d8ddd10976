"""The tolerances between two artifacts of a run, from their precisions (parity/tolerance.py)."""

from __future__ import annotations

from collections.abc import Mapping

from ..parity.rounding import with_rounding
from ..parity.tolerance import Tolerance, step_of, tolerances
from ..tensors.outputs import Outputs
from .run_context import RunContext


def tolerances_between(
    context: RunContext,
    label: str,
    reference: str,
    expected: Outputs,
    rounding: Mapping[str, float | None] | None = None,
    *,
    on_cpu: bool = False,
) -> dict[str, Tolerance]:
    """Derive the tolerances between an artifact and its reference, by output.

    Args:
        context: context of the run.
        label: label of the artifact.
        reference: label of the reference.
        expected: outputs of the reference.
        rounding: rounding of the reference, by output.
        on_cpu: whether the reference was run on the CPU.
    """
    given = context.plan.tolerance
    theirs = _precisions(context, reference)
    if on_cpu:  # the CPU has no TF32, whatever is used on the card
        theirs = [precision for precision in theirs if precision != "tf32"]
    precisions = [*_precisions(context, label), *theirs]
    limits = tolerances(expected, precisions, given=given)
    return with_rounding(limits, rounding, expected) if rounding and given is None else limits


def tolerances_by_precision(
    context: RunContext, label: str, outputs: Outputs
) -> dict[str, Tolerance]:
    """Derive how far outputs of one artifact may differ by rounding, whatever the user allows."""
    return tolerances(outputs, _precisions(context, label))


def unrepeatable_outputs(context: RunContext, label: str) -> dict[str, float | None]:
    """Find the outputs that changed in a second call on the same inputs, and by how much."""
    outputs = context.outputs(label)
    limits = tolerances_by_precision(context, label, outputs)
    changed = context.preflight(label).repeat.differences
    return {
        name: difference
        for name in outputs
        if (difference := changed[name]) is None or difference > limits[name].value
    }


def _precisions(context: RunContext, label: str) -> list[str]:
    """The precision in an artifact's manifest, or the types of its inputs and outputs.

    TF32 is added if it may have been used.
    """
    manifest, preflight = context.artifacts[label].manifest, context.preflight(label)
    tf32 = preflight.predict.placement.get("tf32", False) is not False
    if manifest and step_of(manifest.precision) is not None:
        precisions = [manifest.precision]
    else:
        signature = preflight.load.signature
        precisions = [spec.dtype for spec in (*signature.inputs, *signature.outputs)]
    return [*precisions, "tf32"] if tf32 else precisions
