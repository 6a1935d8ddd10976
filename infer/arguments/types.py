"""Types of options of the command line: read by argparse, which shows their errors."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TypeVar

from ..quantities import parse_positive, parse_whole

Value = TypeVar("Value")


def given(parse: Callable[[str], Value]) -> Callable[[str], Value]:
    """A parser of options whose errors argparse shows."""

    def of(text: str) -> Value:
        try:
            return parse(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return of


whole = given(parse_whole)
positive = given(parse_positive)
