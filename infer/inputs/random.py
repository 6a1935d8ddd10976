"""Random inputs, drawn for a signature; the same for all artifacts of a run."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ..errors import InputError, MapError
from ..tensors.dtypes import ANY, dtype_of, is_text, kind_of
from ..tensors.layouts import rearranged
from ..tensors.rules import EVERY, Rule, rules_for
from ..tensors.signature import Signature, TensorSpec
from .conversion import stated_ranges
from .dimensions import dim_name, with_sizes
from .drawn import DrawnArray, Shape
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
) -> tuple[dict[str, DrawnArray], list[str]]:
    """Make up inputs for a signature, and note how; values are drawn when they are asked for.

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
        Arrays as `write_inputs` takes them, by the artifact's names or by the names that the user's
        rules have for them, and a note for each.

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
    arrays: dict[str, DrawnArray] = {}
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
        values = _values_of(spec, limits)
        seed = random.seed, zlib.crc32(name.encode())
        try:
            arrays[name] = _drawn(seed, shape, values, spec.name, rule)
        except MapError as error:
            raise InputError(str(error)) from None
        notes.append(f"{name} {values.note}")
    return arrays, notes


@dataclass(frozen=True)
class _Values:
    """How values are drawn.

    Attributes:
        note: how, for the user.
        draw: draws numbers of a shape.
        convert: makes the values of arrays of numbers.
        parts: of how many such arrays.
    """

    note: str
    draw: Callable[[np.random.Generator, Shape], np.ndarray]
    convert: Callable[..., np.ndarray] = field(default=lambda numbers: numbers)
    parts: int = 1


def _drawn(
    seed: Sequence[int], shape: Shape, values: _Values, name: str, rule: Rule | None
) -> DrawnArray:
    """An array in the layout that a rule says the file has.

    Raises:
        MapError: the layout has other axes than the input.
    """
    axes = rule.axes(to_other=True) if rule else None
    return DrawnArray(
        *(seed, shape, values.draw, values.convert),
        parts=values.parts,
        rearrange=lambda rows: rearranged(rows, axes, name, rule.layout if rule else None),
        rows_axis=0 if axes is None else axes.index(0) if 0 in axes else None,
    )


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


def _values_of(spec: TensorSpec, limits: tuple[float, float] | None) -> _Values:
    """How the values of an input are drawn.

    Raises:
        InputError: its range does not fit its type, or no values of the type can be drawn.
    """
    if is_text(spec.dtype):
        return _Values("of short words", lambda generator, shape: generator.choice(_WORDS, shape))
    dtype = dtype_of(spec.dtype)
    kind = kind_of(dtype)
    if kind == "bool":
        return _Values("true or false", lambda generator, shape: generator.random(shape) < 0.5)
    if kind == "int":
        return _whole_numbers(spec, dtype, limits)
    if kind not in ("float", "complex"):
        raise InputError(f"'{spec.name}' is {dtype}: no random values of this type")

    def draw(generator: np.random.Generator, shape: Shape) -> np.ndarray:
        if limits is None:
            return generator.standard_normal(shape)
        return generator.uniform(limits[0], limits[1], shape)

    note = "normal" if limits is None else f"in {limits[0]:g}..{limits[1]:g}"
    if kind == "complex":
        return _Values(note, draw, lambda real, imag: (real + 1j * imag).astype(dtype), parts=2)
    # Types that a file cannot hold are converted where they are read.
    stored = dtype if dtype.kind == "f" else np.dtype(np.float32)
    return _Values(note, draw, lambda numbers: numbers.astype(stored))


def _whole_numbers(
    spec: TensorSpec, dtype: np.dtype, limits: tuple[float, float] | None
) -> _Values:
    info = np.iinfo(dtype) if dtype.kind in "iu" else None
    if limits is None:
        limits = (info.min, info.max) if info and dtype.itemsize == 1 else _INDICES
        if info is None:  # four bits or fewer
            limits = (0, 1)
    low, high = (int(np.ceil(limits[0])), int(np.floor(limits[1])))
    if low > high or (info and not info.min <= low <= high <= info.max):
        raise InputError(f"'{spec.name}' is {dtype}: no values from {low} to {high}")
    return _Values(
        f"in {low}..{high}",
        lambda generator, shape: generator.integers(low, high, shape, np.int64, endpoint=True),
        lambda numbers: numbers.astype(dtype if info else np.int8),
    )
