"""The signature of a model: names, shapes and types of its inputs and outputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import ArtifactError as ArtifactError

# The name of the function for serving, in files that name their functions.
SERVING = "serving_default"


@dataclass(frozen=True)
class TensorSpec:
    """One input or output.

    Attributes:
        name: as in the payload.
        shape: sizes; a name stands for a size that is free, None for one that has no name.
        dtype: NumPy's name, as "float32"; "any" where the file does not tell it.
        range: smallest and largest value that the model was made for, where known.
    """

    name: str
    shape: tuple[int | str | None, ...]
    dtype: str
    range: tuple[float, float] | None = None

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> TensorSpec:
        """Rebuild a spec from JSON of its `asdict`."""
        limits = value.get("range")
        return cls(
            value["name"],
            tuple(value["shape"]),
            value["dtype"],
            (float(limits[0]), float(limits[1])) if limits else None,
        )


@dataclass(frozen=True)
class Signature:
    """The inputs and outputs, in the payload's own order."""

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> Signature:
        """Rebuild a signature from JSON of its `asdict`."""
        return cls(
            tuple(map(TensorSpec.from_dict, value["inputs"])),
            tuple(map(TensorSpec.from_dict, value["outputs"])),
        )
