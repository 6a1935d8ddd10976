"""Random inputs, drawn for a signature; the same for all artifacts of a run."""

from __future__ import annotations

import zlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..errors import InputError, MapError
from ..tensors.dtypes import ANY, dtype_of, is_text, kind_of
from ..tensors.layouts import rearranged
from ..tensors.rules import EVERY, Rule, rules_for
from ..tensors.signature import Signature, TensorSpec
from .conversion import stated_ranges
from .dimensions import dim_name, with_sizes
from .options import InputOptions
from .samples import later_sample_axes
from .whole import whole_inputs

SAMPLES = 128
# The range of integers where none is stated: small numbers, since they may be indices of a table.
_INDICES = (0, 9)
_WORDS = ("one", "two", "three", "four", "five", "six", "seven", "eight")


class UnderspecifiedSignatureError(InputError):
    """The signature is too incomplete to draw inputs; that of another artifact may suffice."""


@dataclass(frozen=True)
class Random:
    """What to draw.

    Attributes:
        seed: of the numbers.
        samples: how many.
    """

    seed: int
    samples: int = SAMPLES


def generate(
    random: Random,
    signature: Signature,
    stated: Mapping[str, Any] | None,
    options: InputOptions,
    label: str,
    *,
    names: Collection[str] | None = None,
    pixels: Collection[str] = (),
) -> tuple[dict[str, np.ndarray], list[str]]:
    """Draw inputs for a signature, and note how.

    Every input has its own sequence, which depends only on the seed and the input's name. Floating
    point is drawn from a normal distribution, or uniformly from its range if one is stated.
    Integers are drawn uniformly from their range: by default all of it for 8 bits, 0..9 otherwise.

    Args:
        random: what to draw.
        signature: signature of an artifact.
        stated: the manifest's signature, if there is one.
        options: sizes and ranges that the user has set; states of a loop are left out.
        label: label of the artifact.
        names: names of the inputs to draw; None for all.
        pixels: names of inputs that other artifacts take as floating point.

    Returns:
        Arrays as an `.npz` file can hold them, by the artifact's names or by the names that the
        user's rules have for them, and a note for each.

    Raises:
        UnderspecifiedSignatureError: a shape is not known.
        InputError: a range does not fit the type.
    """
    whole = whole_inputs(signature, options.whole)
    later = later_sample_axes(signature)
    signature = with_sizes(signature, options.sizes_for(label))
    try:
        sides = _names(signature.inputs), _names(signature.outputs)
        rules, _ = rules_for(options.rules, label, *sides, arrays=())
    except MapError as error:
        raise InputError(str(error)) from None
    ranges = stated_ranges(stated)
    arrays: dict[str, np.ndarray] = {}
    notes = []
    states = {loop.input for loop in options.loops if loop.artifact in (EVERY, label)}
    for spec in signature.inputs:
        if spec.name in states or (names is not None and spec.name not in names):
            continue
        rule = rules.get(spec.name)
        name = rule.other if rule else spec.name
        is_whole = spec.name in whole
        is_single = is_whole or _is_broadcast(spec, signature.inputs)
        if not is_whole and spec.name in later:  # its second axis counts the samples
            spec = replace(spec, shape=(spec.sizes[0], random.samples, *spec.sizes[2:]))
        shape = _shape(spec, random.samples, label, single=is_single, whole=is_whole)
        limits = (
            options.ranges.get(name)
            or options.ranges.get(spec.name)
            or ranges.get(spec.name)
            or spec.range
        )
        if spec.name in pixels and spec.dtype == "uint8" and limits and tuple(limits) == (0, 1):
            limits = None  # where they are floating point, these 8 bits are scaled to 0..1
        sequence = np.random.default_rng([random.seed, zlib.crc32(name.encode())])
        array, how = _draw(sequence, spec, shape, limits)
        arrays[name] = _as_in_file(array, spec.name, rule)
        notes.append(f"{name} {how}")
    return arrays, notes


def _as_in_file(array: np.ndarray, name: str, rule: Rule | None) -> np.ndarray:
    """Bring an input into the layout that a rule says the file has."""
    if rule is None:
        return array
    try:
        return rearranged(array, rule.axes(to_other=True), name, rule.layout)
    except MapError as error:
        raise InputError(str(error)) from None


def _names(specs: Sequence[TensorSpec]) -> list[str]:
    return [spec.name for spec in specs]


def _is_broadcast(spec: TensorSpec, specs: Sequence[TensorSpec]) -> bool:
    """Whether every call gets this input unchanged: others have a free number of samples."""
    free = any(s.shape and not isinstance(s.shape[0], int) for s in specs)
    fixed = {s.shape[0] for s in specs if s.shape and isinstance(s.shape[0], int)}
    return bool(spec.sizes) and isinstance(spec.sizes[0], int) and (free or len(fixed) > 1)


def _shape(
    spec: TensorSpec, samples: int, label: str, *, single: bool, whole: bool
) -> tuple[int, ...]:
    if not spec.is_described:
        unknown, remedy = "shape and type", ""
        if spec.dtype != ANY:
            unknown = "the shape"
            remedy = f"say its sizes after the samples, as --dim {spec.name}.1=SIZE, or "
        raise UnderspecifiedSignatureError(
            f"{label} does not tell {unknown} of '{spec.name}', so none can be made up; {remedy}"
            "give an artifact whose signature is known beside it, a manifest, or --inputs FILE.npz"
        )
    if not spec.sizes:
        return ()
    sizes: list[int] = []
    for axis, size in enumerate(spec.sizes):
        if axis == 0 and not whole and not (single and isinstance(size, int)):
            sizes.append(samples)
        elif isinstance(size, int):
            sizes.append(size)
        else:
            raise UnderspecifiedSignatureError(
                f"{label}: dimension {axis} of '{spec.name}' is free; set it with --dim "
                f"{dim_name(spec, axis)}=SIZE"
            )
    return tuple(sizes)


def _draw(
    sequence: np.random.Generator,
    spec: TensorSpec,
    shape: tuple[int, ...],
    limits: tuple[float, float] | None,
) -> tuple[np.ndarray, str]:
    if is_text(spec.dtype):
        return sequence.choice(_WORDS, shape), "of short words"
    dtype = dtype_of(spec.dtype)
    kind = kind_of(dtype)
    if kind == "bool":
        return sequence.random(shape) < 0.5, "true or false"
    if kind == "int":
        info = np.iinfo(dtype) if dtype.kind in "iu" else None
        bits = dtype.itemsize * 8
        if limits is None:
            limits = (info.min, info.max) if info and bits == 8 else _INDICES
            if info is None:  # four bits or fewer
                limits = (0, 1)
        low, high = (int(np.ceil(limits[0])), int(np.floor(limits[1])))
        if low > high or (info and not info.min <= low <= high <= info.max):
            raise InputError(f"'{spec.name}' is {dtype}: no values from {low} to {high}")
        whole = sequence.integers(low, high, shape, np.int64, endpoint=True)
        return whole.astype(dtype if info else np.int8), f"in {low}..{high}"
    if kind not in ("float", "complex"):
        raise InputError(f"'{spec.name}' is {dtype}: no random values of this type")

    def draw() -> np.ndarray:
        if limits is None:
            return sequence.standard_normal(shape)
        return sequence.uniform(limits[0], limits[1], shape)

    values = draw() + 1j * draw() if kind == "complex" else draw()
    how = "normal" if limits is None else f"in {limits[0]:g}..{limits[1]:g}"
    # Types that a file cannot hold are converted where they are read.
    return np.asarray(values).astype(dtype if dtype.kind in "fc" else np.float32), how
