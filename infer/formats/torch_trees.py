"""Name the leaves of a PyTorch tree, which its archives state as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any


def leaf_names(spec: dict[str, Any], prefix: str) -> list[str]:
    """Name leaves by dictionary keys, otherwise by the prefix and a number; nested after a dot.

    Raises:
        ValueError, KeyError, TypeError, AttributeError: it is no such tree.
    """
    if spec["type"] is None:
        return [f"{prefix}_0"]
    keys = _keys(spec)
    if keys is None:
        keys = [f"{prefix}_{index}" for index in range(len(spec["children_spec"]))]
    pairs = zip(keys, spec["children_spec"], strict=True)
    return [name for key, child in pairs for name in _named(key, child)]


def _named(name: str, spec: dict[str, Any]) -> Iterator[str]:
    if spec["type"] is None:
        yield name
        return
    keys = _keys(spec) or map(str, range(len(spec["children_spec"])))
    for key, child in zip(keys, spec["children_spec"], strict=True):
        yield from _named(f"{name}.{key}", child)


def _keys(spec: dict[str, Any]) -> list[str] | None:
    """The keys of a dictionary of any kind; None for what has none."""
    if not spec["type"].lower().endswith("dict"):
        return None
    context = spec["context"]
    keys = json.loads(context) if isinstance(context, str) else context
    if isinstance(keys, dict):  # a defaultdict has its factory beside them
        keys = keys["dict_context"]
    return [str(key) for key in keys]
