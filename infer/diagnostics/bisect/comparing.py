"""Compare tensors and outputs of two artifacts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ...artifacts.artifact import Artifact
from ...errors import InputError, MapError
from ...inputs.loading import LABELS, array_names, read_inputs
from ...outcome import Failure, Outcome
from ...parity.alignment import Aligned, OtherCallsError, align
from ...parity.comparing import compare, largest_difference, scores_of
from ...parity.quantised_decision import Decision, decide, why_beyond
from ...parity.quantised_outputs import judge
from ...parity.tolerance import Tolerance
from ...stats.accuracy import paired_difference
from ...tensors.chunks import largest_columns
from ...tensors.differences import differences
from ...tensors.rules import rules_for
from .onnx_tensors import Tensor
from .running import ArtifactRun, BisectOptions
from .tolerance import Counts, Limits


@dataclass(frozen=True)
class TensorComparison:
    """Comparison of a tensor of a with its partner in b.

    Attributes:
        name, node, operator: in a.
        other: its name in b.
        paired: how they were paired: by "name", by "value" (they agree), or by "order" and shape.
        shape: shape of the tensor in a.
        largest_difference: None if only one of two values is finite, or if shapes differ.
        not_finite: how many of its values are not finite, in a and in b.
        tolerance, how: largest difference that passes, and how it was derived.
        passed: whether the difference passes.
        reason: what decided about a quantised model, in words; "" for others.
        inputs_agree: whether all tensors that the node takes, as far as they were compared, agree;
            None if none was.
    """

    name: str
    node: str
    operator: str
    other: str
    paired: str
    shape: tuple[int, ...]
    largest_difference: float | None
    tolerance: float
    how: str
    passed: bool
    reason: str = ""
    not_finite: tuple[int, int] = (0, 0)
    inputs_agree: bool | None = None


def compare_outputs(
    a: Artifact, b: Artifact, runs: Sequence[ArtifactRun], options: BisectOptions
) -> list[TensorComparison]:
    """Compare the outputs of two artifacts, by the names that `a` has for them.

    Raises:
        Failure: outputs are missing or too many, or could be several.
        InputError: the user's rules do not fit.
    """
    expected, outputs = (run.outputs for run in runs)
    inputs = [spec.name for spec in runs[1].signature.inputs]
    assert options.inputs
    try:
        _, rules = rules_for(
            options.input_options.rules,
            b.label,
            inputs,
            list(outputs),
            array_names(options.inputs),
            expected,
        )
    except MapError as error:
        raise InputError(str(error)) from None
    try:
        aligned = align(outputs, expected, rules, b.label, a.label)
    except OtherCallsError as error:
        raise Failure(
            Outcome.UNSUPPORTED,
            f"'{error.name}' of {b.label} and '{error.other}' of {a.label} have no known axis of "
            "samples, and one takes only some numbers of samples a call; "
            f"{_same_call(runs, options.skip)}",
        ) from None
    names = {match.other: match.name for match in aligned.matches}
    limits = Limits(tuple(run.precision for run in runs), options.tolerance).for_outputs(
        aligned.expected
    )
    compared = [
        _compare(
            Tensor(name, "output", "", ()),
            names[name],
            "name",
            aligned.expected[name],
            array,
            limits[name],
        )
        for name, array in aligned.outputs.items()
    ]
    if not any(limit.expected for limit in limits.values()):
        return compared
    decision = _decision(aligned, limits, options)
    return [
        replace(output, passed=output.passed or decision.passed, reason=decision.text)
        if limits[output.name].expected
        else output
        for output in compared
    ]


def _same_call(runs: Sequence[ArtifactRun], skip: int) -> str:
    """What to do for both artifacts to have all samples in one call."""
    sizes = {run.fixed for run in runs if run.fixed} or {
        size
        for run in runs
        for output in run.outputs.values()
        if (size := len(output.calls[0].rows)) != run.samples
    }
    if len(sizes) != 1:
        return "no number of samples suits both"
    (size,) = sizes
    if size > runs[0].available - skip:
        return f"it takes {size}: give inputs with so many, and --samples {size}"
    return f"give --samples {size}"


def _decision(
    aligned: Aligned, limits: Mapping[str, Tolerance], options: BisectOptions
) -> Decision:
    """Decide about a quantised model as `run` does, by labels or accuracy too."""
    result = compare(aligned.outputs, aligned.expected, limits, calls=aligned.calls)
    scores = scores_of(aligned.expected)
    labels = read_inputs(options.inputs, none_is_well=True).get(LABELS) if options.inputs else None
    accuracy = None
    if labels is not None and labels.dtype.kind in "iu" and scores:
        labels = labels[options.skip : options.skip + len(aligned.expected[scores])]
        accuracy = paired_difference(
            *(
                largest_columns(side[scores]) == labels
                for side in (aligned.outputs, aligned.expected)
            )
        )
    return decide(result, aligned.outputs, aligned.expected, limits, scores, accuracy)


def compare_tensor(
    tensor: Tensor,
    other: str,
    paired: str,
    array: np.ndarray,
    theirs: np.ndarray,
    limits: Limits,
    counts: Sequence[Counts] = (),
) -> TensorComparison:
    """Compare a tensor with its partner.

    Args:
        tensor: of `a`.
        other: its partner's name in `b`.
        paired: how the partner was found.
        array: the value of the tensor.
        theirs: the value of its partner, in the tensor's layout.
        limits: tolerances between the two artifacts.
        counts: the quantised values that it is calculated from, in both artifacts.
    """
    limit = limits.for_tensor(tensor.name, array, theirs, counts)
    return _compare(tensor, other, paired, array, theirs, limit)


def _compare(
    tensor: Tensor,
    other: str,
    paired: str,
    array: np.ndarray,
    theirs: np.ndarray,
    limit: Tolerance,
) -> TensorComparison:
    largest = largest_difference(theirs, array)
    passed, reason = largest is not None and largest <= limit.value, ""
    if largest is not None and limit.expected is not None:
        difference = differences(theirs, array)
        judged = judge(theirs, array, difference, limit.expected)
        passed = bool(judged["passed"])
        if not passed:
            judged |= {"largest_difference": largest, "tolerance": limit.value}
            reason = why_beyond(tensor.name, judged, limit.expected)
    return TensorComparison(
        tensor.name,
        tensor.node,
        tensor.operator,
        other,
        paired,
        array.shape,
        largest,
        limit.value,
        limit.how,
        passed,
        reason,
        (_not_finite(array), _not_finite(theirs)),
    )


def _not_finite(array: np.ndarray) -> int:
    if array.dtype.kind not in "fc":
        return 0
    return int(array.size - np.isfinite(array).sum())
