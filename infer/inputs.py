"""Inputs: from a file to arrays that fit a signature, a batch at a time."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from infer.artifact import Signature, TensorSpec
from infer.dtypes import ANY, dtype_of, is_text, kind_of, restored
from infer.mapping import EVERY, Ambiguous, MapError, Rule, layouts, pair, rules_for, scoped

LABELS = "labels"


class InputError(Exception):
    """An inputs file that cannot be read, or does not fit."""


@dataclass(frozen=True)
class Fitted:
    """The arrays that an artifact is called with, and how.

    Attributes:
        arrays: by the artifact's own names, in its order.
        whole: names of those that every call gets as they are, such as a threshold or a state; the
            others have samples as their first dimension.
        fixed: samples that the artifact takes in a call, where it takes no other number.
        samples: how many there are; 1 where every input is whole.
        notes: what was done that a reader should know.
    """

    arrays: dict[str, np.ndarray]
    whole: frozenset[str]
    fixed: int | None
    samples: int
    notes: list[str]


@dataclass(frozen=True)
class Loop:
    """An output that an input takes in the next call.

    Attributes:
        output: its name, or what a rule calls it.
        taker: the input's.
        artifact: the label of the one that is meant, or EVERY for all that have such a state.
    """

    output: str
    taker: str
    artifact: str = EVERY

    @property
    def text(self) -> str:
        """As the user writes it."""
        return (f"{self.artifact}:" if self.artifact != EVERY else "") + (
            f"{self.output}={self.taker}"
        )


@dataclass(frozen=True)
class Wishes:
    """What the user says of the inputs of all artifacts.

    Attributes:
        rules: which tensor is which.
        dims: sizes of free dimensions, by name, or by INPUT.AXIS where they have none.
        ranges: smallest and largest value that an input is made for, by name.
        loops: inputs that take an output of the call before.
    """

    rules: tuple[Rule, ...] = ()
    dims: Mapping[str, int] = field(default_factory=dict)
    ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    loops: tuple[Loop, ...] = ()

    @classmethod
    def of(cls, value: Mapping[str, Any]) -> Wishes:
        """Read back what `asdict` and JSON made of wishes."""
        return cls(
            tuple(map(Rule.of, value.get("rules", ()))),
            dict(value.get("dims", {})),
            {name: (low, high) for name, (low, high) in value.get("ranges", {}).items()},
            tuple(Loop(**loop) for loop in value.get("loops", ())),
        )


def read_inputs(path: Path, *, none_is_well: bool = False) -> dict[str, np.ndarray]:
    """Read the arrays of an `.npz` file, or the one of an `.npy` file, called by the file's name.

    Args:
        path: of the file.
        none_is_well: whether a file without inputs will do, for models that take none.

    Raises:
        InputError: the file is missing, damaged or empty, or its labels are of other samples.
    """
    kind = ".npz"
    try:
        with path.open("rb") as opened:
            is_npy = opened.read(6) == b"\x93NUMPY"
        if is_npy:
            kind = ".npy"
            arrays = {path.stem: np.load(path, allow_pickle=False)}
        else:
            with np.load(path, allow_pickle=False) as file:
                arrays = {name: file[name] for name in file.files}
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from None
    except MemoryError:
        raise InputError(f"{path}: says that it holds more than fits into memory") from None
    except Exception as error:  # whatever the damage makes NumPy and zipfile stumble over
        raise InputError(f"{path}: not a whole {kind} file ({error})") from None
    names = [name for name in arrays if name != LABELS]
    if not names and not none_is_well:
        raise InputError(f"{path}: holds no inputs beside '{LABELS}'")
    if any(array.ndim and not len(array) for array in arrays.values()):
        raise InputError(f"{path}: holds no samples")
    lengths = {name: len(array) for name, array in arrays.items() if array.ndim}
    if LABELS in lengths and names and lengths[LABELS] not in [lengths.get(n) for n in names]:
        raise InputError(f"{path}: arrays of different lengths, {lengths}")
    return arrays


def read_labels(path: Path) -> np.ndarray | None:
    """The true classes, int64 N, where the file has them.

    Raises:
        InputError: as `read_inputs`, or the labels are not whole numbers, one a sample.
    """
    labels = read_inputs(path, none_is_well=True).get(LABELS)
    if labels is None:
        return None
    if not labels.ndim or labels.size != len(labels) or labels.dtype.kind not in "iu":
        raise InputError(f"{path}: '{LABELS}' is {labels.dtype} {labels.shape}, not one class each")
    if labels.min() < 0:
        raise InputError(f"{path}: '{LABELS}' holds negative values, which are no classes")
    return labels.reshape(-1).astype(np.int64)


def parse_dims(texts: Sequence[str]) -> dict[str, int]:
    """Sizes of `--dim`, by name.

    Raises:
        InputError: one is not NAME=SIZE.
    """
    dims = {}
    for text in texts:
        match = re.fullmatch(r"(.+)=(\d{1,9})", text, re.ASCII)
        if not match:
            raise InputError(f"--dim {text}: say NAME=SIZE, as height=224, or INPUT.AXIS=SIZE")
        dims[match[1]] = int(match[2])
    return dims


def parse_ranges(texts: Sequence[str]) -> dict[str, tuple[float, float]]:
    """Ranges of `--range`, by the name of the input.

    Raises:
        InputError: one is not NAME=LOW:HIGH.
    """
    ranges = {}
    for text in texts:
        name, _, limits = text.rpartition("=")
        try:
            low, high = map(float, limits.split(":"))
        except ValueError:
            low, high = 0.0, -1.0
        if not name or not np.isfinite([low, high]).all() or low > high:
            raise InputError(f"--range {text}: say INPUT=LOW:HIGH, as image=0:1")
        ranges[name] = low, high
    return ranges


def parse_loops(texts: Sequence[str], labels: Sequence[str] = ()) -> tuple[Loop, ...]:
    """Loops of `--loop`.

    Args:
        texts: `[ARTIFACT:]OUTPUT=INPUT`.
        labels: of the artifacts; a prefix that is none of them is a part of the name.

    Raises:
        InputError: one is not that, or an input takes two outputs.
    """
    loops: dict[tuple[str, str], Loop] = {}
    for text in texts:
        artifact, rest = scoped(text, labels)
        output, _, taker = rest.partition("=")
        if not output or not taker or (artifact, taker) in loops:
            raise InputError(f"--loop {text}: say [ARTIFACT:]OUTPUT=INPUT, every input once")
        loops[artifact, taker] = Loop(output, taker, artifact)
    return tuple(loops.values())


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
    wishes: Wishes | None = None,
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
    wishes = wishes or Wishes()
    signature = sized(signature, wishes.dims)
    arrays = read_inputs(path, none_is_well=not signature.inputs)
    arrays.pop(LABELS, None)
    specs = {spec.name: spec for spec in signature.inputs}
    outputs = [spec.name for spec in signature.outputs]
    try:
        rules, output_rules = rules_for(wishes.rules, label, list(specs), outputs)
        loops = looped(wishes, rules, output_rules, list(specs), outputs, label)
        # A state may come from the file; where it does not, it starts as zeros.
        states = set(loops) - {n for n in loops if n in arrays or n in rules}
        takers = [name for name in specs if name not in states]
        pairs = pair(
            takers,
            list(arrays),
            rules,
            lambda name, other: _ways(specs[name], arrays[other]),
            outputs=False,
            label=label,
        )
    except (Ambiguous, MapError) as error:
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


def looped(
    wishes: Wishes,
    rules: Mapping[str, Rule],
    output_rules: Mapping[str, Rule],
    inputs: Sequence[str],
    outputs: Sequence[str],
    label: str,
) -> dict[str, str]:
    """The artifact's own names of `--loop`: output by input.

    A loop of its own goes before one for all. One for all whose input and output it has neither
    of is not its: it may keep its state inside.

    Raises:
        MapError: it has no such input or output.
    """

    def own(name: str, names: Sequence[str], stated: Mapping[str, Rule]) -> str | None:
        aliases = [rule.name for rule in stated.values() if rule.other == name]
        return name if name in names else next(iter(aliases), None)

    found: dict[str, str] = {}
    for loop in sorted(wishes.loops, key=lambda loop: loop.artifact != EVERY):
        if loop.artifact not in (EVERY, label):
            continue
        taker = own(loop.taker, inputs, rules)
        output = own(loop.output, outputs, output_rules)
        if taker and output:
            found[taker] = output
        elif taker or output or loop.artifact != EVERY:
            what, name, names = (
                ("output", loop.output, outputs) if taker else ("input", loop.taker, inputs)
            )
            raise MapError(
                f"--loop: {label} has no {what} '{name}' (there are: {', '.join(names) or 'none'})"
            )
    return found


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
    whole = set(states) | {spec.name for spec in others} - {spec.name for spec in ranked}
    call: int | None = None
    if len(fixed) < len(ranked):  # some have samples; what has a fixed first dimension has none
        _check_rows(path, arrays, fixed, " in every call")
        whole |= fixed.keys()
    elif len(set(fixed.values())) == 1:
        call = next(iter(fixed.values()))
        if call == 0:
            raise InputError(f"{path}: the artifact takes 0 samples a call; there is nothing to do")
    else:
        _check_rows(path, arrays, fixed, "; its inputs have no common number of samples")
        whole |= fixed.keys()
    lengths = {spec.name: len(arrays[spec.name]) for spec in ranked if spec.name not in whole}
    if len(set(lengths.values())) > 1:
        raise InputError(f"{path}: arrays of different lengths, {lengths}")
    _check_names(path, signature, arrays, whole, dims)
    if call:
        notes.append(
            f"takes {call} {'sample' if call == 1 else 'samples'} a call, no other number: larger "
            "batches are several calls, smaller ones are filled up"
        )
    elif not lengths and not states:
        notes.append("no input has samples: every call is one sample")
    samples = next(iter(lengths.values()), 1)
    return Fitted(arrays, frozenset(whole), call, samples, notes)


def _check_names(
    path: Path,
    signature: Signature,
    arrays: Mapping[str, np.ndarray],
    whole: set[str],
    dims: Mapping[str, int],
) -> None:
    """Whether free dimensions of one name have one size."""
    sizes: dict[str, tuple[int, str]] = {name: (size, "--dim") for name, size in dims.items()}
    for spec in signature.inputs:
        for axis, name in enumerate(spec.shape):
            if not isinstance(name, str) or (axis == 0 and spec.name not in whole):
                continue
            have = arrays[spec.name].shape[axis]
            before, where = sizes.setdefault(name, (have, f"'{spec.name}'"))
            if before != have:
                raise InputError(
                    f"{path}: the dimension '{name}' is {before} by {where} and {have} in "
                    f"'{spec.name}'"
                )


class Batcher:
    """Successive batches of arrays that share their first dimension; the last may be smaller.

    Args:
        arrays: by name.
        size: samples in a batch.
        whole: names of arrays that are in every batch as they are.
    """

    def __init__(
        self, arrays: dict[str, np.ndarray], size: int, whole: frozenset[str] = frozenset()
    ) -> None:
        self.arrays = arrays
        self.whole = whole
        self.total = next((len(a) for name, a in arrays.items() if name not in whole), 1)
        self.size = size

    def __len__(self) -> int:
        return -(-self.total // self.size)

    def __getitem__(self, index: int) -> dict[str, np.ndarray]:
        return self._part(slice(index * self.size, (index + 1) * self.size))

    def __iter__(self) -> Iterator[dict[str, np.ndarray]]:
        return (self[index] for index in range(len(self)))

    def samples(self, index: int) -> int:
        """How many samples a batch holds."""
        return min(self.size, self.total - index * self.size)

    def full(self, index: int) -> dict[str, np.ndarray]:
        """A batch that is never smaller: after the last sample comes the first again."""
        rows = self.rows(index)
        if rows[-1] - rows[0] == self.size - 1:
            return self._part(slice(rows[0], rows[-1] + 1))
        return self._part(rows)

    def rows(self, index: int) -> np.ndarray:
        """The numbers of the samples in a full batch."""
        return (index * self.size + np.arange(self.size)) % self.total

    def _part(self, rows: slice | np.ndarray) -> dict[str, np.ndarray]:
        return {
            name: array if name in self.whole else array[rows]
            for name, array in self.arrays.items()
        }
