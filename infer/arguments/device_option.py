"""The option --device."""

from __future__ import annotations

import argparse

from ..system.visible_cards import parse_device
from .types import given


def add(parser: argparse.ArgumentParser) -> None:
    """Add the option to those of a command."""
    parser.add_argument(
        "--device",
        type=given(parse_device),
        default="auto",
        metavar="DEVICE",
        help="cpu, cuda, cuda:N for the card of that number among the visible ones, or cuda:UUID "
        "(default: auto, a card where a runtime of the artifacts can use one)",
    )
