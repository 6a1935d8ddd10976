"""The frameworks that train the network: what each needs, and which interpreter has it."""

from __future__ import annotations

import sys

from train.interpreters import python_with

NEEDS = {"keras": ("tensorflow", "keras"), "torch": ("torch",), "flax": ("jax", "flax", "optax")}
EXTRAS = {"keras": "tensorflow", "torch": "torch", "flax": "jax"}


def python_of(framework: str) -> str:
    """The interpreter that has a framework; if none has, this one reports what is missing."""
    return python_with(NEEDS[framework]) or sys.executable
