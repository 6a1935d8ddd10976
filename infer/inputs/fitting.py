"""Inputs: from a file to arrays that fit a signature, a batch at a time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import AmbiguousMatchError, InputError, MapError
from ..tensors.dtypes import ANY, dtype_of, is_text, kind_of, restored
from ..tensors.layouts import layouts
from ..tensors.matching import match_tensors
from ..tensors.rules import rules_for
from ..tensors.signature import Signature, TensorSpec
from .loading import LABELS, read_inputs
from .options import InputOptions
from .state import find_state_bindings


@dataclass(frozen=True)
class Fitted:
    """The arrays that an artifact is called with, and how.

    Attributes:
        arrays: by the artifact's own names, in its order.
        broadcast: names of those that every call gets as they are, such as a threshold or a state;
            the others have samples as their first dimension.
        fixed_batch: samples that the artifact takes in a call, where it takes no other number.
        samples: how many there are; 1 where every input is broadcast.
        notes: what was done that a reader should know.
    """

    arrays: dict[str, np.ndarray]
    broadcast: frozenset[str]
    fixed_batch: int | None
    samples: int
    notes: list[str]


def sized(signature: Signature, dims: Mapping[str, int]) -> Signature:
    """The signature with the free dimensions that the user has set."""

    def one(spec: TensorSpec) -> TensorSpec:
        shape = tuple(
            size
            if isinstance(size, int)
            else dims.get(f"{spec.name}.{axis}", dims.get(str(size), size))
            for axis, size in enumerate(spec.shape)
        )
        return replace(spec, shape=shape)

    return Signature(tuple(map(one, signature.inputs)), tuple(map(one, signature.outputs)))


def fit_inputs(
    path: Path,
    signature: Signature,
    stated: Mapping[str, Any] | None,
    wishes: InputOptions | None = None,
    label: str = "the artifact",
) -> Fitted:
    """Read the inputs that a signature asks for, and say what was done to them.

    Images of uint8 are scaled by 1/255 where the manifest, or the user, states that an input was
    made for values in 0..1. Otherwise values change only within a kind: floating point to another
    precision, whole numbers to a type that holds them.

    Args:
        path: of the inputs.
        signature: of the artifact.
        stated: the manifest's signature, where there is one.
        wishes: of the user.
        label: of the artifact, as the user's rules call it.

    Raises:
        InputError: an input is missing, does not fit, or could be several.
    """
    wishes = wishes or InputOptions()
    signature = sized(signature, wishes.dims)
    arrays = read_inputs(path, none_is_well=not signature.inputs)
    arrays.pop(LABELS, None)
    specs = {spec.name: spec for spec in signature.inputs}
    outputs = [spec.name for spec in signature.outputs]
    try:
        rules, output_rules = rules_for(wishes.rules, label, list(specs), outputs)
        loops = find_state_bindings(wishes, rules, output_rules, list(specs), outputs, label)
        # A state may come from the file; where it does not, it starts as zeros.
        states = set(loops) - {n for n in loops if n in arrays or n in rules}
        takers = [name for name in specs if name not in states]
        pairs = match_tensors(
            takers,
            list(arrays),
            rules,
            lambda name, other: _ways(specs[name], arrays[other]),
            outputs=False,
            label=label,
        )
    except (AmbiguousMatchError, MapError) as error:
        raise InputError(f"{path}: {error}") from None
    paired = {one.name: one for one in pairs}
    missing = [name for name in takers if name not in paired]
    if missing:
        raise InputError(
            f"{path}: has no '{missing[0]}', only {', '.join(sorted(arrays)) or 'no array at all'}"
            f"; say which it is, as --map {label}:{missing[0]}=NAME"
        )
    ranges = {spec["name"]: spec.get("range") for spec in (stated or {}).get("inputs", [])}
    fitted: dict[str, np.ndarray] = {}
    notes: list[str] = []
    for spec in signature.inputs:
        if spec.name in states:
            fitted[spec.name] = _zeros(spec, path)
            notes.append(f"{spec.name}: starts as zeros")
            continue
        one = paired[spec.name]
        array = arrays[one.other]
        if one.note:
            notes.append(f"{spec.name}: taken from '{one.other}' ({one.note})")
        if one.axes:
            if len(one.axes) != array.ndim:
                raise InputError(
                    f"{path}: '{one.other}' has {array.ndim} dimensions, the layout in --map "
                    f"{len(one.axes)}"
                )
            array = array.transpose(one.axes)
        said = wishes.ranges.get(spec.name) or wishes.ranges.get(one.other)
        array = _converted(path, spec, array, said or ranges.get(spec.name), notes)
        _check(path, spec, array)
        fitted[spec.name] = np.asarray(array, order="C")
    return _in_calls(path, signature, fitted, frozenset(loops), notes, wishes.dims)


def _zeros(spec: TensorSpec, path: Path) -> np.ndarray:
    if spec.dtype == ANY:
        raise InputError(
            f"{path}: has no '{spec.name}', and what its first state is like is not in the artifact"
        )
    free = [axis for axis, size in enumerate(spec.shape) if not isinstance(size, int) and axis]
    if free:
        raise InputError(
            f"{path}: the state '{spec.name}' has a free dimension; set it with --dim "
            f"{dim_name(spec, free[0])}=SIZE, or put the first state into the file"
        )
    # A free first dimension is that of the samples, of which a step takes one.
    shape = [size if isinstance(size, int) else 1 for size in spec.shape]
    return np.zeros(shape, dtype_of(spec.dtype))


def dim_name(spec: TensorSpec, axis: int) -> str:
    """How `--dim` calls a free dimension."""
    size = spec.shape[axis] if spec.shape else None
    return str(size) if isinstance(size, str) else f"{spec.name}.{axis}"


def _ways(spec: TensorSpec, array: np.ndarray) -> list[tuple[int, ...] | None]:
    """How an array could be laid out for an input; empty where it cannot."""
    have = kind_of(array.dtype)
    wanted = have if spec.dtype == ANY else kind_of(dtype_of(spec.dtype))
    if wanted != have and not (array.dtype == np.uint8 and wanted == "float") and have != "other":
        return []
    if not spec.shape and array.ndim:  # the format does not tell
        return [None]
    return layouts(array.shape, spec.shape)


def _converted(
    path: Path,
    spec: TensorSpec,
    array: np.ndarray,
    stated_range: Any,
    notes: list[str],
) -> np.ndarray:
    """An array in the type that an input has; as it is, where the file does not tell the type."""
    if spec.dtype == ANY:
        return array
    if is_text(spec.dtype):
        if kind_of(array.dtype) != "text":
            raise InputError(f"{path}: '{spec.name}' is {array.dtype}, the artifact takes text")
        try:
            text = np.char.decode(array, "utf-8") if array.dtype.kind == "S" else array
        except UnicodeDecodeError:
            raise InputError(f"{path}: '{spec.name}' holds bytes that are no UTF-8") from None
        return text.astype(object)
    dtype = dtype_of(spec.dtype)
    if array.dtype == dtype:
        return array
    limits = stated_range or spec.range
    if (
        array.dtype == np.uint8
        and spec.dtype == "float32"
        and limits is not None
        and tuple(limits) == (0.0, 1.0)
    ):
        notes.append(f"{spec.name}: uint8 scaled by 1/255")
        return array.astype(np.float32) / np.float32(255)
    if array.dtype.kind == "V" and array.dtype.itemsize == dtype.itemsize:
        return restored(array, spec.dtype)  # as NumPy writes types that it does not know
    have, wanted = kind_of(array.dtype), kind_of(dtype)
    if have == wanted and have in ("float", "complex"):
        notes.append(f"{spec.name}: {array.dtype} converted to {dtype.name}")
        with np.errstate(over="ignore"):
            return array.astype(dtype)
    if have == wanted == "int":
        converted = array.astype(dtype)
        if (converted.astype(array.dtype) == array).all() and (
            (converted < 0) == (array < 0)
        ).all():
            notes.append(f"{spec.name}: {array.dtype} converted to {dtype.name}")
            return converted
        raise InputError(f"{path}: '{spec.name}' holds values that {dtype.name} cannot")
    remedy = ""
    if array.dtype == np.uint8 and wanted == "float":
        remedy = f"; if it is made for values in 0..1, say so as --range {spec.name}=0:1"
    raise InputError(
        f"{path}: '{spec.name}' is {array.dtype}, the artifact takes {spec.dtype}{remedy}"
    )


def _check(path: Path, spec: TensorSpec, array: np.ndarray) -> None:
    if not spec.shape and array.ndim:  # the format does not tell
        return
    fits = len(spec.shape) == array.ndim and all(
        not isinstance(size, int) or size == have
        for size, have in zip(spec.shape[1:], array.shape[1:], strict=False)
    )
    if not fits:
        wanted = " x ".join("any" if s is None else str(s) for s in spec.shape) or "a single value"
        have = " x ".join(map(str, array.shape)) or "a single value"
        same_sizes = len(spec.shape) == array.ndim and (
            sorted(map(str, spec.shape[1:])) == sorted(map(str, array.shape[1:]))
        )
        remedy = (
            f"; if only the layout differs, say how, as --map {spec.name}@NCHW={spec.name}@NHWC"
            if same_sizes
            else ""
        )
        raise InputError(
            f"{path}: '{spec.name}' has the shape {have}, the artifact takes {wanted}{remedy}"
        )


def _check_rows(path: Path, arrays: dict[str, np.ndarray], sizes: dict[str, int], why: str) -> None:
    for name, size in sizes.items():
        if len(arrays[name]) != size:
            raise InputError(
                f"{path}: '{name}' has {len(arrays[name])} rows, the artifact takes {size}{why}"
            )


def _in_calls(
    path: Path,
    signature: Signature,
    arrays: dict[str, np.ndarray],
    states: frozenset[str],
    notes: list[str],
    dims: Mapping[str, int],
) -> Fitted:
    """Tell samples from what every call gets as it is, and how many samples a call takes."""

    def first(spec: TensorSpec) -> int | str | None:
        return spec.shape[0] if spec.shape else None

    others = [spec for spec in signature.inputs if spec.name not in states]
    ranked = [spec for spec in others if arrays[spec.name].ndim]
    fixed = {spec.name: size for spec in ranked if isinstance(size := first(spec), int)}
    broadcast = set(states) | {spec.name for spec in others} - {spec.name for spec in ranked}
    call: int | None = None
    if len(fixed) < len(ranked):  # some have samples; what has a fixed first dimension has none
        _check_rows(path, arrays, fixed, " in every call")
        broadcast |= fixed.keys()
    elif len(set(fixed.values())) == 1:
        call = next(iter(fixed.values()))
        if call == 0:
            raise InputError(f"{path}: the artifact takes 0 samples a call; there is nothing to do")
    else:
        _check_rows(path, arrays, fixed, "; its inputs have no common number of samples")
        broadcast |= fixed.keys()
    lengths = {spec.name: len(arrays[spec.name]) for spec in ranked if spec.name not in broadcast}
    if len(set(lengths.values())) > 1:
        raise InputError(f"{path}: arrays of different lengths, {lengths}")
    _check_names(path, signature, arrays, broadcast, dims)
    if call:
        notes.append(
            f"takes {call} {'sample' if call == 1 else 'samples'} a call, no other number: larger "
            "batches are several calls, smaller ones are filled up"
        )
    elif not lengths and not states:
        notes.append("no input has samples: every call is one sample")
    samples = next(iter(lengths.values()), 1)
    return Fitted(arrays, frozenset(broadcast), call, samples, notes)


def _check_names(
    path: Path,
    signature: Signature,
    arrays: Mapping[str, np.ndarray],
    broadcast: set[str],
    dims: Mapping[str, int],
) -> None:
    """Whether free dimensions of one name have one size."""
    sizes: dict[str, tuple[int, str]] = {name: (size, "--dim") for name, size in dims.items()}
    for spec in signature.inputs:
        for axis, name in enumerate(spec.shape):
            if not isinstance(name, str) or (axis == 0 and spec.name not in broadcast):
                continue
            have = arrays[spec.name].shape[axis]
            before, where = sizes.setdefault(name, (have, f"'{spec.name}'"))
            if before != have:
                raise InputError(
                    f"{path}: the dimension '{name}' is {before} by {where} and {have} in "
                    f"'{spec.name}'"
                )
