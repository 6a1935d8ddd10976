"""Inputs and outputs of a program's method: their types and bounds, and what fits them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

from exportbench.tensors.signature import Signature, TensorSpec

# NumPy's names of ExecuTorch's element types, by number. The others NumPy has not.
_DTYPES = {
    **{0: "uint8", 1: "int8", 2: "int16", 3: "int32", 4: "int64"},
    **{5: "float16", 6: "float32", 7: "float64", 11: "bool"},
    **{27: "uint16", 28: "uint32", 29: "uint64"},
}


@dataclass(frozen=True)
class Port:
    """An input or output: its element type, and the largest size of each dimension."""

    dtype: str
    bounds: tuple[int, ...]

    @classmethod
    def from_meta(cls, read: Callable[[int], Any], index: int, kind: str) -> Port:
        """The port of a method, as the method tells of it."""
        try:
            info = read(index)
        except IndexError:
            raise NotImplementedError(f"{kind} {index} is not a tensor") from None
        dtype = _DTYPES.get(info.dtype())
        if dtype is None:
            raise NotImplementedError(
                f"{kind} {index} is of ExecuTorch's type {info.dtype()}, which NumPy has not"
            )
        return cls(dtype, tuple(info.sizes()))


def program_signature(
    inputs: Sequence[Port],
    outputs: Sequence[Port],
    free_inputs: Collection[int] = (),
    free_outputs: Collection[int] = (),
) -> Signature:
    """The signature in the program, which has no names and does not say what is free.

    Args:
        inputs, outputs: what the method takes and gives.
        free_inputs: numbers of the inputs whose first dimension is free.
        free_outputs: those of the outputs.
    """
    sides = (("input", inputs, free_inputs), ("output", outputs, free_outputs))
    return Signature(
        *(
            tuple(
                TensorSpec(
                    f"{kind}_{index}",
                    (None, *port.bounds[1:]) if index in free else port.bounds,
                    port.dtype,
                )
                for index, port in enumerate(ports)
            )
            for kind, ports, free in sides
        )
    )


def check_stated(stated: Signature, inputs: Sequence[Port], outputs: Sequence[Port]) -> None:
    """Check that a manifest's signature is that of the program.

    Raises:
        ValueError: it is another.
    """
    sides = (
        ("input", stated.inputs, inputs),
        ("output", stated.outputs, outputs),
    )
    for kind, specs, ports in sides:
        if len(specs) != len(ports):
            raise ValueError(
                f"the manifest states {len(specs)} {kind}s, the program has {len(ports)}"
            )
        for spec, port in zip(specs, ports, strict=True):
            fits = len(spec.shape) == len(port.bounds) and all(
                not isinstance(size, int) or size == bound
                for size, bound in zip(spec.shape, port.bounds, strict=True)
            )
            if not fits or spec.dtype != port.dtype:
                raise ValueError(
                    f"the manifest states '{spec.name}' as {spec.dtype} {list(spec.shape)}, "
                    f"the program has {port.dtype} {list(port.bounds)}"
                )


def check_shape(spec: TensorSpec, shape: tuple[int, ...], bounds: tuple[int, ...]) -> None:
    """Check that a shape fits.

    Raises:
        NotImplementedError: a free dimension is larger than the program was exported for.
        ValueError: another size is wrong.
    """
    free = [not isinstance(size, int) for size in spec.shape]
    if len(shape) != len(bounds) or any(
        size != bound and not may for size, bound, may in zip(shape, bounds, free, strict=True)
    ):
        raise ValueError(f"'{spec.name}' takes {list(spec.shape)}, given {list(shape)}")
    for axis, (size, bound) in enumerate(zip(shape, bounds, strict=True)):
        if size > bound:
            raise NotImplementedError(
                f"'{spec.name}' takes up to {bound} in dimension {axis}, given {size}: use a "
                "smaller batch, or export it with a larger upper bound"
            )
