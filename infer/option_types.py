"""Types of options of the command line: read by argparse, which shows their errors."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable
from typing import TypeVar

Value = TypeVar("Value")


def whole(text: str) -> int:
    """A number of the command line that is at least 0."""
    if not re.fullmatch(r"\d{1,9}", text, re.ASCII):
        raise argparse.ArgumentTypeError(f"{text} is no whole number from 0 on")
    return int(text)


def positive(text: str) -> int:
    """A number of the command line that is at least 1."""
    if not re.fullmatch(r"[1-9]\d{0,8}", text, re.ASCII):
        raise argparse.ArgumentTypeError(f"{text} is not a positive number")
    return int(text)


def given(parse: Callable[[str], Value]) -> Callable[[str], Value]:
    """A parser of options whose errors argparse shows."""

    def of(text: str) -> Value:
        try:
            return parse(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return of


def parse_bytes(text: str) -> int:
    """Bytes of "2GB", "512MiB" or a plain number of bytes.

    Raises:
        ValueError: it is none of these, or not positive.
    """
    match = re.fullmatch(
        r"(\d{1,15}(?:\.\d{1,15})?)\s*(?:([kmgt])(i?))?b?", text.strip().lower(), re.ASCII
    )
    size = 0
    if match:
        power = " kmgt".index(match[2] or " ")
        size = int(float(match[1]) * (1024 if match[3] else 1000) ** power)
    if size < 1:
        raise ValueError(f"{text!r} is no size such as 2GB or 512MiB")
    return size
