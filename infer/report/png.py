"""Pictures of a page: PNG files as data URIs, by Pillow, up to so many bytes a page.

The same pixels are the same picture, which a page holds once.
"""

from __future__ import annotations

import base64
import colorsys
import hashlib
import io
from functools import cache
from importlib.util import find_spec

import numpy as np

# Bytes of all pictures of a run.
_MOST_BYTES = 6_000_000
NO_PILLOW = "No pictures: Pillow is not installed (pip install '.[report]')."
# What has no class is light grey, and so is what agrees; what differs is red.
_NOTHING, _EQUAL, _OTHER = (236, 238, 240), (236, 238, 240), (196, 22, 28)
# Steps around the circle of hues, so that successive classes are far apart.
_GOLDEN = 0.618034


class Pictures:
    """Makes the pictures of a run as long as there is room.

    Attributes:
        missing: why some are not there, a line each.
    """

    def __init__(self) -> None:
        self.missing: list[str] = []
        self._made: dict[str, str] = {}  # by the hash of their pixels
        self._left = _MOST_BYTES
        if find_spec("PIL") is None:
            self.missing.append(NO_PILLOW)
            self._left = 0

    def of_bytes(self, pixels: np.ndarray) -> str | None:
        """A picture of brightness, uint8: height x width, or with 3 channels behind."""
        return self._encoded(pixels) if self._left > 0 else None

    def of_classes(self, classes: np.ndarray) -> str | None:
        """A picture of classes, height x width: a colour each."""
        if self._left <= 0:
            return None
        numbers, places = np.unique(classes, return_inverse=True)
        colours = np.array([class_colour(int(number)) for number in numbers], np.uint8)
        return self._encoded(colours.reshape(-1, 3)[places.reshape(classes.shape)])

    def of_differences(self, differ: np.ndarray) -> str | None:
        """A picture of where classes differ, height x width: 0 or 1."""
        if self._left <= 0:
            return None
        return self._encoded(np.array([_EQUAL, _OTHER], np.uint8)[(differ != 0).astype(np.intp)])

    def _encoded(self, pixels: np.ndarray) -> str | None:
        from PIL import Image

        key = hashlib.blake2b(np.ascontiguousarray(pixels).data).hexdigest() + str(pixels.shape)
        if (made := self._made.get(key)) is not None:
            return made
        image, file = Image.fromarray(pixels), io.BytesIO()
        if pixels.ndim == 3 and (few := image.getcolors(256)) is not None:
            image = image.quantize(max(2, len(few)))  # maps of classes take a tenth
        image.save(file, "PNG", optimize=True)
        self._left -= file.tell()
        if self._left <= 0:
            self.missing.append(
                f"Further pictures are left out: a page has up to {_MOST_BYTES // 1_000_000} MB."
            )
            return None
        self._made[key] = "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()
        return self._made[key]


@cache
def class_colour(number: int) -> tuple[int, int, int]:
    """The colour of a class: red, green and blue; class 0, often the background, is dark grey."""
    if number < 0 or number == 255:
        return _NOTHING
    if number == 0:
        return 70, 74, 80
    hue = (0.55 + number * _GOLDEN) % 1
    lightness = (0.45, 0.62, 0.34)[number % 3]
    red, green, blue = colorsys.hls_to_rgb(hue, lightness, 0.75)
    return round(red * 255), round(green * 255), round(blue * 255)


def css_colour(number: int) -> str:
    """The same as CSS has it."""
    return "#" + "".join(f"{part:02x}" for part in class_colour(number))
