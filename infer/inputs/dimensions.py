"""Free dimensions of a signature: their sizes, and their names in `--dim`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from ..errors import InputError
from ..tensors.signature import Signature, TensorSpec
from ..tensors.size_limits import ANY_SIZE, SizeLimits, limits_of_symbol, size_of_symbol
from .batching import FIRST_AXES

# NumPy takes arrays of so many dimensions at most.
_MOST_AXES = 64


def with_sizes(signature: Signature, sizes: Mapping[str, int]) -> Signature:
    """Return the signature with the sizes of free dimensions that the user has set.

    Args:
        signature: signature of an artifact.
        sizes: sizes by the name of the dimension, or by INPUT.AXIS. Of an input of unknown rank
            the highest axis is the last.
    """

    def set_size(spec: TensorSpec, axis: int, size: int | str | None) -> int | str | None:
        if isinstance(size, int):
            return size
        known = sizes.get(f"{spec.name}.{axis}")
        if known is None and isinstance(size, str):
            known = size_of_symbol(size, sizes)
        return size if known is None else known

    def with_own(spec: TensorSpec) -> TensorSpec:
        if spec.shape is None:
            return replace(spec, shape=_stated_shape(spec, sizes))
        shape = tuple(set_size(spec, axis, size) for axis, size in enumerate(spec.sizes))
        return replace(spec, shape=shape)

    return Signature(
        tuple(map(with_own, signature.inputs)), tuple(map(with_own, signature.outputs))
    )


def _stated_shape(
    spec: TensorSpec, sizes: Mapping[str, int]
) -> tuple[int | str | None, ...] | None:
    """The shape of a tensor of unknown rank, from the sizes of its axes; None if there are none."""
    stated = [sizes.get(f"{spec.name}.{axis}") for axis in range(_MOST_AXES)]
    last = max((axis for axis, size in enumerate(stated) if size is not None), default=None)
    return None if last is None else tuple(stated[: last + 1])


def check_limits(
    signature: Signature,
    shapes: Mapping[str, tuple[int, ...]],
    broadcast: frozenset[str],
    limits: Mapping[tuple[str, int], SizeLimits],
    axes: Mapping[str, int] = FIRST_AXES,
) -> None:
    """Check that the sizes of free dimensions are within the limits that a file states.

    The samples' dimension of inputs that have samples is not checked: a call has some of them.

    Args:
        signature: signature of an artifact, without the sizes that the user has set.
        shapes: shapes of its inputs, by name.
        broadcast: names of inputs whose first dimension does not count samples.
        limits: the file's limits, by input and axis.
        axes: axis of the samples by input, where it is not the first.

    Raises:
        InputError: a size is outside of its limits.
    """
    for spec in signature.inputs:
        for axis, size in enumerate(shapes[spec.name]):
            if axis == axes.get(spec.name, 0) and spec.name not in broadcast:
                continue
            size_limits = _limits_of(spec, axis, limits)
            if not size_limits.allows(size) and size:
                raise InputError(
                    f"'{spec.name}' has {size} along axis {axis}, the artifact takes "
                    f"{size_limits.text}"
                )


def limits_of_batch(
    specs: Sequence[TensorSpec],
    limits: Mapping[tuple[str, int], SizeLimits],
    fixed: int | None,
) -> SizeLimits:
    """Find the numbers of samples that a call may have.

    Args:
        specs: the inputs whose first dimension counts samples.
        limits: the file's limits, by input and axis.
        fixed: the number of samples, if the signature or the user allows no other.

    Raises:
        InputError: the number that the user has set is outside of the file's limits.
    """
    batch = ANY_SIZE
    for spec in specs:
        batch = batch.within(_limits_of(spec, 0, limits))
    if fixed is None:
        return batch
    if not batch.allows(fixed):
        raise InputError(
            f"{fixed} samples a call are asked for, the artifact takes {batch.text}; the nearest "
            f"is {batch.nearest(fixed)}"
        )
    return SizeLimits.fixed(fixed)


def _limits_of(
    spec: TensorSpec, axis: int, limits: Mapping[tuple[str, int], SizeLimits]
) -> SizeLimits:
    """The limits of a dimension: those that the file states, and those of its symbol."""
    symbol = spec.sizes[axis] if axis < len(spec.sizes) else None
    written = limits_of_symbol(symbol) if isinstance(symbol, str) else ANY_SIZE
    return limits.get((spec.name, axis), ANY_SIZE).within(written)


def dim_name(spec: TensorSpec, axis: int) -> str:
    """Name of a free dimension in `--dim`."""
    size = spec.sizes[axis] if spec.sizes else None
    return size if isinstance(size, str) else f"{spec.name}.{axis}"


def has_dim(signature: Signature, name: str) -> bool:
    """Whether a signature has a free dimension of this name in `--dim`.

    Args:
        signature: signature of an artifact.
        name: a symbol, or INPUT.AXIS.
    """
    for spec in (*signature.inputs, *signature.outputs):
        symbols = [size for size in spec.sizes if isinstance(size, str)]
        if any(size_of_symbol(symbol, {name: 1}) is not None for symbol in symbols):
            return True
        source, _, axis = name.rpartition(".")
        if source == spec.name and axis.isdecimal():
            if spec.shape is None and int(axis) < _MOST_AXES:
                return True
            if int(axis) < len(spec.sizes) and not isinstance(spec.sizes[int(axis)], int):
                return True
    return False


def check_dims(signature: Signature, names: Iterable[str], label: str) -> None:
    """Check that an artifact has the free dimensions that the user has set for it.

    Raises:
        InputError: it has no such dimension.
    """
    for name in names:
        if not has_dim(signature, name):
            free = ", ".join(sorted(free_dims([signature]))) or "none"
            raise InputError(
                f"--dim {label}:{name}: it has no such free dimension (there are: {free})"
            )


def free_dims(signatures: Iterable[Signature]) -> set[str]:
    """The names in `--dim` of the free dimensions of inputs."""
    return {
        dim_name(spec, axis)
        for signature in signatures
        for spec in signature.inputs
        for axis, size in enumerate(spec.sizes)
        if not isinstance(size, int)
    }


def check_names(
    signature: Signature,
    shapes: Mapping[str, tuple[int, ...]],
    broadcast: frozenset[str],
    sizes: Mapping[str, int],
    axes: Mapping[str, int] = FIRST_AXES,
) -> None:
    """Check that free dimensions of the same name have the same size.

    Args:
        signature: signature of an artifact.
        shapes: shapes of its inputs, by name.
        broadcast: names of inputs whose first dimension does not count samples.
        sizes: sizes that the user has set.
        axes: axis of the samples by input, where it is not the first.

    Raises:
        InputError: two sizes differ.
    """
    known: dict[str, tuple[int, str]] = {name: (size, "--dim") for name, size in sizes.items()}
    for spec in signature.inputs:
        for axis, name in enumerate(spec.sizes):
            counts = axis == axes.get(spec.name, 0) and spec.name not in broadcast
            if counts or not isinstance(name, str):
                continue
            size = shapes[spec.name][axis]
            before, where = known.setdefault(name, (size, f"'{spec.name}'"))
            if before != size:
                raise InputError(
                    f"the dimension '{name}' is {before} by {where} and {size} in '{spec.name}'"
                )
