"""Check that the files did not grow."""

from __future__ import annotations

from ..artifact_gate import ArtifactGate
from ..result import Check, CheckKind, GrowthFigures
from .growth import growth_check


def check(gate: ArtifactGate) -> list[Check]:
    """Compare the bytes of the payload's files with the baseline's."""
    if CheckKind.SIZE in gate.margins.off:
        return [gate.switched_off(CheckKind.SIZE)]
    now, before = gate.new.bytes, gate.old.bytes if gate.old else None
    if now is None or before is None:
        return [gate.not_in_baseline(CheckKind.SIZE)]
    limit = before * (1 + gate.margins.size)
    detail = f"{now:,} bytes, {before:,} in the baseline ({limit:,.0f} allowed)"
    return [growth_check(gate, CheckKind.SIZE, GrowthFigures(now, before, limit), detail)]
