"""Check that the file of weights beside a payload is there and whole."""

from __future__ import annotations

from pathlib import Path

from ..errors import DamagedError


def check_weights_file(payload: Path, file: Path, size: int) -> None:
    """Check a file of weights.

    Args:
        payload: the file that names it.
        file: where it has to lie.
        size: bytes that the payload says it holds.

    Raises:
        DamagedError: it is missing, or cut short.
    """
    if not file.is_file():
        others = [
            other.name
            for other in sorted(file.parent.glob(f"*{file.suffix}"))
            if other != payload and other.is_file()
        ]
        hint = f" (was {others[0]} renamed?)" if len(others) == 1 else ""
        raise DamagedError(
            f"{file}: missing; it holds the weights of {payload.name}, and belongs beside it under "
            f"this name{hint}"
        )
    held = file.stat().st_size
    if held < size:
        raise DamagedError(
            f"{file}: cut short: has {held:,} bytes, and {payload.name} has {size:,} bytes of "
            "weights there; copy it again"
        )
