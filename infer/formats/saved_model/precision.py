"""Find the precision of a TensorFlow graph: the types that its operators calculate in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from ...errors import DamagedError
from ...tensors.precision import (
    Precision,
    Quantisation,
    bits_of,
    coarsest,
    precision_from,
    with_stored_weights,
)
from ..jax_export.precision import precision_of as precision_of_module
from ..protobuf import Message

# Operators that hand values on, or only store them.
_HOLD = {
    *("Const", "VarHandleOp", "ReadVariableOp", "AssignVariableOp", "Identity", "IdentityN"),
    *("NoOp", "Placeholder", "PartitionedCall", "StatefulPartitionedCall", "RestoreV2", "SaveV2"),
    *("VariableV2", "Variable", "MergeV2Checkpoints", "Assign", "Enter", "Exit", "Reshape"),
}
_MODULE = "XlaCallModule"
_TYPE, _INTEGER, _BYTES = 6, 3, 2
_QUANTISED = ("QuantizeV2", "QuantizeAndDequantize", "UniformQuantize", "FakeQuantWithMinMax")
_PRODUCTS = ("Quantized", "UniformQuantizedDot", "UniformQuantizedConvolution")


def precision_of(
    nodes: Iterable[Message],
    weights: Mapping[str, int],
    attribute: Callable[[Message, str], Message],
    dtype: Callable[[int], str],
    border: set[str],
) -> Precision:
    """Find the precision of a graph and its functions.

    Args:
        nodes: the nodes that its outputs depend on.
        weights: bytes of the weights among these, by type.
        attribute: an attribute of a node.
        dtype: name of a type by its number.
        border: types of the inputs and outputs.
    """
    arithmetic: set[str] = set()
    products = values = casts = 0
    bits: list[int] = []
    quantisation: Quantisation | None = None
    for node in nodes:
        kind = node.string(2)
        if kind == _MODULE:
            for module in attribute(node, "module").raw(_BYTES):
                try:
                    inner = precision_of_module(module, border)
                except DamagedError:
                    continue
                arithmetic.add(inner.arithmetic)
                quantisation = quantisation or inner.quantisation
        elif kind.startswith(_QUANTISED):
            values += 1
            bits.append(attribute(node, "num_bits").integer(_INTEGER) or 8)
        elif kind.startswith(_PRODUCTS):
            products += 1
        elif kind == "Cast":
            casts += bits_of(dtype(attribute(node, "SrcT").integer(_TYPE))) is not None
            arithmetic.add(dtype(attribute(node, "DstT").integer(_TYPE)))
        elif kind not in _HOLD:
            arithmetic.add(dtype(attribute(node, "T").integer(_TYPE)))
    if values or products:
        small = [width for name in weights if (width := bits_of(name)) is not None]
        quantisation = Quantisation(
            products, min(small, default=8), values, min(bits, default=8), dynamic=True
        )
    elif casts and quantisation is None:  # such as weights of 8 bits that are converted
        quantisation = with_stored_weights(weights, casts)
    floats = {name for name in weights if coarsest([name])}
    return precision_from(arithmetic or floats, floats, quantisation)
