"""What is installed here, without importing any of it."""

from __future__ import annotations

import importlib.metadata
import importlib.util

from infer.runtimes import RUNTIMES


def versions(runtime: str) -> dict[str, str]:
    """The installed distributions of a runtime and their versions; empty if it is not installed."""
    entry = RUNTIMES[runtime]
    if entry.package and importlib.util.find_spec(entry.package) is None:
        return {}
    found = {}
    for name in entry.distributions:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found
