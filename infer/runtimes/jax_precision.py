"""In which precision a StableHLO module asks for its products of float32."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from jax.extend.mlir.dialects import stablehlo
from jax.interpreters import mlir

# Operations that multiply and add, which a GPU may do in TF32.
_DOTS = ("stablehlo.dot", "stablehlo.dot_general", "chlo.ragged_dot")
_PRODUCTS = (*_DOTS, "stablehlo.convolution", "stablehlo.dynamic_conv")


@dataclass(frozen=True)
class Products:
    """How many products of float32 a module has.

    Attributes:
        dots: that may be calculated in less than float32.
        convolutions: that may be, too.
        exact: that may not.
    """

    dots: int = 0
    convolutions: int = 0
    exact: int = 0

    @property
    def requested_precision(self) -> str:
        """What the module asks for: "highest", "default" or "mixed"; "none" without products."""
        if not (self.dots or self.convolutions):
            return "highest" if self.exact else "none"
        return "mixed" if self.exact else "default"


def products_of(module: bytes) -> Products:
    """Look through a serialized module.

    XLA takes TF32 on a GPU for every product that does not ask for the highest precision of both
    operands: "high" and the default allow it (xla_data.proto, PrecisionConfig; the choice of
    cuBLAS's arithmetic and of cuDNN's algorithms asks for no more than that). An algorithm that a
    product names overrides its precision.
    """
    context = mlir.make_ir_context()
    with context:
        root = stablehlo.deserialize_portable_artifact(context, module)
        dots = convolutions = exact = 0
        for operation in _operations(root.operation):
            if operation.name not in _PRODUCTS or not _of_float32(operation):
                continue
            if _is_exact(operation):
                exact += 1
            elif operation.name in _DOTS:
                dots += 1
            else:
                convolutions += 1
    return Products(dots, convolutions, exact)


def _operations(operation: Any) -> Iterator[Any]:
    for region in operation.regions:
        for block in region.blocks:
            for inner in block.operations:
                yield inner.operation
                yield from _operations(inner.operation)


def _of_float32(operation: Any) -> bool:
    return all(
        str(operand.type).endswith(("xf32>", "<f32>")) for operand in list(operation.operands)[:2]
    )


def _is_exact(operation: Any) -> bool:
    attributes = operation.attributes
    if "algorithm" in attributes:
        return "tf32" not in str(attributes["algorithm"]) and "bf16" not in str(
            attributes["algorithm"]
        )
    if "precision_config" not in attributes:
        return False
    asked = str(attributes["precision_config"])
    return "HIGHEST" in asked and "DEFAULT" not in asked and "HIGH>" not in asked
