"""Parse and format numbers, durations, shares and sizes."""

from __future__ import annotations

import re

_LONGEST_S = 365 * 86400.0


def parse_whole(text: str) -> int:
    """Parse a whole number that is at least 0.

    Raises:
        ValueError: it is none.
    """
    if not re.fullmatch(r"\d{1,9}", text, re.ASCII):
        raise ValueError(f"{text} is no whole number from 0 on")
    return int(text)


def parse_positive(text: str) -> int:
    """Parse a whole number that is at least 1.

    Raises:
        ValueError: it is none.
    """
    if not re.fullmatch(r"[1-9]\d{0,8}", text, re.ASCII):
        raise ValueError(f"{text} is not a positive number")
    return int(text)


def parse_duration(text: str) -> float:
    """Parse seconds from "90s", "10m", "1.5h", "5ms" or a plain number of seconds.

    Raises:
        ValueError: it is none of these, not positive, or more than a year.
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|)", text.strip(), re.ASCII)
    seconds = (
        float(match[1]) * {"": 1, "ms": 1e-3, "s": 1, "m": 60, "h": 3600}[match[2]]
        if match
        else 0.0
    )
    if not 0 < seconds <= _LONGEST_S:
        raise ValueError(f"{text!r} is no duration such as 90s, 10m or 1h")
    return seconds


def parse_share(text: str) -> float:
    """Parse a share from "3%" or "0.03".

    Raises:
        ValueError: it is neither, or not between 0 and 1.
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(%|)", text.strip(), re.ASCII)
    share = float(match[1]) / (100 if match[2] else 1) if match else 0.0
    if not 0 < share < 1:
        raise ValueError(f"{text!r} is no share such as 3% or 0.03")
    return share


def duration(seconds: float) -> str:
    """Format seconds for people: "45 s", "10 min", "1 h 5 min"."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    hours, rest = divmod(minutes, 60)
    return f"{minutes} min" if not hours else f"{hours} h {rest} min" if rest else f"{hours} h"


def parse_bytes(text: str) -> int:
    """Parse bytes from "2GB", "512MiB" or a plain number of bytes.

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
