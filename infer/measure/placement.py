"""Check that calls ran on the requested device."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..outcome import Failure, Outcome


def check_device(placement: Mapping[str, Any], wanted: str) -> None:
    """Check that a runtime ran on the requested device.

    Args:
        placement: the placement that the runtime reports.
        wanted: "cpu" or "cuda".

    Raises:
        Failure: it ran on another device.
    """
    if placement["device"] != wanted:
        where = ", ".join(placement.get("devices", [])) or placement["device"]
        raise Failure(
            Outcome.WRONG_DEVICE,
            f"asked to run on {wanted}, ran on {placement['device']} ({where})",
        )
