"""How an artifact is run: as its runtime's makers advise, or otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Variant:
    """How an artifact is run.

    Attributes:
        runtime: another than the default of the format.
        untuned: whether the runtime is left as it comes, instead of as its makers advise.
        settings: values of single settings, by name.
        python: path of the interpreter that its worker runs in.
        interpreter: what the user calls that.
        signature: another function than the default of the file.
    """

    runtime: str | None = None
    untuned: bool = False
    settings: Mapping[str, str] = field(default_factory=dict)
    python: str | None = None
    interpreter: str | None = None
    signature: str | None = None


# What holds where a plan says nothing else.
TUNED = Variant()
