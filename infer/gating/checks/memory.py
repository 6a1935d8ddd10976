"""Check that peak memory did not grow, of the process and on the card."""

from __future__ import annotations

from ..artifact_gate import ArtifactGate
from ..baseline import BaselineEntry
from ..result import Check, CheckKind, GrowthFigures
from .growth import growth_check

# Variation of memory between processes, whatever the artifact's size.
LEAST_MEMORY = 16 * 2**20


def check(gate: ArtifactGate) -> list[Check]:
    """Make a check for each kind of memory that is known in this run or in the baseline."""
    if CheckKind.MEMORY in gate.margins.off:
        return [gate.switched_off(CheckKind.MEMORY)]
    return [
        _check(gate, kind)
        for kind in (CheckKind.MEMORY, CheckKind.GPU_MEMORY)
        if _bytes(gate.new, kind) is not None or _bytes(gate.old, kind) is not None
    ]


def _bytes(entry: BaselineEntry | None, kind: CheckKind) -> int | None:
    if entry is None:
        return None
    return entry.gpu_memory if kind == CheckKind.GPU_MEMORY else entry.memory


def _check(gate: ArtifactGate, kind: CheckKind) -> Check:
    former = gate.comparison.former if gate.comparison else None
    in_same_run = _bytes(former, kind) is not None
    old = former if in_same_run else gate.old
    now, before = _bytes(gate.new, kind), _bytes(old, kind)
    if before is None:
        return gate.not_in_baseline(kind)
    if now is None:
        return gate.not_judged(kind, "was not measured in this run")
    if not in_same_run and (other := _other_setup(gate, kind)):
        return other
    if kind == CheckKind.GPU_MEMORY and old and gate.new.gpu_memory_by != old.gpu_memory_by:
        return gate.not_judged(
            kind,
            f"is told by the {gate.new.gpu_memory_by} here, and was by the "
            f"{old.gpu_memory_by} before: the driver tells less in containers",
            "measure both in the same surroundings",
        )
    limit = max(before * (1 + gate.margins.memory), before + LEAST_MEMORY)
    where = "of the former artifact in this run" if in_same_run else "in the baseline"
    detail = f"{_mebibytes(now)}, {_mebibytes(before)} {where} ({_mebibytes(limit)} allowed)"
    return growth_check(gate, kind, GrowthFigures(now, before, limit), detail)


def _other_setup(gate: ArtifactGate, kind: CheckKind) -> Check | None:
    """Make a check that is not judged, if the baseline's memory cannot be compared."""
    then, now = (gate.old or gate.new).setup, gate.run.setup
    changed = [
        f"{name} {value}"
        for name, value, other in (
            ("device", then.device, now.device),
            ("threads", then.threads, now.threads),
            ("batch", then.batch, now.batch),
        )
        if value is not None and value != other
    ]
    if changed:
        return gate.not_judged(
            kind,
            f"the baseline was measured otherwise, with {', '.join(changed)}",
            f"measure with {' '.join(f'--{what}' for what in changed)}, or give the former "
            "artifacts with --against",
        )
    if then.card != now.card:
        return gate.not_judged(
            kind,
            f"the baseline was measured on {then.card or 'a card that is not named'}",
            "measure on the same model, or give the former artifacts with --against",
        )
    return None


def _mebibytes(value: float) -> str:
    return f"{value / 2**20:,.1f} MiB"
