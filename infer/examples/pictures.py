"""Samples as pictures: inputs that are images, and maps of values, small enough to be kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ..inputs.lazy_array import LazyArray
from ..tensors.dtypes import kind_of, widened
from .arrays import MOST_SIDE

# The least length of a side, below which numbers are no picture.
_LEAST_SIDE = 4
# Colours up to here are not from 0 to 255.
_LEAST_BRIGHTEST = 32


@dataclass(frozen=True)
class InputPictures:
    """An input whose samples are pictures.

    Attributes:
        array: N x channels x height x width, or N x height x width, with or without channels last.
        height, width: of a picture.
    """

    array: LazyArray
    height: int
    width: int

    def picture(self, sample: int) -> np.ndarray:
        """The picture of a sample: uint8, height x width, or with 3 channels behind, reduced."""
        values = reduced(_channels_last(np.asarray(self.array[sample : sample + 1])[0]))
        low, high = value_range(values)
        return as_bytes(values, low, high)


def input_pictures(inputs: Mapping[str, LazyArray]) -> InputPictures | None:
    """The first input whose samples are pictures; None if there is none.

    Inputs with four axes are, if one of them may be of 1 or 3 channels. With three they are if they
    hold bytes, or numbers from 0 to 1.
    """
    for array in inputs.values():
        if kind_of(array.dtype) not in ("float", "int") or not array.ndim or not len(array):
            continue
        shape = sides = array.shape[1:]
        if len(shape) == 3:
            sides = shape[1:] if _has_channels_first(shape) else shape[:2]
            is_one = _has_channels_first(shape) or shape[2] in (1, 3)
        else:
            is_one = len(shape) == 2 and _holds_brightness(array)
        if is_one and min(sides) >= _LEAST_SIDE:
            return InputPictures(array, sides[0], sides[1])
    return None


def _has_channels_first(shape: tuple[int, ...]) -> bool:
    return shape[0] in (1, 3) and shape[2] not in (1, 3)


def _holds_brightness(array: LazyArray) -> bool:
    if array.dtype == np.uint8:
        return True
    first = widened(np.asarray(array[:16]))
    return kind_of(array.dtype) == "float" and bool(first.min() >= 0 and first.max() <= 1)


def _channels_last(sample: np.ndarray) -> np.ndarray:
    if sample.ndim == 3 and _has_channels_first(sample.shape):
        sample = np.moveaxis(sample, 0, -1)
    return sample[..., 0] if sample.ndim == 3 and sample.shape[2] == 1 else sample


def step_of(height: int, width: int) -> int:
    """Of how many places one is kept, in both directions, so that a picture is small enough."""
    return -(-max(height, width) // MOST_SIDE)


def reduced(values: np.ndarray) -> np.ndarray:
    """Keep some of the places of a picture, so that it is small enough.

    Args:
        values: height x width, or with channels behind.
    """
    step = step_of(*values.shape[:2])
    return values[::step, ::step]


def reduced_to_largest(values: np.ndarray) -> np.ndarray:
    """Reduce a picture to the largest of the places that become one, so that none is lost.

    Args:
        values: height x width.
    """
    step = step_of(*values.shape)
    starts = [np.arange(0, size, step) for size in values.shape]
    return np.maximum.reduceat(np.maximum.reduceat(values, starts[0], axis=0), starts[1], axis=1)


def value_range(*pictures: np.ndarray) -> tuple[float, float]:
    """What black and white stand for.

    Of colours and bytes 0 and 255, or 0 and 1, if the values look like these; else the lowest and
    the highest value.
    """
    finite = [values[np.isfinite(values)] for values in map(widened, pictures)]
    values = np.concatenate([each.reshape(-1) for each in finite])
    low, high = (float(values.min()), float(values.max())) if values.size else (0.0, 1.0)
    is_usual = pictures[0].ndim == 3 or pictures[0].dtype == np.uint8
    if is_usual and low >= 0 and (high <= 1 or _LEAST_BRIGHTEST <= high <= 255):
        return 0.0, 1.0 if high <= 1 and pictures[0].dtype != np.uint8 else 255.0
    return low, high


def as_bytes(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """Values as brightness, uint8; what is not finite is black or white."""
    with np.errstate(invalid="ignore", over="ignore"):
        share = (widened(values) - low) / ((high - low) or 1.0)
    scaled = np.nan_to_num(share, nan=0.0, posinf=1.0, neginf=0.0)
    result: np.ndarray = (np.clip(scaled, 0, 1) * 255).round().astype(np.uint8)
    return result
