"""One artifact before the gate: what every check of it looks at."""

from __future__ import annotations

import math
from dataclasses import dataclass

from .baseline import Baseline, BaselineEntry
from .gate_input import FormerComparison, GateInput
from .margins import Margins
from .result import Check, CheckKind, Figures, Verdict


@dataclass(frozen=True)
class ArtifactGate:
    """One artifact before the gate.

    Attributes:
        label: its label.
        new: what this run says of it.
        old: what the baseline says of it; None where it is not in there.
        comparison: with the former artifact; None where there is none.
        margins: that hold for it.
        run: everything that this run says.
        baseline: everything that the baseline says.
    """

    label: str
    new: BaselineEntry
    old: BaselineEntry | None
    comparison: FormerComparison | None
    margins: Margins
    run: GateInput
    baseline: Baseline

    @property
    def same_inputs(self) -> bool:
        """Whether the inputs are the baseline's."""
        return self.old is not None and self.old.inputs == self.new.inputs

    @property
    def changed_versions(self) -> str:
        """Versions of the runtime that differ from the baseline's, in brackets; or nothing."""
        changed = [
            f"{name} {self.old.versions[name]} is now {version}"
            for name, version in self.new.versions.items()
            if self.old and self.old.versions.get(name, version) != version
        ]
        return f" ({', '.join(changed)})" if changed else ""

    def allowed_difference(self, entry: BaselineEntry) -> float:
        """The largest difference of an output that passes; infinite where none was set."""
        if self.margins.parity is not None:
            return self.margins.parity
        return math.inf if entry.tolerance is None else entry.tolerance

    def check(
        self,
        kind: CheckKind,
        verdict: Verdict,
        detail: str,
        remedy: str = "",
        figures: Figures | None = None,
        workload: str | None = None,
    ) -> Check:
        """A check of this artifact."""
        return Check(self.label, kind, verdict, detail, remedy, figures, workload)

    def not_judged(
        self, kind: CheckKind, why: str, remedy: str = "", workload: str | None = None
    ) -> Check:
        """A check that lacks what it needs."""
        return self.check(kind, Verdict.NOT_JUDGED, why, remedy, workload=workload)

    def not_in_baseline(self, kind: CheckKind) -> Check:
        """A check that the baseline has no figure for."""
        what = "this artifact" if self.old is None else "this figure"
        return self.not_judged(
            kind, f"{what} is not in the baseline", "take it into the baseline with --update"
        )
