"""From the bytes of an image to an array, by Pillow. For the limited process only."""

from __future__ import annotations

import io
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image

from ..errors import InputError
from .description import StatedInput

# What Pillow reads by itself: of other formats some start programs.
_FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "PPM", "AVIF")
# Modes whose values are taken as they are, and what the others become.
_OF_MORE_BITS = ("I;16", "I;16B", "I", "F")
_KEPT = ("L", "RGB", "RGBA", *_OF_MORE_BITS)
_BECOMES = {"1": "L", "LA": "RGBA", "PA": "RGBA"}
# Image.MAX_IMAGE_PIXELS only warns at first.
_MOST_PIXELS = 100_000_000


class ImageReader:
    """Reads the images of an input, which all must have the same shape.

    Attributes:
        stated: what the user says of them.
        advice: where to say what is missing, for messages.
    """

    def __init__(self, stated: StatedInput, advice: str) -> None:
        self.stated = stated
        self.advice = advice
        self._first: tuple[str, Image.Image] | None = None
        self._threads = ThreadPoolExecutor(4)  # Pillow decodes without the interpreter's lock
        Image.MAX_IMAGE_PIXELS = None  # there is a limit of our own

    def read(self, images: Sequence[tuple[str, Path | bytes]]) -> np.ndarray:
        """Read images, by name and path or content, to an array of them.

        Raises:
            InputError: one is damaged, or differs in size or mode; the message names it.
        """
        opened = list(self._threads.map(lambda named: self._opened(*named), images))
        for (name, _), image in zip(images, opened, strict=True):
            self._check_alike(name, image)
        return np.stack([self._array(image) for image in opened])

    def _opened(self, name: str, content: Path | bytes) -> Image.Image:
        file = io.BytesIO(content) if isinstance(content, bytes) else content
        try:
            with Image.open(file, formats=_FORMATS) as image:
                if image.width * image.height > _MOST_PIXELS:
                    raise InputError(
                        f"{name}: has {image.width:,} x {image.height:,} pixels, more than "
                        f"{_MOST_PIXELS:,}; make it smaller, or remove it"
                    )
                image.load()
                self._check_bits(name, image)
                return self._resized(_converted(image, self.stated.mode))
        except InputError:
            raise
        except PermissionError:
            raise InputError(
                f"{name}: may not be read; if it is a link out of the folder, name what it leads "
                "to in $EXPORTBENCH_ALLOW_READ"
            ) from None
        except FileNotFoundError:
            raise InputError(f"{name}: leads to a file that is not there; remove it") from None
        except MemoryError:
            raise InputError(f"{name}: takes more memory than it may; make it smaller") from None
        except Exception as error:  # Pillow raises many types for a damaged file
            what = "no image that Pillow reads" if "cannot identify" in str(error) else str(error)
            raise InputError(f"{name}: damaged ({what}); repair or remove it") from None

    def _check_bits(self, name: str, image: Image.Image) -> None:
        """Check that a mode leaves the values: Pillow cuts larger ones off."""
        mode = self.stated.mode
        if mode and image.mode in _OF_MORE_BITS:
            raise InputError(
                f'{name}: has more than 8 bits ({image.mode}), which mode = "{mode}" would cut off '
                f"at 255: convert it, or leave the mode out and say a scale, {self.advice}"
            )

    def _resized(self, image: Image.Image) -> Image.Image:
        stated = self.stated
        if stated.size is None:
            return image
        height, width = stated.size
        resample = Image.Resampling[stated.resample.upper()]
        if stated.shorter_side is None:
            is_there = image.size == (width, height)
            return image if is_there else image.resize((width, height), resample)
        # As torchvision's Resize and CenterCrop calculate it.
        shorter = min(image.size)
        target = (
            stated.shorter_side * image.width // shorter,
            stated.shorter_side * image.height // shorter,
        )
        if image.size != target:
            image = image.resize(target, resample)
        left = round((image.width - width) / 2)
        top = round((image.height - height) / 2)
        return image.crop((left, top, left + width, top + height))

    def _check_alike(self, name: str, image: Image.Image) -> None:
        if self._first is None:
            self._first = name, image
            return
        first_name, first = self._first
        if image.size != first.size:
            raise InputError(
                f"{name}: has {image.height} x {image.width} pixels, {first_name} has "
                f"{first.height} x {first.width}: say what all shall have, as size = "
                f"[{first.height}, {first.width}], {self.advice}"
            )
        if image.mode != first.mode:
            raise InputError(
                f"{name}: is {image.mode}, {first_name} is {first.mode}: say what all shall be, "
                f'as mode = "RGB", {self.advice}'
            )

    def _array(self, image: Image.Image) -> np.ndarray:
        """The values of an image, in the layout and type that is wanted."""
        stated = self.stated
        array = np.asarray(image)
        array = array.astype(array.dtype.newbyteorder("="), copy=False)
        if array.ndim == 2:
            array = array[:, :, None]
        if stated.is_scaled:
            array = scaled(array, stated, self.advice)
        if stated.layout == "NHW":
            if array.shape[2] != 1:
                raise InputError(
                    f'images are {image.mode}, the layout NHW has no channels: say mode = "L" '
                    f"{self.advice}"
                )
            array = array[:, :, 0]
        elif stated.layout == "NCHW":
            array = array.transpose(2, 0, 1)
        return array if stated.dtype is None else cast(array, stated.dtype, self.advice)


def scaled(array: np.ndarray, stated: StatedInput, where: str) -> np.ndarray:
    """Calculate (values x scale - mean) / std in float32, by the last axis.

    Raises:
        InputError: there are not as many values of mean and std as channels.
    """
    result = array.astype(np.float32) * np.float32(stated.factor)
    for value, apply in ((stated.mean, np.subtract), (stated.std, np.divide)):
        if value is None:
            continue
        by_channel = np.asarray(value, np.float32)
        if by_channel.ndim and by_channel.size not in (1, result.shape[-1]):
            raise InputError(
                f"mean and std have {by_channel.size} values, {where}; a sample has "
                f"{result.shape[-1]} channels"
            )
        result = apply(result, by_channel)
    return result


def cast(array: np.ndarray, dtype: str, where: str) -> np.ndarray:
    """Convert to a type that holds the values.

    Raises:
        InputError: there is no such type, or it does not hold them.
    """
    try:
        wanted = np.dtype(dtype)
    except TypeError:
        raise InputError(f'dtype = "{dtype}": no type of NumPy\'s, {where}') from None
    if wanted.kind not in "biuf":
        raise InputError(f'dtype = "{dtype}": no type of numbers, {where}')
    with np.errstate(all="ignore"):
        result = array.astype(wanted)
        is_whole = wanted.kind in "biu"
        if is_whole and not np.array_equal(result.astype(array.dtype), array, equal_nan=False):
            raise InputError(f'dtype = "{dtype}" does not hold the values, {where}')
    return result


def _converted(image: Image.Image, mode: str | None) -> Image.Image:
    if mode is None:
        if image.mode in _KEPT:
            mode = image.mode
        elif image.mode == "P" and "transparency" in image.info:
            mode = "RGBA"
        else:
            mode = _BECOMES.get(image.mode, "RGB")
    return image if image.mode == mode else image.convert(mode)
