"""Options that several commands have, each in the same words."""

from __future__ import annotations

import argparse

from ..quantities import parse_duration
from ..system.visible_cards import parse_device
from .types import argument_type, positive


def add_trust(parser: argparse._ActionsContainer) -> None:
    """Add --trust, which names artifacts that may execute code."""
    parser.add_argument(
        "--trust",
        nargs="*",
        action="extend",
        default=None,
        metavar="SHA256|ARTIFACT",
        help="open artifacts that can execute code though their hash is not known here "
        "(docs/safety.md): those named, by hash or as the tables call them, or all; behind the "
        "artifacts",
    )


def add_device(parser: argparse._ActionsContainer) -> None:
    """Add --device."""
    parser.add_argument(
        "--device",
        type=argument_type(parse_device),
        default="auto",
        metavar="DEVICE",
        help="cpu, cuda, cuda:N for the card of that number among the visible ones, or cuda:UUID "
        "(default: auto, a card where a runtime of the artifacts can use one)",
    )


def add_threads(parser: argparse._ActionsContainer) -> None:
    """Add --threads."""
    parser.add_argument("--threads", type=positive, help="for each artifact (default: all cores)")


def add_budget(parser: argparse._ActionsContainer, default_s: float, what: str) -> None:
    """Add --budget of a command that has a default for it.

    Args:
        parser: the command's.
        default_s: seconds that it takes without the option.
        what: what the time is for.
    """
    parser.add_argument(
        "--budget",
        type=argument_type(parse_duration),
        default=default_s,
        metavar="TIME",
        help=f"for {what} (default: {default_s / 60:.0f}m)",
    )


def add_json(parser: argparse._ActionsContainer) -> None:
    """Add --json, where `cli.console.emit` writes."""
    parser.add_argument(
        "--json", metavar="FILE", help="write the results as JSON; - for the terminal"
    )
