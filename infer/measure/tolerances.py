"""What may differ between two artifacts of a run, by what is known of their precision."""

from __future__ import annotations

from collections.abc import Mapping

from ..parity.tolerance import Tolerance, step_of, tolerances
from ..tensors.outputs import Outputs
from .run_context import RunContext


def tolerances_between(
    context: RunContext,
    label: str,
    reference: str,
    expected: Outputs,
    noise: Mapping[str, float] | None = None,
    *,
    on_cpu: bool = False,
) -> dict[str, Tolerance]:
    """What may differ between an artifact and another, by output.

    Args:
        context: of the run.
        label: of the artifact.
        reference: label of the other.
        expected: outputs of the other.
        noise: by how much the other differs from itself, by output.
        on_cpu: the other was run on the CPU.
    """
    theirs = _precisions(context, reference)
    if on_cpu:  # where there is no TF32, whatever it takes on the card
        theirs = [precision for precision in theirs if precision != "tf32"]
    precisions = [*_precisions(context, label), *theirs]
    return tolerances(expected, precisions, given=context.plan.tolerance, noise=noise)


def unrepeatable_outputs(context: RunContext, label: str) -> dict[str, float | None]:
    """The outputs that a second call on the same inputs changed, and by how much."""
    outputs = context.outputs(label)
    limits = tolerances_between(context, label, label, outputs)
    changed = context.preflight(label).repeat.differences
    return {
        name: difference
        for name in outputs
        if (difference := changed[name]) is None or difference > limits[name].value
    }


def _precisions(context: RunContext, label: str) -> list[str]:
    """What the manifest of an artifact says, or the types of its inputs and outputs.

    And TF32, where that may have been used or cannot be ruled out.
    """
    manifest, preflight = context.artifacts[label].manifest, context.preflight(label)
    tf32 = preflight.predict.placement.get("tf32", False) is not False
    if manifest and step_of(manifest.precision) is not None:
        precisions = [manifest.precision]
    else:
        signature = preflight.load.signature
        precisions = [spec.dtype for spec in (*signature.inputs, *signature.outputs)]
    return [*precisions, "tf32"] if tf32 else precisions
