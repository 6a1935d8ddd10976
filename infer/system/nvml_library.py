"""The library of NVIDIA's driver (NVML): started once, and asked so that nothing ends a run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pynvml

_started: list[Any] = []  # the library, once it has been initialised


def problem() -> str | None:
    """Why the library of a driver that is there does not start; None where all is well.

    None too where there is no driver: most machines have none.
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
    """The library, initialised for as long as this process lives; None where there is no driver.

    To begin and to end take tens of milliseconds, and while it is there the driver stays loaded.
    """
    if pynvml not in _started:
        try:
            pynvml.nvmlInit()
        except (pynvml.NVMLError, OSError):
            return None
        _started.append(pynvml)
    return pynvml


def query(function: str, *arguments: Any) -> Any:
    """What a function of the library answers; None where it does not."""
    library = _library()
    if library is None:
        return None
    try:
        call: Callable[..., Any] = getattr(library, function)
        return call(*arguments)
    except (library.NVMLError, AttributeError, OSError, TypeError, ValueError):
        return None


def first_known(value: Any, otherwise: Callable[[], Any]) -> Any:
    """A value, or what is found otherwise where it is not told."""
    return otherwise() if value is None else value


def as_text(value: Any) -> str | None:
    """Older versions of pynvml give bytes."""
    return value.decode(errors="replace") if isinstance(value, bytes) else value


def as_flag(value: int | None) -> bool | None:
    """NVML has numbers for yes and no."""
    return None if value is None else bool(value)
