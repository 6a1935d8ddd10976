"""A compact record of an artifact's answers: which samples are correct, and a few values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

# Number of samples in a probe, and of values of each, spread evenly over all.
_SAMPLES, _VALUES, _OUTPUTS = 8, 8, 4
# Number of samples in a line of packed flags, so that few changed samples change few lines.
_LINE = 256

Probe = Mapping[str, Sequence[str]]


def pack(correct: Sequence[bool] | np.ndarray) -> list[str]:
    """Pack flags, one for each sample, into lines of hexadecimal digits, four in each digit."""
    flags = np.asarray(correct, bool)
    return [
        np.packbits(flags[start : start + _LINE]).tobytes().hex()
        for start in range(0, len(flags), _LINE)
    ]


def unpack(lines: Sequence[str], samples: int) -> np.ndarray:
    """Unpack the flags, bool N, from lines of `pack`.

    Raises:
        ValueError: the lines do not fit the number of samples.
    """
    data = bytes.fromhex("".join(lines))
    if len(data) != (samples + 7) // 8:
        raise ValueError(f"{len(data)} bytes are not the flags of {samples} samples")
    return np.unpackbits(np.frombuffer(data, np.uint8), count=samples).astype(bool)


def probe(outputs: Mapping[str, np.ndarray]) -> dict[str, list[str]]:
    """Select a few values of a few samples of each output, as a line of text for each sample.

    Outputs that are not numbers are left out.
    """
    result = {}
    for name, array in list(outputs.items())[:_OUTPUTS]:
        if array.dtype.kind in "OSUMm" or not array.size or not array.ndim:
            continue
        rows = _spread(len(array), _SAMPLES)
        chosen = array[rows].reshape(len(rows), -1)
        chosen = chosen[:, _spread(chosen.shape[1], _VALUES)]
        if chosen.dtype.kind == "c":
            chosen = np.stack([chosen.real, chosen.imag], axis=-1).reshape(len(rows), -1)
        result[name] = [" ".join(f"{v:.9g}" for v in row) for row in chosen.astype(np.float64)]
    return result


def probe_difference(now: Probe, then: Probe) -> float:
    """The largest difference of two probes, as a share of the largest value if that is above 1.

    Infinite if they differ in outputs, samples or values.
    """
    if now.keys() != then.keys():
        return float("inf")
    largest = 0.0
    for name in then:
        mine, other = ([np.array(line.split(), float) for line in p[name]] for p in (now, then))
        if [len(row) for row in mine] != [len(row) for row in other]:
            return float("inf")
        a, b = np.concatenate(mine), np.concatenate(other)
        with np.errstate(invalid="ignore"):
            difference = np.where((a == b) | (np.isnan(a) & np.isnan(b)), 0.0, np.abs(a - b))
            scale = max(1.0, float(np.max(np.abs(b[np.isfinite(b)]), initial=0.0)))
        worst = float(np.max(difference, initial=0.0))
        largest = max(largest, float("inf") if np.isnan(worst) else worst / scale)
    return largest


def _spread(count: int, most: int) -> np.ndarray:
    return np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(int))
