"""The event of what is kept of an artifact's outputs, for a gate to compare with a baseline."""

from __future__ import annotations

import msgspec
import numpy as np

from ..codec import DecodeError, Record
from ..parity.kept_sketch import SketchedOutput
from ..parity.sketch import Sketch
from .event import Event

_TYPES = {"values": "<f8", "sums": "<f8", "labels": "u1", "gaps": "<f8", "hashes": "<u2"}


class OutputSketch(Record, frozen=True, omit_defaults=True):
    """The sketch of an output, as `infer.parity.sketch` has it; arrays as bytes, base64 in JSON.

    Attributes:
        tolerance, root_mean_square, allowed_share, absolute, calls: what the output may differ by,
            derived from itself, as `infer.parity.kept_sketch` has it.
    """

    form: str
    shape: tuple[int, ...]
    tolerance: float
    is_whole: bool = False
    is_complex: bool = False
    largest: float = 0.0
    non_finite: str = ""
    root_mean_square: float | None = None
    allowed_share: float | None = None
    absolute: bool = False
    calls: str = ""
    values: bytes = b""
    sums: bytes = b""
    labels: bytes = b""
    gaps: bytes = b""
    hashes: bytes = b""

    def output(self) -> SketchedOutput:
        """The sketch with arrays.

        Raises:
            DecodeError: an array has no whole number of values.
        """
        try:
            arrays = {
                name: np.frombuffer(getattr(self, name), kind) for name, kind in _TYPES.items()
            }
        except ValueError as error:
            raise DecodeError(f"a sketch of an output is damaged ({error})") from None
        return SketchedOutput(
            Sketch(
                self.form,
                self.shape,
                self.is_whole,
                self.is_complex,
                self.largest,
                self.non_finite,
                **arrays,
            ),
            self.tolerance,
            self.root_mean_square,
            self.allowed_share,
            self.absolute,
            self.calls,
        )


def output_sketch(output: SketchedOutput) -> OutputSketch:
    """The record of a sketch."""
    sketch = output.sketch
    arrays = {
        name: np.asarray(getattr(sketch, name), kind).tobytes() for name, kind in _TYPES.items()
    }
    return OutputSketch(
        form=sketch.form,
        shape=sketch.shape,
        tolerance=output.tolerance,
        is_whole=sketch.is_whole,
        is_complex=sketch.is_complex,
        largest=sketch.largest,
        non_finite=sketch.non_finite,
        root_mean_square=output.root_mean_square,
        allowed_share=output.allowed_share,
        absolute=output.absolute,
        calls=output.calls,
        **arrays,
    )


class OutputsSketched(Event, frozen=True, tag="sketch", kw_only=True):
    """Sketches of an artifact's outputs, by its own names; those that the user ignores lack."""

    artifact: str
    outputs: dict[str, OutputSketch] = msgspec.field(default_factory=dict)
