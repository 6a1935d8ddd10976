"""How far an output is from that of the baseline, as far as its sketch tells.

Differences of numbers are compared with what is allowed, never counts of steps with each other: a
number at the border of two steps that is rounded the other way differs by one step, and passes.

What is allowed follows from differences of at most A in every value, as a run judges them
(`comparing`), so that an output that passes in a run passes here:

- a single value may differ by A;
- a sum of m values with signs may differ by m A. As the signs were drawn without regard to the
  differences, it differs by more than c sqrt(m) A with a probability of 2 exp(-c^2 / 2) at most
  (Hoeffding, 1963): 2.6e-14 with c = 8. Less than 64 values cannot reach that at all;
- the mean square of M sums, each divided by sqrt(m) A, is above 1 + 2 sqrt(x / M) + 2 x / M with a
  probability of exp(-x) at most (Laurent and Massart, 2000; sums with signs are no wider than
  normal ones): 1.0e-10 with x = 23. That is 1.16 for 4,096 sums;
- a label may be another where its value is above the next by 2 A or less.

So an output within the tolerance fails with a probability of 3e-10 at most.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from .kept_sketch import PRIME, KeptSketch, SketchedOutput
from .sketch import HASHES, Sketch, first_sample, values_by_sum

# A sum's standard deviations, and the exponent of the probability, in the rules above.
_DEVIATIONS, _EXPONENT = 8.0, 23.0
# Errors of a quantised model are allowed by their root mean square, and single ones may be up to 8
# times as large (quantised_tolerance.py): in the last rule so many fewer of them count.
_QUANTISED_WEIGHT = 64.0
# For rounding in the last digit of the comparison itself.
_ROUNDING = 1 + 1e-9
_NAMED_SAMPLES = 5


@dataclass(frozen=True)
class Deviation:
    """How far an output is from that of the baseline.

    Attributes:
        difference: the largest difference of a value, as far as it is known; None if there is none.
        allowed: what it may be.
        findings: what does not pass, in words; empty if all passes.
    """

    difference: float | None
    allowed: float
    findings: tuple[str, ...]

    @property
    def passes(self) -> bool:
        """Whether the output passes."""
        return not self.findings


def deviation(now: SketchedOutput, kept: KeptSketch, margin: float | None = None) -> Deviation:
    """Find how far an output is from that of the baseline.

    Args:
        now: the output.
        kept: what the baseline keeps.
        margin: the largest difference that passes, in place of the baseline's tolerance.
    """
    allowed = kept.tolerance if margin is None else margin
    sketch = now.sketch
    if other := _other_form(now, kept):
        return Deviation(None, allowed, (other,))
    if kept.form == HASHES:
        others = np.flatnonzero(sketch.hashes != kept.hashes)
        return Deviation(None, allowed, _told(others, kept, "{} of {} samples are others"))
    findings: list[str] = []
    if sketch.non_finite != kept.non_finite:
        findings.append("NaN or infinities are in other places")
    values = _apart(sketch.values, kept.values, kept.step, kept)
    largest = float(values.max(initial=0.0))
    beyond = values > allowed * _ROUNDING
    if kept.allowed_share is not None:
        # By Hoeffding's bound for a share of values that were drawn.
        by_chance = math.sqrt(_EXPONENT / 2 / len(values)) if kept.sums.size else 0.0
        share = kept.allowed_share + by_chance
        if beyond.sum() > share * len(values):
            findings.append(
                f"{beyond.sum():,} of {len(values):,} values differ by more than {allowed:.2g}, "
                f"{kept.allowed_share:g} of them may"
            )
        return Deviation(largest, allowed, tuple(findings))
    if beyond.any():
        findings.append(
            f"{beyond.sum():,} of {len(values):,} values differ by more than {allowed:.2g}, by up "
            f"to {largest:.2g}"
        )
    root = kept.root_mean_square if margin is None else None
    if root is not None and values.size:
        rms = math.sqrt(float(np.mean(values**2)))
        wider = _wider(len(values), _QUANTISED_WEIGHT) if kept.sums.size else 1.0
        if rms > root * wider * _ROUNDING:
            findings.append(
                f"its values differ by {rms:.2g} in the root mean square, more than {root:.2g}"
            )
    by_sums, least = _by_sums(sketch, kept, allowed, root)
    findings += by_sums
    findings += _by_labels(sketch, kept, allowed)
    return Deviation(max(largest, least), allowed, tuple(findings))


def _other_form(now: SketchedOutput, kept: KeptSketch) -> str:
    """Why an output cannot be compared with that of the baseline; "" if it can."""
    sketch = now.sketch
    if sketch.shape != kept.shape:
        return f"its shape is {sketch.shape}, was {kept.shape}"
    if now.calls != kept.calls:
        return "its samples cannot be told apart, and its calls are others; give the same --batch"
    forms = (sketch.form, sketch.is_complex, now.absolute)
    sizes = [len(part) for part in (sketch.values, sketch.sums, sketch.labels, sketch.hashes)]
    kept_sizes = [len(part) for part in (kept.values, kept.sums, kept.labels, kept.hashes)]
    if forms != (kept.form, kept.is_complex, kept.absolute) or sizes != kept_sizes:
        return "it is of another type, or compared by another --compare"
    return ""


def _by_sums(
    sketch: Sketch, kept: KeptSketch, allowed: float, root: float | None
) -> tuple[list[str], float]:
    """What of the sums does not pass, and by how much a value differs at least."""
    if not len(kept.sums):
        return [], 0.0
    apart = _apart(sketch.sums, kept.sums, kept.sum_step, kept)
    by_sum = values_by_sum(kept.shape, len(kept.sums), is_complex=kept.is_complex)
    limits = np.minimum(by_sum, _DEVIATIONS * np.sqrt(by_sum)) * allowed
    beyond = np.flatnonzero(apart > limits * _ROUNDING)
    findings = list(_told(beyond, kept, "{} of {} sums of its values are others"))
    unit = allowed if root is None else root
    if not findings and unit:
        rms = math.sqrt(float(np.mean((apart / np.sqrt(by_sum)) ** 2)))
        wider = _wider(len(apart), 1.0 if root is None else _QUANTISED_WEIGHT)
        if rms > unit * wider * _ROUNDING:
            findings.append(
                f"its values differ by {rms:.2g} in the root mean square, more than {unit:.2g}"
            )
    return findings, float((apart / by_sum).max(initial=0.0))


def _by_labels(sketch: Sketch, kept: KeptSketch, allowed: float) -> tuple[str, ...]:
    """What of the labels does not pass."""
    levels = (kept.labels % 16).astype(np.int64)
    # The gap is above 2 tolerances times a power of two (`_label_bytes`).
    gaps = np.where(levels > 0, 2 * kept.tolerance * 2.0 ** (levels - 1.0), 0.0)
    clear = (levels > 0) & ((gaps >= 2 * allowed / _ROUNDING) | (kept.tolerance == allowed == 0))
    beyond = np.flatnonzero(clear & (sketch.labels != kept.labels >> 4))
    return _told(beyond, kept, "{} of {} labels are others", int(clear.sum()), len(kept.labels))


def _told(
    beyond: np.ndarray, kept: KeptSketch, text: str, count: int | None = None, parts: int = 0
) -> tuple[str, ...]:
    """Say how many parts of an output do not pass, and of which samples they are."""
    if not beyond.size:
        return ()
    parts = parts or len(kept.sums if kept.form != HASHES else kept.hashes)
    samples = dict.fromkeys(first_sample(int(part), kept.shape, parts) for part in beyond)
    named = ", ".join(map(str, list(samples)[:_NAMED_SAMPLES]))
    more = " ..." if len(samples) > _NAMED_SAMPLES else ""
    counts = text.format(f"{beyond.size:,}", f"{parts if count is None else count:,}")
    return (f"{counts} (sample {named}{more})",)


def _wider(count: int, weight: float) -> float:
    """What a root mean square may be above its limit, as a factor."""
    share = weight * _EXPONENT / count
    return math.sqrt(1 + 2 * math.sqrt(share) + 2 * share)


def _apart(values: np.ndarray, counts: np.ndarray, step: float, kept: KeptSketch) -> np.ndarray:
    """By how much numbers differ from kept ones, at least: from the nearest of such a count."""
    period = PRIME * step
    difference = np.mod(values - counts * step, period)
    difference = np.minimum(difference, period - difference)
    if kept.is_whole and step == 1:
        return np.asarray(difference)
    # The border of a step itself is off by rounding, in the last digit of the number.
    half = step / 2 + np.spacing(np.abs(values)) * 4
    return np.asarray(np.maximum(difference - half, 0.0))
