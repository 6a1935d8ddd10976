"""An artifact that a format and a runtime are checked with, and its inputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class Sample:
    """An artifact to hold a format and a runtime to the contract with.

    Attributes:
        path: its payload, or the folder of its manifest.
        inputs: by name; their first dimension is that of the samples, but where there is none.
        outputs: what it gives for these, by name; None if that is not known.
        runtime: the one that is checked; None for the default one of the format.
        signature: name of the function to call, where the file has several.
        device: "cpu" or "cuda".
        python: another interpreter that has the runtime; None for this one.
        batches: samples a call.
        largest_batch: that the artifact takes, where it has a bound; a larger one is to be
            unsupported. Memory is then planned before the call, and is not made to run out.
        tolerance: largest difference of an output between a sample alone and in a batch, and from
            `outputs`.
        changing: outputs that follow a state, which every call changes; they are not compared.
    """

    path: Path | str
    inputs: Mapping[str, np.ndarray]
    outputs: Mapping[str, np.ndarray] | None = None
    runtime: str | None = None
    signature: str | None = None
    device: str = "cpu"
    python: str | None = None
    batches: tuple[int, ...] = (1, 7, 128)
    largest_batch: int | None = None
    tolerance: float = 1e-5
    changing: tuple[str, ...] = ()

    @property
    def samples(self) -> int:
        """How many the inputs have."""
        return min((len(array) for array in self.inputs.values() if array.ndim), default=1)

    def row(self, index: int) -> Arrays:
        """Inputs of a call on one sample."""
        return {
            name: array[index : index + 1] if array.ndim else array
            for name, array in self.inputs.items()
        }

    def batch(self, size: int) -> Arrays:
        """Inputs of a call: the samples, again and again from the first."""
        rows = np.arange(size) % self.samples
        return {name: array[rows] if array.ndim else array for name, array in self.inputs.items()}
