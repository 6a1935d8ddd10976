"""How far tensors of two artifacts may differ, from the precisions of both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ...parity.tolerance import Tolerance, quantised_tolerances, tolerances
from ...tensors.outputs import Outputs
from ...tensors.precision import OutputSteps, Precision
from .onnx_tensors import Graph

# Operators that round values to steps.
_ROUNDING = {"QuantizeLinear", "DynamicQuantizeLinear", "DynamicQuantizeMatMul"}
# Operators that take quantised weights.
_WEIGHTS = {
    *("DequantizeLinear", "MatMulInteger", "ConvInteger", "QLinearMatMul", "QLinearConv", "QGemm"),
    *("MatMulIntegerToFloat", "DynamicQuantizeMatMul", "MatMulNBits", "MatMulBnb4"),
}


@dataclass(frozen=True)
class Counts:
    """Number of quantised weights and values that a tensor is calculated from."""

    weights: int
    values: int


@dataclass(frozen=True)
class Limits:
    """The tolerances between two artifacts.

    Attributes:
        precisions: precisions of both artifacts.
        given: the user's tolerance; None goes by precision.
    """

    precisions: tuple[Precision, ...]
    given: float | None = None

    def for_outputs(self, expected: Outputs) -> dict[str, Tolerance]:
        """The tolerances of outputs.

        Args:
            expected: outputs of the first artifact, by its names.
        """
        names = [name for precision in self.precisions for name in precision.floating_point]
        limits = tolerances(expected, names, given=self.given)
        quantised = [
            precision.quantisation for precision in self.precisions if precision.quantisation
        ]
        if self.given is not None or not quantised:
            return limits
        known = [(how, how.steps_by(list(expected))) for how in quantised]
        return limits | quantised_tolerances(expected, known)

    def for_tensor(
        self, name: str, array: np.ndarray, other: np.ndarray, counts: Sequence[Counts] = ()
    ) -> Tolerance:
        """The tolerance of a tensor inside.

        Args:
            name: its name in the first artifact.
            array: its value there.
            other: its value in the second artifact.
            counts: the quantised values that it is calculated from, in both artifacts.
        """
        types = [
            other.dtype.name,
            *(name for precision in self.precisions for name in precision.floating_point),
        ]
        limits = tolerances({name: array}, types, given=self.given)
        if self.given is not None:
            return limits[name]
        nothing: Mapping[str, OutputSteps] = {}
        quantised = [
            (
                replace(precision.quantisation, weights=count.weights, activations=count.values),
                nothing,
            )
            for precision, count in zip(self.precisions, counts, strict=False)
            if precision.quantisation and (count.weights or count.values)
        ]
        return (limits | quantised_tolerances({name: array}, quantised) if quantised else limits)[
            name
        ]


def count_quantised(graph: Graph) -> dict[str, Counts]:
    """Count the quantised weights and values that each tensor of a graph is calculated from."""
    rounding: dict[str, int] = {}
    weights: dict[str, int] = {}
    calculated = {tensor.name for tensor in graph.tensors} | set(graph.inputs)
    for place, tensor in enumerate(graph.tensors):
        sources = [name for name in tensor.inputs if name in rounding]
        rounded = weighed = 0
        for name in sources:
            rounded |= rounding[name]
            weighed |= weights[name]
        is_quantised = tensor.operator.startswith("QLinear") or tensor.operator == "QGemm"
        if (tensor.operator in _ROUNDING or is_quantised) and set(tensor.inputs[:1]) & calculated:
            rounded |= 1 << place
        if tensor.operator in _WEIGHTS and (
            tensor.operator != "DequantizeLinear" or not set(tensor.inputs[:1]) & calculated
        ):
            weighed |= 1 << place
        rounding[tensor.name], weights[tensor.name] = rounded, weighed
    return {
        name: Counts(weights[name].bit_count(), rounding[name].bit_count()) for name in rounding
    }
