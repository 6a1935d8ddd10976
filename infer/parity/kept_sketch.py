"""What a baseline keeps of a sketch: its numbers in steps of the tolerance, 16 bits each.

A number is kept as its count of steps modulo a prime, so that its size does not matter: two numbers
are told apart unless they differ by a multiple of the prime, within the tolerance (deviation.py).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from .sketch import Sketch, values_by_sum

PRIME = 65521
# Steps in a tolerance, and the least step as a share of the largest value.
_STEPS, _LEAST_STEP = 8, 2.0**-46


@dataclass(frozen=True)
class KeptSketch:
    """The sketch of an output in a baseline, and what the output may differ by.

    Attributes:
        form, shape, is_whole, is_complex, largest, non_finite: as those of `Sketch`.
        tolerance: the largest difference of a value that passes.
        root_mean_square: the largest root mean square of differences that passes, of a quantised
            model; None for others.
        allowed_share: share of the values that may differ by more; None if none may.
        absolute: whether absolute values are compared.
        calls: hash of the calls, where samples could not be told apart; "" where they could.
        values, sums: counts of steps modulo a prime, uint16.
        labels: labels, and how clear they are, in four bits each, uint8.
        hashes: as those of `Sketch`.
    """

    form: str
    shape: tuple[int, ...]
    is_whole: bool
    is_complex: bool
    largest: float
    non_finite: str
    tolerance: float
    root_mean_square: float | None
    allowed_share: float | None
    absolute: bool
    calls: str
    values: np.ndarray
    sums: np.ndarray
    labels: np.ndarray
    hashes: np.ndarray

    @property
    def step(self) -> float:
        """The step of `values`."""
        if self.is_whole:
            return max(1.0, math.floor(self.tolerance / _STEPS))
        return max(self.tolerance / _STEPS, (self.largest or 1.0) * _LEAST_STEP)

    @property
    def sum_step(self) -> float:
        """The step of `sums`."""
        by_sum = values_by_sum(self.shape, len(self.sums), is_complex=self.is_complex)
        if self.step == 1 and self.is_whole:
            return 1.0
        return self.step * math.sqrt(float(by_sum.mean()) if by_sum.size else 1.0)


@dataclass(frozen=True)
class SketchedOutput:
    """The sketch of an output of a run, and what is known of the output.

    Attributes:
        sketch: the sketch.
        tolerance, root_mean_square, allowed_share, absolute, calls: as those of `KeptSketch`,
            derived from this output.
    """

    sketch: Sketch
    tolerance: float
    root_mean_square: float | None = None
    allowed_share: float | None = None
    absolute: bool = False
    calls: str = ""

    def kept(self) -> KeptSketch:
        """What a baseline keeps of it."""
        sketch = self.sketch
        empty = np.zeros(0, np.uint16)
        bare = KeptSketch(
            sketch.form,
            sketch.shape,
            sketch.is_whole,
            sketch.is_complex,
            sketch.largest,
            sketch.non_finite,
            self.tolerance,
            self.root_mean_square,
            self.allowed_share,
            self.absolute,
            self.calls,
            empty,
            np.zeros(len(sketch.sums), np.uint16),
            _label_bytes(sketch.labels, sketch.gaps, self.tolerance),
            sketch.hashes,
        )
        return _with_numbers(bare, sketch)


def _with_numbers(bare: KeptSketch, sketch: Sketch) -> KeptSketch:
    return replace(
        bare,
        values=_counts(sketch.values, bare.step),
        sums=_counts(sketch.sums, bare.sum_step),
    )


def _counts(values: np.ndarray, step: float) -> np.ndarray:
    return np.asarray(np.mod(np.rint(values / step), PRIME), np.uint16)


def _label_bytes(labels: np.ndarray, gaps: np.ndarray, tolerance: float) -> np.ndarray:
    """Pack labels with how clear they are: 0 for a gap of 2 tolerances or less, else 1 to 15.

    The gap is above 2 tolerances times 2 to the power of this less 1.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        shares = np.where(gaps > 2 * tolerance, gaps / (2 * tolerance), 0.0)
        levels = np.where(shares > 1, np.ceil(np.log2(shares)), 0.0)
    levels = np.clip(np.nan_to_num(levels, posinf=15.0), 0, 15).astype(np.uint8)
    return np.asarray(labels << 4 | levels, np.uint8)
