"""The check of growth that memory and size share."""

from __future__ import annotations

import math

from ..artifact_gate import ArtifactGate
from ..result import Check, CheckKind, GrowthFigures, Verdict


def growth_check(gate: ArtifactGate, kind: CheckKind, figures: GrowthFigures, detail: str) -> Check:
    """Make a check that fails if there are more bytes than allowed."""
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
