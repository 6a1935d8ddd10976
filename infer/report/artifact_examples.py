"""The kept examples of an artifact: their arrays, and the pictures of its inputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ..examples.arrays import ExamplesError, read_array
from ..records.example_events import Example, ExampleArray, ExamplesTaken
from ..results.recorded_run import RecordedRun
from .example_figures import Figure
from .png import Pictures

# The sides that are shown of an example, and their titles.
ROLES = {"truth": "truth", "reference": "reference", "answer": "this artifact"}


class ArtifactExamples:
    """Reads the examples of an artifact.

    Attributes:
        artifact: its label.
        names: the names of its classes.
        pictures: makes pictures.
    """

    def __init__(
        self,
        run: RecordedRun,
        event: ExamplesTaken,
        names: Sequence[str],
        pictures: Pictures,
    ) -> None:
        self.artifact, self.names, self.pictures = event.artifact, names, pictures
        self._run, self._event = run, event
        self._inputs: dict[int, str | None] = {}

    def input_picture(self, sample: int) -> str | None:
        """The picture of an input, as a data URI."""
        if sample not in self._inputs:
            recorded = self._event.pictures.get(str(sample))
            self._inputs[sample] = (
                self.pictures.of_bytes(self.brightness(recorded)) if recorded else None
            )
        return self._inputs[sample]

    def array(
        self, arrays: Mapping[str, ExampleArray], role: str, axes: int, dtype: str
    ) -> np.ndarray:
        """An array of an example.

        Raises:
            ExamplesError: it is not there, or of another type or number of axes.
        """
        if role not in arrays:
            raise ExamplesError(f"there is no '{role}'")
        array = read_array(self._run.folder, self.artifact, arrays[role])
        if array.ndim != axes or array.dtype != dtype:
            raise ExamplesError(f"'{role}' is {array.dtype} with {array.ndim} axes")
        return array

    def map_of(self, arrays: Mapping[str, ExampleArray], role: str, dtype: str) -> np.ndarray:
        """An array of height x width.

        Raises:
            ExamplesError: it is none.
        """
        array = self.array(arrays, role, 2, dtype)
        if not array.size:
            raise ExamplesError(f"'{role}' is empty")
        return array

    def brightness(self, recorded: ExampleArray) -> np.ndarray:
        """Brightness of height x width, or of colours.

        Raises:
            ExamplesError: it is none.
        """
        array = read_array(self._run.folder, self.artifact, recorded)
        is_picture = array.ndim == 2 or (array.ndim == 3 and array.shape[2] == 3)
        if array.dtype != np.uint8 or not is_picture or not array.size:
            raise ExamplesError(f"{list(array.shape)} of {array.dtype} is no picture")
        return array

    def aspect(self, sample: int) -> float:
        """Width over height of the input picture of a sample."""
        recorded = self._event.pictures.get(str(sample))
        shape = recorded.shape if recorded else ()
        is_whole = len(shape) in (2, 3) and min(shape) > 0
        return min(8.0, max(0.125, shape[1] / shape[0])) if is_whole else 1.0

    def input_figures(self, sample: int) -> list[Figure]:
        """The input of a sample, if it is a picture."""
        uri = self.input_picture(sample)
        if uri is None:
            return []
        return [Figure("input", f"input of sample {sample}", uri, self.aspect(sample))]


def figure(example: Example, caption: str, shape: tuple[int, ...], uri: str | None) -> Figure:
    """A picture of a side of an example, of height x width."""
    aspect = min(8.0, max(0.125, shape[1] / max(1, shape[0])))
    return Figure(caption, f"{caption}, sample {example.sample}", uri, aspect)


def title_of(example: Example) -> str:
    """Which sample it is."""
    return f"sample {example.sample:,}"


def count_of(example: Example) -> int:
    """What differs, where that is counted.

    Raises:
        ExamplesError: it is no number.
    """
    if not np.isfinite(example.difference):
        raise ExamplesError(f"{example.difference} is no number of differences")
    return int(example.difference)
