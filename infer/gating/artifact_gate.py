"""The data of one artifact that every check of the gate uses."""

from __future__ import annotations

from dataclasses import dataclass

from .baseline import Baseline, BaselineEntry
from .gate_input import FormerComparison, GateInput
from .margins import OFF, Margins
from .result import Check, CheckKind, Figures, Verdict


@dataclass(frozen=True)
class ArtifactGate:
    """One artifact to be judged by the gate.

    Attributes:
        label: its label.
        new: its results in this run.
        old: its entry in the baseline; None if it has none.
        comparison: comparison with the former artifact; None if there is none.
        margins: margins that apply to it.
        run: all results of this run.
        baseline: the whole baseline.
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
        """Versions of the runtime that differ from the baseline's, in brackets; or empty."""
        changed = [
            f"{name} {self.old.versions[name]} is now {version}"
            for name, version in self.new.versions.items()
            if self.old and self.old.versions.get(name, version) != version
        ]
        return f" ({', '.join(changed)})" if changed else ""

    @property
    def same_weights(self) -> bool:
        """Whether the manifest names the weights that it named in the baseline, if it names any."""
        return self.old is None or self.old.weights == self.new.weights

    def check(
        self,
        kind: CheckKind,
        verdict: Verdict,
        detail: str,
        remedy: str = "",
        figures: Figures | None = None,
        workload: str | None = None,
        metric: str | None = None,
    ) -> Check:
        """Make a check of this artifact."""
        return Check(self.label, kind, verdict, detail, remedy, figures, workload, metric)

    def not_judged(
        self, kind: CheckKind, why: str, remedy: str = "", workload: str | None = None
    ) -> Check:
        """Make a check that cannot be judged for lack of data."""
        return self.check(kind, Verdict.NOT_JUDGED, why, remedy, workload=workload)

    def switched_off(self, kind: CheckKind) -> Check:
        """Make a check that the margins switch off."""
        return self.check(kind, Verdict.OFF, f"switched off by the margin {kind.group}={OFF}")

    def not_in_baseline(self, kind: CheckKind) -> Check:
        """Make a check for which the baseline has no figure."""
        what = "this artifact" if self.old is None else "this figure"
        return self.not_judged(
            kind, f"{what} is not in the baseline", "take it into the baseline with --update"
        )
