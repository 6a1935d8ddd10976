"""What memory and size share: bytes now, before, and the most that passes."""

from __future__ import annotations

import math

from ..artifact_gate import ArtifactGate
from ..result import Check, CheckKind, GrowthFigures, Verdict


def growth_check(gate: ArtifactGate, kind: CheckKind, figures: GrowthFigures, detail: str) -> Check:
    """A failure if there are more bytes than are allowed."""
    if figures.now <= figures.allowed:
        return gate.check(kind, Verdict.PASSED, detail, "", figures)
    share = math.ceil((figures.now / max(figures.before, 1) - 1) * 100)
    return gate.check(
        kind,
        Verdict.FAILED,
        detail,
        f"find what was added{gate.changed_versions}; if it is meant, take it into the baseline "
        f"with --update, or allow it with --margin {kind.group}={share}%",
        figures,
    )
