"""The option --trust, which names artifacts that may execute code."""

from __future__ import annotations

import argparse


def add(parser: argparse.ArgumentParser) -> None:
    """Add the option to a command that opens artifacts."""
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
