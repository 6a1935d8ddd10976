"""Compare tensors and outputs of two artifacts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...artifacts.artifact import Artifact
from ...errors import InputError, MapError
from ...inputs.loading import array_names
from ...outcome import Failure, Outcome
from ...parity.alignment import OtherCallsError, align
from ...parity.comparing import largest_difference
from ...parity.tolerance import tolerances
from ...tensors.rules import rules_for
from .onnx_tensors import Tensor
from .running import ArtifactRun, BisectOptions


@dataclass(frozen=True)
class TensorComparison:
    """Comparison of a tensor of a with its partner in b.

    Attributes:
        name, node, operator: in a.
        other: its name in b.
        paired: how they were paired: by "name", by "value" (they agree), or by "order" and shape.
        shape: shape of the tensor in a.
        largest_difference: None if only one of two values is finite, or if shapes differ.
        tolerance, how: largest difference that passes, and how it was derived.
        passed: whether the difference passes.
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
            "samples, and one takes only some numbers of samples a call: give --samples 1",
        ) from None
    names = {match.other: match.name for match in aligned.matches}
    return [
        compare_tensor(
            Tensor(name, "output", "", ()),
            names[name],
            "name",
            aligned.expected[name],
            array,
            options.tolerance,
        )
        for name, array in aligned.outputs.items()
    ]


def compare_tensor(
    tensor: Tensor,
    other: str,
    paired: str,
    array: np.ndarray,
    theirs: np.ndarray,
    tolerance: float | None,
) -> TensorComparison:
    """Compare a tensor with its partner.

    Args:
        tensor: of `a`.
        other: its partner's name in `b`.
        paired: how the partner was found.
        array: the value of the tensor.
        theirs: the value of its partner, in the tensor's layout.
        tolerance: given by the user; None goes by precision.
    """
    limit = tolerances({tensor.name: array}, [theirs.dtype.name], given=tolerance)[tensor.name]
    largest = largest_difference(theirs, array)
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
        largest is not None and largest <= limit.value,
    )
