"""An input or output of a LiteRT interpreter."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..tensors.signature import TensorSpec

_QUANTISED = ("int8", "uint8", "int16")


class LiteRTTensor:
    """An input or output, and how its numbers are kept."""

    def __init__(self, detail: dict[str, Any], *, numbers: bool, is_unranked: bool) -> None:
        self.detail = detail
        self.index = int(detail["index"])
        self.raw = np.dtype(detail["dtype"])
        self.is_text = self.raw.kind in "OSU"
        scale, zero = detail["quantization"]
        quantised = numbers and self.raw.name in _QUANTISED and scale > 0
        self.scale, self.zero = (float(scale), int(zero)) if quantised else (0.0, 0)
        self.dtype = self.raw.name
        sizes = detail["shape_signature"] if len(detail["shape_signature"]) else detail["shape"]
        self.shape: tuple[int | None, ...] | None = None
        if not is_unranked:
            self.shape = tuple(None if size < 0 else int(size) for size in sizes)

    @property
    def is_fixed(self) -> bool:
        """Whether all sizes are known."""
        return self.shape is not None and None not in self.shape

    @property
    def batch(self) -> int | None:
        """Size of the first dimension, where it is fixed."""
        return self.shape[0] if self.shape else None

    def free_batch(self) -> None:
        """Take any size of the first dimension."""
        assert self.shape
        self.shape = (None, *self.shape[1:])

    def spec(self, name: str) -> TensorSpec:
        """As callers see it."""
        return TensorSpec(name, self.shape, self._dtype())

    def _dtype(self) -> str:
        if self.is_text:
            return "string"
        return "float32" if self.scale else self.raw.name

    def into(self, array: np.ndarray) -> np.ndarray:
        """What the interpreter takes for these values."""
        if not self.scale:
            return array
        limits = np.iinfo(self.raw)
        whole = np.rint(array / np.float32(self.scale)) + self.zero
        clipped: np.ndarray = np.clip(whole, limits.min, limits.max).astype(self.raw)
        return clipped

    def out_of(self, array: np.ndarray) -> np.ndarray:
        """The values that what the interpreter gave stands for."""
        if not self.scale:
            return array
        shifted: np.ndarray = array.astype(np.float32) - np.float32(self.zero)
        shifted *= np.float32(self.scale)
        return shifted
