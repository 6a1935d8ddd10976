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
