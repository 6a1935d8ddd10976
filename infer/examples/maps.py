"""Examples of maps: the class of each place, or a value, on both sides and where they differ."""

from __future__ import annotations

from collections.abc import Collection
from itertools import pairwise

import numpy as np

from ..metrics.segmentation import SEGMENTATION, axis_of_classes
from ..metrics.task import LABELS, highest, whole_classes
from ..parity.element_differences import map_axes
from ..records.example_events import Example, ExampleArray, OutputExamples
from ..tensors.chunks import sample_chunks
from ..tensors.differences import differences
from ..tensors.dtypes import kind_of
from .arrays import ArrayWriter
from .compared import ComparedOutputs, chosen
from .pictures import as_bytes, reduced, reduced_to_largest, value_range

# Whole numbers with more different values than this are no classes.
_MOST_CLASSES = 256
_MOST_COLOURS = 3
# By how much the sides of a map and of its input may be to each other, by rounding of sizes.
_MOST_UNLIKE = 1.1
_LARGEST_CLASS = np.iinfo(np.int32).max


def map_examples(
    compared: ComparedOutputs, name: str, writer: ArrayWriter
) -> OutputExamples | None:
    """Choose the samples of an output that is a map; None if it is none.

    Arrays of an example: `reference`, `answer`, `truth` where there is one, and `difference`,
    height x width. Of classes they hold the number of the class (int32), and `difference` is 1
    where it is another one (uint8); of values all are brightness (uint8), with three channels
    behind for colours.

    Args:
        compared: the outputs.
        name: name of the output.
        writer: writes the arrays.
    """
    expected = compared.expected[name]
    if kind_of(expected.dtype) not in ("float", "int", "bool") or not expected.size:
        return None
    labels = compared.truth.get(LABELS)
    if compared.task is not None and compared.task.name == SEGMENTATION.name:
        if labels is None or name != compared.roles.get("mask"):
            return None
        axis = axis_of_classes(expected, labels.shape)
        return None if axis is None else _classes(compared, name, axis, labels, writer)
    if (axes := map_axes(expected.shape)) is None:
        return None
    channels = _channels(expected.shape, axes)
    is_picture = len(expected.shape) == 4 and channels in (1, _MOST_COLOURS)
    sides = expected.shape[axes[0]], expected.shape[axes[1]]
    if not is_picture and not _are_of_an_input(sides, compared.input_shapes):
        return None
    if channels not in (1, _MOST_COLOURS):
        note = f"the class with the highest of {channels:,} values at each place"
        axis = 6 - sum(axes)
        return _classes(compared, name, axis, None, writer, note)
    if channels == 1 and _are_classes(expected):
        return _classes(compared, name, 0, None, writer)
    truth = labels if labels is not None and labels.shape == expected.shape else None
    return _values(compared, name, axes, truth, writer)


def _are_of_an_input(sides: tuple[int, int], shapes: Collection[tuple[int, ...]] | None) -> bool:
    """Whether the sides of an output are to each other as those of an input, or may be.

    Tokens x dimensions of a network of text are no map.
    """
    if shapes is None:
        return True
    pairs = [pair for shape in shapes for pair in pairwise(shape[1:])]
    ratios = [a / b for a, b in pairs if min(a, b) > _MOST_COLOURS]
    ratio = sides[0] / sides[1]
    return any(1 / _MOST_UNLIKE <= other / ratio <= _MOST_UNLIKE for other in ratios)


def _channels(shape: tuple[int, ...], axes: tuple[int, int]) -> int:
    return 1 if len(shape) == 3 else shape[6 - sum(axes)]


def _are_classes(array: np.ndarray) -> bool:
    """Whether the values of a map are numbers of classes: few different whole ones."""
    if kind_of(array.dtype) == "bool":
        return True
    if kind_of(array.dtype) != "int":
        return False
    values = np.unique(array[:8])
    most = 32 if array.dtype == np.uint8 else _MOST_CLASSES  # bytes may be brightness
    return bool(len(values) <= most and values[0] >= -1 and values[-1] < 1 << 15)


def _classes(
    compared: ComparedOutputs,
    name: str,
    axis: int,
    labels: np.ndarray | None,
    writer: ArrayWriter,
    note: str = "",
) -> OutputExamples:
    """Examples of classes.

    Args:
        compared, name, writer, note: the outputs, the name of this one, and so on.
        axis: axis of the scores of classes; 0 if each place holds its class.
        labels: the true classes, N x height x width, if known.
    """
    outputs, expected = compared.sides(name)

    def classes(array: np.ndarray) -> np.ndarray:
        found = highest(array, axis) if axis else whole_classes(array)
        shape = labels.shape[1:] if labels is not None else _sides(found.shape)
        numbers: np.ndarray = np.clip(found.reshape(len(array), *shape), -1, _LARGEST_CLASS)
        return numbers.astype(np.int32)

    counts = np.concatenate(
        [(classes(a) != classes(b)).sum(axis=(1, 2)) for a, b in sample_chunks(outputs, expected)]
    )
    # Another pass over all values only where no class tells the samples apart.
    largest = counts if counts.any() else compared.largest(name)[0]
    examples = []
    for sample in chosen(counts > 0, counts, largest):
        place = slice(sample, sample + 1)
        theirs, mine = classes(expected[place])[0], classes(outputs[place])[0]
        arrays = {
            "reference": writer.write(np.ascontiguousarray(reduced(theirs))),
            "answer": writer.write(np.ascontiguousarray(reduced(mine))),
            "difference": writer.write(reduced_to_largest((mine != theirs).astype(np.uint8))),
        }
        if labels is not None:
            truth = np.ascontiguousarray(reduced(labels[sample]).astype(np.int32))
            arrays["truth"] = writer.write(truth)
        examples.append(Example(sample, float(counts[sample]), arrays))
    return OutputExamples(
        "classes", name, len(counts), int((counts > 0).sum()), tuple(examples), note
    )


def _sides(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Height and width of maps without their axis of channels."""
    axes = map_axes(shape) or (1, 2)
    return shape[axes[0]], shape[axes[1]]


def _values(
    compared: ComparedOutputs,
    name: str,
    axes: tuple[int, int],
    truth: np.ndarray | None,
    writer: ArrayWriter,
) -> OutputExamples:
    """Examples of values; three channels are colours."""
    outputs, expected = compared.sides(name)
    largest, differs = compared.largest(name)

    def picture(array: np.ndarray, sample: int) -> np.ndarray:
        one: np.ndarray = array[sample]
        if one.ndim == 2:
            return one
        one = np.moveaxis(one, 5 - sum(axes), -1)
        one = one[..., 0] if one.shape[-1] == 1 else one
        return one

    def written(values: np.ndarray, low: float, high: float) -> ExampleArray:
        return writer.write(as_bytes(reduced(values), low, high), low, high)

    examples = []
    for sample in chosen(differs, largest):
        sides = {"reference": picture(expected, sample), "answer": picture(outputs, sample)}
        if truth is not None:
            sides["truth"] = picture(truth, sample)
        low, high = value_range(*sides.values())
        arrays = {role: written(values, low, high) for role, values in sides.items()}
        apart = differences(sides["answer"], sides["reference"])
        apart = apart.max(axis=2) if apart.ndim == 3 else apart
        finite = float(apart[np.isfinite(apart)].max(initial=0.0)) or 1.0
        apart = np.where(np.isnan(apart), finite, apart)
        shown = as_bytes(reduced_to_largest(apart), 0.0, finite)
        arrays["difference"] = writer.write(shown, 0.0, finite)
        examples.append(Example(sample, float(largest[sample]), arrays))
    return OutputExamples("map", name, len(largest), int(differs.sum()), tuple(examples))
