"""Which inputs have samples, along which axis, and how many of them a call takes."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from ..errors import InputError
from ..tensors.signature import Signature
from ..tensors.size_limits import SizeLimits
from .lazy_array import LazyArray

Arrays = Mapping[str, LazyArray]


def axes_of_samples(
    signature: Signature, later: Mapping[str, int], arrays: Arrays, excluded: Collection[str]
) -> dict[str, int]:
    """Find the axis of the samples of inputs where it is not the first, and others have samples.

    Raises:
        InputError: an array has another first axis than its input.
    """
    firsts = {
        spec.sizes[0] for spec in signature.inputs if spec.sizes and spec.name not in excluded
    }
    axes = {
        spec.name: later[spec.name]
        for spec in signature.inputs
        if spec.name in later and spec.name not in excluded and spec.sizes[1] in firsts
    }
    rows = {
        spec.name: size
        for spec in signature.inputs
        if spec.name in axes and isinstance(size := spec.sizes[0], int)
    }
    _check_rows(arrays, rows, " along its first axis")
    return axes


def limits_note(limits: SizeLimits) -> str:
    """What a reader should know of the numbers of samples that a call may have."""
    takes = f"takes {limits.text} samples a call"
    if limits.only:
        samples = "1 sample" if limits.only == 1 else f"{limits.only} samples"
        takes = f"takes {samples} a call, no other number"
    return f"{takes}: larger batches are several calls, smaller ones are filled up"


def broadcast_and_fixed(
    signature: Signature, arrays: Arrays, states: frozenset[str]
) -> tuple[frozenset[str], int | None]:
    """Find the inputs that every call gets unchanged, and the number of samples if it is fixed."""
    ranked = [s for s in signature.inputs if s.name not in states and arrays[s.name].ndim]
    fixed = {
        spec.name: spec.sizes[0] for spec in ranked if spec.sizes and isinstance(spec.sizes[0], int)
    }
    broadcast = frozenset(arrays) - {spec.name for spec in ranked}
    if len(fixed) < len(ranked):  # some have samples; what has a fixed first dimension has none
        rows = {len(arrays[spec.name]) for spec in ranked if spec.name not in fixed}
        # But where the user gives it as many rows as there are samples.
        cut = {name: size for name, size in fixed.items() if {len(arrays[name])} == rows != {size}}
        whole = fixed.keys() - cut.keys()
        _check_rows(arrays, {name: fixed[name] for name in whole}, " in every call")
        if len(set(cut.values())) > 1 or 0 in cut.values():
            _check_rows(arrays, cut, " in every call")
        return broadcast | whole, next(iter(cut.values()), None)
    if len(set(fixed.values())) == 1:
        batch = next(iter(fixed.values()))
        if batch == 0:
            raise InputError("the artifact takes 0 samples a call; there is nothing to do")
        return broadcast, batch
    _check_rows(arrays, fixed, "; its inputs have no common number of samples")
    return broadcast | fixed.keys(), None


def _check_rows(arrays: Arrays, sizes: Mapping[str, int], why: str) -> None:
    for name, size in sizes.items():
        if len(arrays[name]) != size:
            raise InputError(
                f"'{name}' has {len(arrays[name])} rows, the artifact takes {size}{why}"
            )


def count_samples(arrays: Arrays, broadcast: frozenset[str], axes: Mapping[str, int]) -> int | None:
    """Number of samples; None where every input is broadcast."""
    lengths = {
        name: array.shape[axes.get(name, 0)]
        for name, array in arrays.items()
        if name not in broadcast
    }
    if len(set(lengths.values())) > 1:
        raise InputError(
            f"arrays of different lengths, {lengths}; name those whose rows are no samples, as "
            f"--whole {min(lengths, key=lambda name: lengths[name])}"
        )
    return next(iter(lengths.values()), None)


def later_sample_axes(signature: Signature) -> dict[str, int]:
    """Find inputs whose second axis counts the samples, as of states of recurrent networks.

    Such a state is [layers, n, hidden], where another input has the symbol `n` for its first axis.
    Of a matrix [k, n] it is not known: rows of the other input may be summed over.

    Args:
        signature: signature of an artifact, with its symbols.

    Returns:
        The axis by the name of the input.
    """
    firsts = {spec.sizes[0] for spec in signature.inputs if spec.sizes}
    return {
        spec.name: 1
        for spec in signature.inputs
        if len(spec.sizes) > 2
        and isinstance(spec.sizes[0], int)
        and isinstance(spec.sizes[1], str)
        and spec.sizes[1] in firsts
    }
