"""The result of a gate: its checks, each with a kind, a verdict and figures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from ..exit_status import FAILED, NOT_SURE, OK
from ..outcome import Outcome
from .setup import Setup


class Verdict(StrEnum):
    """The verdict of a check, or of a whole gate."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_SURE = "not sure"  # the measurements allow both verdicts
    NOT_JUDGED = "not judged"  # data for the check is missing
    OFF = "off"  # the margins switch the check off


class CheckKind(StrEnum):
    """The kinds of checks, in the order of reports."""

    OUTCOME = "outcome"
    INPUTS = "inputs"
    FORMER = "former"
    PARITY = "parity"
    ACCURACY = "accuracy"
    METRIC = "metric"  # one check for each metric of the task
    LATENCY = "latency"  # one check for each workload
    MEMORY = "memory"
    GPU_MEMORY = "gpu_memory"
    SIZE = "size"

    @property
    def group(self) -> CheckKind:
        """The kind that it is grouped with: a margin's name, or the outcome."""
        return _GROUPS.get(self, self)


_GROUPS = {
    CheckKind.INPUTS: CheckKind.OUTCOME,
    CheckKind.METRIC: CheckKind.ACCURACY,
    CheckKind.GPU_MEMORY: CheckKind.MEMORY,
}


class ArtifactState(StrEnum):
    """Whether an artifact can be judged."""

    MEASURED = "measured"
    FAILED = "failed"
    MISSING = "missing"  # it is in the baseline, and not in the run
    UNREADABLE = "unreadable"  # there is a file or folder, but it is no artifact


@dataclass(frozen=True)
class OutcomeFigures:
    """The outcome of an artifact.

    Attributes:
        state: whether it was measured.
        outcome: outcome of measuring it; None if it is missing or unreadable.
        as_before: whether it failed in the same way when the baseline was written.
        in_baseline: whether the baseline has an entry for it.
    """

    state: ArtifactState
    outcome: Outcome | None = None
    as_before: bool = False
    in_baseline: bool = True


@dataclass(frozen=True)
class ParityFigures:
    """The largest difference, and the allowed one; None if the outputs do not match.

    Attributes:
        difference: of the output that fails most, or is nearest to failing, in its own unit.
        allowed: what it may be.
        output: name of the output.
    """

    difference: float | None = None
    allowed: float | None = None
    output: str | None = None


@dataclass(frozen=True)
class AccuracyFigures:
    """Shares of samples. `low` and `high` are the 95 % interval of `difference`."""

    accuracy: float
    baseline: float
    difference: float
    low: float
    high: float
    allowed: float
    samples: int


@dataclass(frozen=True)
class MetricFigures:
    """Values of a metric. `low` and `high` are the 95 % interval of `difference`, if there is one.

    Attributes:
        allowed: the difference that passes: at least this, or at most where `lower_is_better`.
    """

    metric: str
    value: float
    baseline: float
    difference: float
    allowed: float
    samples: int
    lower_is_better: bool = False
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class LatencyFigures:
    """The ratio to the former artifact's time, and its 95 % interval if there is one."""

    ratio: float
    low: float | None = None
    high: float | None = None
    allowed: float | None = None
    generations: int | None = None


@dataclass(frozen=True)
class GrowthFigures:
    """Bytes now and before, and the maximum that passes."""

    now: int
    before: int
    allowed: float

    @property
    def growth(self) -> float:
        """The growth as a share."""
        return self.now / max(self.before, 1) - 1


Figures = (
    OutcomeFigures
    | ParityFigures
    | AccuracyFigures
    | MetricFigures
    | LatencyFigures
    | GrowthFigures
)

NOTHING_HELD = "no artifact of this run is in the baseline: nothing was held against it"

_NAMES = {CheckKind.GPU_MEMORY: "GPU memory"}


@dataclass(frozen=True)
class Check:
    """One check of one artifact.

    Attributes:
        artifact: its label.
        kind: kind of the check.
        verdict: the verdict.
        detail: the finding in a sentence.
        remedy: what to do; empty if there is nothing to do.
        figures: the finding as values; None if there are none.
        workload: the calls that were timed, as "batch 1"; None for other kinds than latency.
        metric: name of the metric; None for other kinds.
    """

    artifact: str
    kind: CheckKind
    verdict: Verdict
    detail: str
    remedy: str = ""
    figures: Figures | None = None
    workload: str | None = None
    metric: str | None = None

    @property
    def name(self) -> str:
        """Its name in reports: "latency, batch 1"."""
        if self.metric:
            return self.metric
        kind = _NAMES.get(self.kind, str(self.kind))
        return f"{kind}, {self.workload}" if self.workload else kind

    @property
    def measured(self) -> dict[str, Any]:
        """The figures by name."""
        return asdict(self.figures) if self.figures else {}


@dataclass(frozen=True)
class GateResult:
    """The result of a gate.

    Attributes:
        checks: the checks, artifact by artifact.
        notices: important notices for the reader.
        setup: the setup of the run.
        strict: whether a check that could not be judged keeps the gate from passing.
        refused: why the run was not taken into the baseline, a line for each artifact that is much
            worse; empty if it was, or was not to be.
    """

    checks: tuple[Check, ...]
    notices: tuple[str, ...]
    setup: Setup
    strict: bool = False
    refused: tuple[str, ...] = ()

    @property
    def failures(self) -> tuple[Verdict, ...]:
        """Verdicts that keep the gate from passing, the worst first."""
        unknown = (Verdict.NOT_JUDGED,) if self.strict else ()
        return (Verdict.FAILED, Verdict.NOT_SURE, *unknown)

    @property
    def verdict(self) -> Verdict:
        """The worst verdict of a check."""
        verdicts = {check.verdict for check in self.checks}
        worst = next((verdict for verdict in self.failures if verdict in verdicts), None)
        if worst is None and not self.held_against_baseline:
            return Verdict.NOT_JUDGED
        return worst or Verdict.PASSED

    @property
    def held_against_baseline(self) -> bool:
        """Whether an artifact of the run is in the baseline."""
        outcomes = [c.figures for c in self.checks if isinstance(c.figures, OutcomeFigures)]
        return any(figures.in_baseline for figures in outcomes)

    @property
    def exit_status(self) -> int:
        """The exit status of `exportbench gate`."""
        if self.refused:
            return FAILED
        return {Verdict.PASSED: OK, Verdict.FAILED: FAILED}.get(self.verdict, NOT_SURE)

    @property
    def remedies(self) -> list[str]:
        """All remedies, each once, the most urgent first."""
        wanted: dict[str, list[str]] = {}
        for verdict in (Verdict.FAILED, Verdict.NOT_SURE, Verdict.NOT_JUDGED, Verdict.PASSED):
            for check in self.checks:
                if check.verdict == verdict and check.remedy:
                    wanted.setdefault(check.remedy, []).append(f"{check.artifact}, {check.name}")
        return [
            f"{'; '.join(names[:2])}{f' and {len(names) - 2} more' if names[2:] else ''}: {remedy}"
            for remedy, names in wanted.items()
        ]

    def failed_to_run(self, *, also_as_before: bool) -> list[Check]:
        """The checks of artifacts that exist but were not measured to the end.

        Args:
            also_as_before: whether to include artifacts that failed alike in the baseline.
        """
        return [
            check
            for check in self.checks
            if isinstance(check.figures, OutcomeFigures)
            and check.figures.state in (ArtifactState.FAILED, ArtifactState.UNREADABLE)
            and (also_as_before or check.verdict == Verdict.FAILED)
        ]


def count_verdicts(checks: tuple[Check, ...]) -> Mapping[Verdict, int]:
    """Count the checks of each verdict that occurs."""
    counts = {verdict: sum(check.verdict == verdict for check in checks) for verdict in Verdict}
    return {verdict: count for verdict, count in counts.items() if count}
