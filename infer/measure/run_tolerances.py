"""The tolerances between two artifacts of a run, from their precisions (parity/tolerance.py)."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from ..parity.rounding import with_rounding
from ..parity.tolerance import FLOAT32_STEP, Tolerance, quantised_tolerances, step_of, tolerances
from ..records.artifact_events import ArtifactOpened
from ..tensors.comparison_options import RowSet
from ..tensors.outputs import Outputs
from ..tensors.precision import OutputSteps, Precision, Quantisation
from .run_context import RunContext

# Precisions of a runtime's arithmetic, as its placement names them.
_OF_RUNTIMES = {"bf16": "bfloat16", "f16": "float16"}


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
    if given is not None:
        return limits
    if rounding:
        limits = with_rounding(limits, rounding, expected)
    steps = [_steps(context, name, expected) for name in dict.fromkeys((label, reference))]
    known = [by_output for by_output in steps if by_output is not None]
    return limits | quantised_tolerances(expected, known) if known else limits


def tolerances_by_precision(
    context: RunContext, label: str, outputs: Outputs
) -> dict[str, Tolerance]:
    """Derive how far outputs of one artifact may differ by rounding, whatever the user allows.

    Quantisation changes nothing between two calls on the same inputs.
    """
    return tolerances(outputs, _precisions(context, label))


def relative_step(context: RunContext, label: str) -> float:
    """The relative step of the coarsest precision of an artifact; that of float32 is the least."""
    return max([FLOAT32_STEP, *(step_of(name) or 0.0 for name in _precisions(context, label))])


def sets_of(context: RunContext, outputs: Collection[str]) -> list[RowSet]:
    """The user's sets of which an artifact has all outputs, by the same names."""
    return [row_set for row_set in context.plan.row_sets if {*row_set.names} <= {*outputs}]


def unrepeatable_outputs(context: RunContext, label: str) -> dict[str, float | None]:
    """Find the outputs that changed when calls were repeated, and by how much.

    On the CPU equal calls add up in the same order, whatever the precision, so that the limit is
    that of the outputs' own types: a state that is small beside a coarse precision shows too.
    """
    changed = context.preflight(label).repeat.differences
    if all(difference == 0 for difference in changed.values()):
        return {}  # which is most artifacts, and spares reading their outputs
    outputs = context.outputs.values(label)
    limits = tolerances(outputs, [])
    if context.plan.device != "cpu":
        limits = tolerances_by_precision(context, label, outputs)
    return {
        name: difference
        for name in outputs
        if (difference := changed.get(name, 0.0)) is None or difference > limits[name].value
    }


def precision(context: RunContext, label: str) -> Precision:
    """The precision that an artifact is judged by."""
    return context.store.latest(ArtifactOpened)[label].precision or Precision()


def overflow_is_hidden(context: RunContext, label: str) -> bool:
    """Whether values beyond the range of float16 may not overflow here as they do elsewhere.

    ONNX Runtime and OpenVINO calculate in float32 for float16 on most CPUs.
    """
    arithmetic = precision(context, label).arithmetic
    placement = context.preflight(label).predict.placement
    is_widened = context.artifacts[label].format in ("onnx", "openvino")
    if arithmetic != "float16" or not is_widened or placement["device"] != "cpu":
        return False
    return _OF_RUNTIMES.get(placement.get("precision", "")) != arithmetic


def _steps(
    context: RunContext, label: str, expected: Outputs
) -> tuple[Quantisation, Mapping[str, OutputSteps]] | None:
    """How an artifact is quantised, and the last steps of its outputs by the reference's names."""
    quantisation = precision(context, label).quantisation
    return (quantisation, quantisation.steps_by(list(expected))) if quantisation else None


def _precisions(context: RunContext, label: str) -> list[str]:
    """The floating-point types of an artifact, and those that its runtime may calculate in."""
    preflight = context.preflight(label)
    placement = preflight.predict.placement
    names = precision(context, label).floating_point
    if not names:
        signature = preflight.load.signature
        names = [spec.dtype for spec in (*signature.inputs, *signature.outputs)]
    if placement.get("precision") in _OF_RUNTIMES:
        names.append(_OF_RUNTIMES[placement["precision"]])
    return [*names, "tf32"] if placement.get("tf32", False) is not False else names
