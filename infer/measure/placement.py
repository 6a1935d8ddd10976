"""Whether calls ran where they were asked to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..outcome import Failure, Outcome


def check_device(placement: Mapping[str, Any], wanted: str) -> None:
    """See to it that a runtime ran on the device that it was asked to run on.

    Args:
        placement: what it says of itself.
        wanted: "cpu" or "cuda".

    Raises:
        Failure: it ran elsewhere.
    """
    if placement["device"] != wanted:
        where = ", ".join(placement.get("devices", [])) or placement["device"]
        raise Failure(
            Outcome.WRONG_DEVICE,
            f"asked to run on {wanted}, ran on {placement['device']} ({where})",
        )
