"""Times the steps by which bytes of images become the float32 that a network takes, one by one.

They are those of `infer/inputs/conversion.py`: NumPy's, an image at a time, on one core. Reading an
image and writing as many float32 is what memory alone takes.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from infer.inputs.conversion import converted
from infer.inputs.npy import MappedArray
from infer.tensors.signature import TensorSpec

WHOLE = "from the file to the network, as a worker does it"
# Of which the median is taken.
_BATCHES = 40


class InputSteps:
    """The steps of a batch; each begins with what those before it have made.

    Attributes:
        pixels: the last batch as float32 in 0..1, channels first.

    Args:
        shape: rows, columns and channels of an image.
        batch: number of images.
    """

    def __init__(self, shape: tuple[int, int, int], batch: int) -> None:
        rows, columns, channels = shape
        self._read = np.empty((batch, *shape), np.uint8)
        self.pixels = np.empty((batch, channels, rows, columns), np.float32)
        self._spec = TensorSpec("image", (None, channels, rows, columns), "float32")

    def steps(self) -> dict[str, Callable[[np.ndarray], object]]:
        """The steps by name; each takes a batch of images as they lie in the file."""
        return {
            "reading": self._copy,
            "writing as many float32": self._write,
            "channels to the front, as float32": self._order,
            "division by 255": self._divide,
            WHOLE: self.whole,
        }

    def whole(self, images: np.ndarray) -> np.ndarray:
        """All that a worker does with a batch."""
        return converted(self._spec, images.transpose(0, 3, 1, 2), (0.0, 1.0))[0]

    def _copy(self, images: np.ndarray) -> None:
        self._read[...] = images

    def _write(self, images: np.ndarray) -> None:
        np.empty(self.pixels.shape, np.float32).fill(0)

    def _order(self, images: np.ndarray) -> None:
        for pixels, read in zip(self.pixels, self._read, strict=True):
            pixels[...] = read.transpose(2, 0, 1)

    def _divide(self, images: np.ndarray) -> None:
        for pixels in self.pixels:
            np.divide(pixels, np.float32(255), out=pixels)


def step_times(path: Path, batch: int) -> dict[str, float]:
    """Time the steps with the images of a file, which has a batch of them at least.

    Returns:
        Medians in milliseconds an image, by step.
    """
    mapped = MappedArray(path)
    images = mapped.array
    steps = InputSteps(images.shape[1:], batch).steps()
    seconds: dict[str, list[float]] = {name: [] for name in steps}
    for number in range(_BATCHES):
        first = number % (len(images) // batch) * batch
        some = images[first : first + batch]
        for name, step in steps.items():
            begin = time.perf_counter()
            step(some)
            seconds[name].append(time.perf_counter() - begin)
        mapped.was_read(some)
    return {name: 1e3 * statistics.median(times) / batch for name, times in seconds.items()}
