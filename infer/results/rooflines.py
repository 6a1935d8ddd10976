"""The shortest possible time of a call (roofline), from the measured rates of the machine."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

import numpy as np

from ..records.run_events import RooflineMeasured
from ..tensors.signature import TensorSpec
from ..workload import DEVICE_RESIDENT
from .record_index import RecordIndex

RATES = tuple(name for name in RooflineMeasured.__struct_fields__ if name.endswith("_per_s"))


def highest(rooflines: Iterable[RooflineMeasured]) -> dict[str, float]:
    """The highest measured value of each rate, by name."""
    rates: dict[str, float] = {}
    for roofline in rooflines:
        for name in RATES:
            value = getattr(roofline, name)
            if value is not None:
                rates[name] = max(value, rates.get(name, 0.0))
    return rates


# A 3 x 3 convolution is computed in down to 1 / 2.25 of its operations (Winograd's F(2 x 2, 3 x 3),
# Lavin and Gray 2016; larger tiles lose too many digits). A larger share of the ceiling says that
# something else took the processor while the rates were measured.
MOST_OF_CEILING = 2.25


def flops(index: RecordIndex, label: str) -> float | None:
    """Operations for a sample, from the artifact or from an ONNX file with the same weights."""

    def weights(name: str) -> str | None:
        manifest = index.artifacts[name].manifest
        return manifest.weights.get("sha256") if manifest else None

    stated = index.preflights[label].flops_per_sample if label in index.preflights else None
    same = [
        preflight.flops_per_sample
        for name, preflight in index.preflights.items()
        if preflight.flops_per_sample and weights(name) == weights(label)
    ]
    return stated or min(same, default=None)


def roofline_s(index: RecordIndex, label: str, workload: str) -> float | None:
    """The shortest possible time of a call on this machine, in seconds; None if not known.

    It is the time for the arithmetic or for reading the weights, whichever is longer. On a card, a
    call from host to host also has to copy inputs and outputs, whose time is added as far as their
    sizes are known.
    """
    needed, rates = flops(index, label), highest(index.rooflines)
    arithmetic = rates.get(_arithmetic(index, label, rates))
    size = index.artifacts[label].bytes
    if needed is None or arithmetic is None or size is None or "bytes_per_s" not in rates:
        return None
    samples = index.per_call[workload]
    # The weights are read at least once a call.
    seconds = max(samples * needed / arithmetic, size / rates["bytes_per_s"])
    resident = index.workloads[workload].boundary == DEVICE_RESIDENT
    if index.device == "cuda" and not resident and label in index.preflights:
        preflight = index.preflights[label]
        sides = {
            "to_device": preflight.inputs.inputs,
            "from_device": preflight.load.signature.outputs,
        }
        for way, specs in sides.items():
            rate = max(rates.get(f"{way}_{kind}bytes_per_s", 0.0) for kind in ("", "pinned_"))
            if rate:
                seconds += samples * _sample_bytes(specs) / rate
    return float(seconds)


def _arithmetic(index: RecordIndex, label: str, rates: Mapping[str, float]) -> str:
    """The name of the rate of the arithmetic that an artifact may use."""
    if index.device != "cuda":
        return "flops_per_s"
    manifest = index.artifacts[label].manifest
    if manifest and manifest.precision != "float32":
        return f"{manifest.precision}_flops_per_s"  # which is not measured
    placement = index.preflights[label].predict.placement if label in index.preflights else {}
    tf32 = placement.get("tf32")
    tf32 = index.run.tf32 if tf32 is None else tf32
    return "tf32_flops_per_s" if tf32 and "tf32_flops_per_s" in rates else "flops_per_s"


def _sample_bytes(specs: Iterable[TensorSpec]) -> int:
    """Bytes of a sample, over the tensors with known shapes and types."""
    total = 0
    for spec in specs:
        sizes = [size for size in spec.sizes[1:] if isinstance(size, int)]
        if spec.shape is not None and len(sizes) == len(spec.sizes[1:]):
            try:
                total += math.prod(sizes) * np.dtype(spec.dtype).itemsize
            except TypeError:  # text, or a type that NumPy lacks
                continue
    return total
