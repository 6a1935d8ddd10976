"""Tables in Markdown, and the numbers in them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

Record = dict[str, Any]
TEST_IMAGES = 3421


def table(
    titles: Sequence[str], lines: Sequence[Sequence[str]], words: Collection[str] = ()
) -> str:
    """A Markdown table; all columns are of numbers but the first, and those of words."""
    first, *others = titles
    marks = ["---", *("---" if title in words else "---:" for title in others)]
    rows = [[first, *others], marks, *lines]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows) + "\n"


def interval_text(ratio: dict[str, Any] | None) -> str:
    """A ratio with its interval in brackets."""
    if ratio is None:
        return "-"
    if ratio["low"] is None:
        return f"{ratio['value']:.2f}"
    return f"{ratio['value']:.2f} [{ratio['low']:.2f}, {ratio['high']:.2f}]"
