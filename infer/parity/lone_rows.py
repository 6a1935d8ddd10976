"""Rows that have no partner on the other side: how they are judged and shown."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from .row_pairs import LoneRow, LoneRows

# What is shown in place of the row that is missing.
_NONE = "no such row"


def judge_rows(lone: LoneRows, beyond: int, share: float | None) -> dict[str, Any]:
    """Judge an output whose rows were paired: every row needs a partner.

    Args:
        lone: the rows without a partner.
        beyond: number of pairs with a value beyond tolerance.
        share: the share of rows that may differ or lack a partner; None if none may.

    Returns:
        The entries of the comparison that change. A row without a partner differs by infinity.
    """
    missing = lone.outputs + lone.expected
    changed: dict[str, Any] = {
        "rows": lone.rows,
        "rows_beyond": beyond,
        "lone_rows": (lone.outputs, lone.expected),
    }
    if missing:
        changed |= {"largest_difference": math.inf, "passed": False}
    if share is not None:
        passed = (beyond + missing) / max(1, lone.rows) <= share
        changed |= {"passed": passed, "allowed_share": share}
    return changed


def lone_rows_text(name: str, lone: Sequence[int]) -> str:
    """How many rows have no partner, in words.

    Args:
        name: name of the output.
        lone: how many the artifact has, and how many the reference.
    """
    return (
        f"{lone[0]:,} rows of '{name}' are not among the reference's, and {lone[1]:,} of those are "
        "missing"
    )


def lone_row_entry(name: str, row: LoneRow) -> dict[str, Any]:
    """A row without a partner, as `DifferingSample` has it."""
    shown, missing = {"label": name, "value": row.values}, {"label": name, "value": _NONE}
    return {
        "sample": row.sample,
        "answer": missing if row.is_expected else shown,
        "reference": shown if row.is_expected else missing,
    }
