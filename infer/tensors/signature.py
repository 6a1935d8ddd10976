"""The signature of a model: names, shapes and types of its inputs and outputs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ..errors import ArtifactError as ArtifactError
from .dtypes import ANY

# The name of the function for serving, in files that name their functions.
SERVING = "serving_default"


@dataclass(frozen=True)
class TensorSpec:
    """One input or output.

    Attributes:
        name: as in the payload.
        shape: sizes; a name stands for a size that is free, None for one that has no name. None
            instead of sizes if the rank is unknown: an array of any number of dimensions is taken.
        dtype: NumPy's name, as "float32"; "any" where the file does not tell it.
        range: smallest and largest value that the model was made for, where known.
    """

    name: str
    shape: tuple[int | str | None, ...] | None
    dtype: str
    range: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        """Take texts without a letter for no name: a `?` stands for another size each time."""
        if any(isinstance(size, str) and not _is_name(size) for size in self.sizes):
            shape = tuple(
                None if isinstance(size, str) and not _is_name(size) else size
                for size in self.sizes
            )
            object.__setattr__(self, "shape", shape)

    @property
    def sizes(self) -> tuple[int | str | None, ...]:
        """The shape, or no sizes if the rank is unknown."""
        return self.shape or ()

    @property
    def is_described(self) -> bool:
        """Whether type and rank are known, so that values can be made up."""
        return self.dtype != ANY and self.shape is not None

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> TensorSpec:
        """Rebuild a spec from JSON of its `asdict`."""
        limits = value.get("range")
        return cls(
            value["name"],
            None if value["shape"] is None else tuple(value["shape"]),
            value["dtype"],
            (float(limits[0]), float(limits[1])) if limits else None,
        )


@dataclass(frozen=True)
class Signature:
    """The inputs and outputs, in the payload's own order.

    Names are unique among the inputs, and among the outputs: see `unique_names`.
    """

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]

    def __post_init__(self) -> None:
        """Rename tensors whose name another one has."""
        object.__setattr__(self, "inputs", _uniquely_named(self.inputs))
        object.__setattr__(self, "outputs", _uniquely_named(self.outputs))

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> Signature:
        """Rebuild a signature from JSON of its `asdict`."""
        return cls(
            tuple(map(TensorSpec.from_dict, value["inputs"])),
            tuple(map(TensorSpec.from_dict, value["outputs"])),
        )


def unique_names(names: Iterable[str]) -> list[str]:
    """Rename what appears again: of several "y" the second is "y_2", the third "y_3".

    Numbers that would make another name of the list are passed over.
    """
    names = list(names)
    taken = set(names)
    unique: list[str] = []
    counts: dict[str, int] = {}
    for name in names:
        counts[name] = counts.get(name, 0) + 1
        if counts[name] > 1:
            while f"{name}_{counts[name]}" in taken:
                counts[name] += 1
            taken.add(f"{name}_{counts[name]}")
            name = f"{name}_{counts[name]}"
        unique.append(name)
    return unique


def _uniquely_named(specs: tuple[TensorSpec, ...]) -> tuple[TensorSpec, ...]:
    names = unique_names(spec.name for spec in specs)
    return tuple(replace(spec, name=name) for spec, name in zip(specs, names, strict=True))


def _is_name(size: str) -> bool:
    return any(letter.isalpha() for letter in size)
