"""The library of NVIDIA's driver (NVML): started once; its errors never end a run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pynvml

_started: list[Any] = []  # contains the library once it has been initialised


def problem() -> str | None:
    """Explain why the library of an installed driver does not start; None if it does.

    Also None if there is no driver, as on most machines.
    """
    try:
        pynvml.nvmlInit()
    except (pynvml.NVMLError, OSError) as error:
        absent = (pynvml.NVML_ERROR_LIBRARY_NOT_FOUND, pynvml.NVML_ERROR_DRIVER_NOT_LOADED)
        return (
            None
            if getattr(error, "value", None) in absent
            else f"NVIDIA's driver says: {str(error).rstrip('.')}"
        )
    return None


def _library() -> Any | None:
    """The library, initialised for the lifetime of this process; None if there is no driver.

    Starting and stopping it takes tens of milliseconds; meanwhile the driver stays loaded.
    """
    if pynvml not in _started:
        try:
            pynvml.nvmlInit()
        except (pynvml.NVMLError, OSError):
            return None
        _started.append(pynvml)
    return pynvml


def query(function: str, *arguments: Any) -> Any:
    """Call a function of the library; None if it fails."""
    library = _library()
    if library is None:
        return None
    try:
        call: Callable[..., Any] = getattr(library, function)
        return call(*arguments)
    except (library.NVMLError, AttributeError, OSError, TypeError, ValueError):
        return None


def first_known(value: Any, otherwise: Callable[[], Any]) -> Any:
    """Return a value, or the result of `otherwise` if the value is None."""
    return otherwise() if value is None else value


def as_text(value: Any) -> str | None:
    """Convert to text; older versions of pynvml return bytes."""
    return value.decode(errors="replace") if isinstance(value, bytes) else value


def as_flag(value: int | None) -> bool | None:
    """Convert NVML's number to a bool."""
    return None if value is None else bool(value)
