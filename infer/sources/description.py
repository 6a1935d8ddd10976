"""What a TOML file says of inputs: where they lie, and what becomes of them."""

from __future__ import annotations

import re
import tomllib
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

from ..codec import DecodeError, Record, from_json
from ..errors import InputError
from ..regular_file import read_text_as_named

# In a folder of images or tables.
NAME = "inputs.toml"
_MOST_BYTES = 1 << 20
# The time to parse a key grows with the square of its parts.
_MOST_DOTS = 100
FOLDERS = "folders"
# Of images.
SUFFIXES = frozenset(
    (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm", ".pgm", ".avif")
)
# Of tables.
PARQUET, ARROW = (".parquet",), (".arrow", ".feather")
# Of images that are not read here: they are not left out in silence.
UNREAD_SUFFIXES = frozenset((".heic", ".heif", ".jp2", ".jxl", ".psd", ".dng", ".dcm"))
# What is longer would take long to calculate.
_FRACTION = re.compile(
    r"\s*[+-]?(\d{1,20}(\.\d{0,20})?|\.\d{1,20})([eE][+-]?\d{1,2}|/\d{1,20})?\s*", re.ASCII
)
_LARGEST = 3.4e38
_CHANNELS = {"L": 1, "RGB": 3, "RGBA": 4}

Number = int | float


class StatedInput(Record, frozen=True):
    """What a table `[inputs.NAME]` says of the input of that name.

    Attributes:
        column: the column of a table; None for the one of the input's name.
        size: height and width that images get; None if all have the same.
        shorter_side: pixels that the shorter side is scaled to before `size` is cut out of the
            middle; None scales the image to `size` as it is.
        resample: how pixels are interpolated, as Pillow calls it.
        mode: what images are converted to, as Pillow calls it; None leaves them.
        layout: order of the axes of images.
        scale: what values are multiplied with: a number, or a fraction as "1/255".
        mean: what is subtracted after it, for all channels or for each.
        std: what is divided by after that, for all channels or for each.
        dtype: type of the array; None for that of the values.
        shape: shape of a sample, for lists in a table.
        length: number of values that lists of various lengths are cut to or filled up to.
        fill: the value that fills them up.
    """

    column: str | None = None
    size: tuple[int, int] | None = None
    shorter_side: int | None = None
    resample: Literal["nearest", "bilinear", "bicubic", "lanczos"] = "bilinear"
    mode: Literal["L", "RGB", "RGBA"] | None = None
    layout: Literal["NHWC", "NCHW", "NHW"] | None = None
    scale: Number | str | None = None
    mean: Number | tuple[Number, ...] | None = None
    std: Number | tuple[Number, ...] | None = None
    dtype: str | None = None
    shape: tuple[int, ...] | None = None
    length: int | None = None
    fill: Number = 0

    @property
    def is_image(self) -> bool:
        """Whether it says something that only images have."""
        return any((self.size, self.shorter_side, self.mode, self.layout))

    @property
    def is_of_table(self) -> bool:
        """Whether it says something that only columns of tables have."""
        return any((self.column, self.shape, self.length))

    @property
    def is_scaled(self) -> bool:
        """Whether values are calculated, and not taken as they are."""
        return any(value is not None for value in (self.scale, self.mean, self.std))

    @property
    def factor(self) -> float:
        """What values are multiplied with."""
        return 1.0 if self.scale is None else float(Fraction(self.scale))


class Description(Record, frozen=True):
    """What a TOML file says of inputs.

    Attributes:
        images: folder of images.
        parquet: Parquet files, or patterns of their names.
        dataset: folder that `datasets` has saved, or an Arrow file.
        labels: the true classes: "folders", or a file of CSV, of a folder of images; a column of a
            table.
        classes: names of the folders in the order of the classes; None for the alphabet's.
        inputs: inputs by name.
    """

    images: str | None = None
    parquet: str | tuple[str, ...] | None = None
    dataset: str | None = None
    labels: str | None = None
    classes: tuple[str, ...] | None = None
    inputs: dict[str, StatedInput] = {}  # noqa: RUF012 - msgspec makes a new one each time


def read_description(path: Path) -> Description:
    """Read a TOML file that describes inputs.

    Raises:
        InputError: it cannot be read, or what it says does not go together.
    """
    try:
        text = read_text_as_named(path, _MOST_BYTES)
        if any(line.count(".") > _MOST_DOTS for line in text.splitlines()):
            raise InputError(f"{path}: has a line with more than {_MOST_DOTS} dots")
        described = _decoded(tomllib.loads(text))
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
    except DecodeError as error:
        raise InputError(f"{path}: {error} (docs/inputs.md says what it may hold)") from None
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: not TOML ({error})") from None
    for name, stated in described.inputs.items():
        if problem := _problem(stated):
            raise InputError(f"{path}: [inputs.{name}]: {problem}")
    return described


def _decoded(values: dict[str, Any]) -> Description:
    """The description; an error names the input that it is about."""
    tables = values.get("inputs")
    for name, table in tables.items() if isinstance(tables, dict) else ():
        try:
            from_json(StatedInput, table)
        except DecodeError as error:
            raise DecodeError(f"[inputs.{name}]: {error}") from None
    described: Description = from_json(Description, values)
    return described


def _problem(stated: StatedInput) -> str | None:
    """What of an input does not go together."""
    numbers = [*(stated.size or ()), *(stated.shape or ())]
    numbers += [n for n in (stated.shorter_side, stated.length) if n is not None]
    if any(number < 1 for number in numbers):
        return "sizes must be 1 or more"
    if stated.shorter_side and not stated.size:
        return "'shorter_side' needs a 'size', which is cut out of the middle"
    if stated.shorter_side and stated.size and stated.shorter_side < max(stated.size):
        return f"'shorter_side' must be at least {max(stated.size)}, or 'size' does not fit"
    if stated.layout == "NHW" and stated.mode not in (None, "L"):
        return f"the layout NHW has no axis for the channels of {stated.mode}"
    if stated.fill and not stated.length:
        return "'fill' goes with 'length'"
    if stated.is_image and (stated.shape or stated.length):
        return "'shape' and 'length' are for lists of a table, not for images"
    if stated.shape and stated.length:
        return "say 'shape' or 'length', not both"
    try:
        if isinstance(stated.scale, str) and not _FRACTION.fullmatch(stated.scale):
            raise ValueError
        scale = stated.factor
    except (ValueError, ZeroDivisionError, OverflowError):
        return f"'scale' is no number and no fraction as \"1/255\": {str(stated.scale)[:40]}"
    numbers_of = {"scale": scale, "mean": stated.mean, "std": stated.std}
    for what, value in numbers_of.items():
        for number in value if isinstance(value, tuple) else (value,):
            if number is not None and not abs(number) <= _LARGEST:
                return f"'{what}' holds a number that float32 does not have"
        if value == ():
            return f"'{what}' holds no number"
    channels = _CHANNELS.get(stated.mode or "")
    for what, value in (("mean", stated.mean), ("std", stated.std)):
        if isinstance(value, tuple) and channels and len(value) not in (1, channels):
            return f"'{what}' has {len(value)} values, {stated.mode} has {channels} channels"
    divisors = stated.std if isinstance(stated.std, tuple) else (stated.std,)
    return "'std' holds 0" if 0 in divisors else None
