"""Types of command-line options for argparse, which shows their errors."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TypeVar

from ..quantities import parse_positive, parse_whole

Value = TypeVar("Value")


def argument_type(parse: Callable[[str], Value]) -> Callable[[str], Value]:
    """Wrap a parser of values so that argparse shows its errors."""

    def parse_argument(text: str) -> Value:
        try:
            return parse(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return parse_argument


whole = argument_type(parse_whole)
positive = argument_type(parse_positive)
