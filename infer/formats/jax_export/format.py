"""The format of functions that jax.export serialized."""

from __future__ import annotations

from datetime import timedelta

from ..base import Format
from ..content import Content
from .reader import describe, module_of


def _has_structure(content: Content) -> bool:
    return module_of(content.data) is not None


FORMAT = Format(
    "jax-export",
    "jax.export",
    executes_code="it may call whatever is registered in jaxlib",
    # docs.jax.dev, "Exporting and serializing", compatibility guarantees: six months.
    shelf_life=timedelta(days=182),
    has_structure=_has_structure,
    describe=describe,
)
