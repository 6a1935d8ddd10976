"""What a gate concludes: a check has a kind, a verdict and figures; a result is all checks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from ..outcome import Outcome
from .setup import Setup


class Verdict(StrEnum):
    """The verdict of a check, or of a whole gate."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_SURE = "not sure"  # what was measured allows both
    NOT_JUDGED = "not judged"  # what it takes is not at hand


class CheckKind(StrEnum):
    """What a check is about, in the order of reports."""

    OUTCOME = "outcome"
    INPUTS = "inputs"
    PARITY = "parity"
    ACCURACY = "accuracy"
    LATENCY = "latency"  # one check a workload
    MEMORY = "memory"
    GPU_MEMORY = "gpu_memory"
    SIZE = "size"

    @property
    def group(self) -> CheckKind:
        """The kind that it is tested with: one of the margins, or the outcome."""
        return _GROUPS.get(self, self)


_GROUPS = {CheckKind.INPUTS: CheckKind.OUTCOME, CheckKind.GPU_MEMORY: CheckKind.MEMORY}


class ArtifactState(StrEnum):
    """Whether there is something to judge."""

    MEASURED = "measured"
    FAILED = "failed"
    MISSING = "missing"  # it is in the baseline, and not in the run
    UNREADABLE = "unreadable"  # there is a file or folder, and it is no artifact


@dataclass(frozen=True)
class OutcomeFigures:
    """What became of an artifact.

    Attributes:
        state: whether it was measured.
        outcome: of measuring it; None where it is missing or unreadable.
        as_before: it failed in the same way when the baseline was written.
    """

    state: ArtifactState
    outcome: Outcome | None = None
    as_before: bool = False


@dataclass(frozen=True)
class ParityFigures:
    """The largest difference, and the largest that passes; None where outputs do not match."""

    difference: float | None = None
    allowed: float | None = None


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
class LatencyFigures:
    """The ratio to the former artifact's time, its 95 % interval where there is one."""

    ratio: float
    low: float | None = None
    high: float | None = None
    allowed: float | None = None
    generations: int | None = None


@dataclass(frozen=True)
class GrowthFigures:
    """Bytes now and before, and the most that passes."""

    now: int
    before: int
    allowed: float

    @property
    def growth(self) -> float:
        """The share that it grew by."""
        return self.now / max(self.before, 1) - 1


Figures = OutcomeFigures | ParityFigures | AccuracyFigures | LatencyFigures | GrowthFigures

_NAMES = {CheckKind.GPU_MEMORY: "GPU memory"}


@dataclass(frozen=True)
class Check:
    """One check of one artifact.

    Attributes:
        artifact: its label.
        kind: what is judged.
        verdict: the conclusion.
        detail: the finding in a sentence.
        remedy: what to do, where there is something to do.
        figures: the finding as values; None where there are none.
        workload: the calls that were timed, as "batch 1"; None for other kinds than latency.
    """

    artifact: str
    kind: CheckKind
    verdict: Verdict
    detail: str
    remedy: str = ""
    figures: Figures | None = None
    workload: str | None = None

    @property
    def name(self) -> str:
        """What reports call it: "latency, batch 1"."""
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
        checks: artifact by artifact.
        notices: what no reader may overlook.
        setup: what was measured with.
        strict: what could not be judged keeps the gate from passing.
    """

    checks: tuple[Check, ...]
    notices: tuple[str, ...]
    setup: Setup
    strict: bool = False

    @property
    def failures(self) -> tuple[Verdict, ...]:
        """Verdicts that keep the gate from passing, the worst first."""
        unknown = (Verdict.NOT_JUDGED,) if self.strict else ()
        return (Verdict.FAILED, Verdict.NOT_SURE, *unknown)

    @property
    def verdict(self) -> Verdict:
        """The worst verdict of a check."""
        verdicts = {check.verdict for check in self.checks}
        return next((verdict for verdict in self.failures if verdict in verdicts), Verdict.PASSED)

    @property
    def remedies(self) -> list[str]:
        """What to do, each thing once, the most urgent first."""
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
        """The checks of artifacts that are there and were not measured to the end.

        Args:
            also_as_before: whether those count that failed alike in the baseline.
        """
        return [
            check
            for check in self.checks
            if isinstance(check.figures, OutcomeFigures)
            and check.figures.state in (ArtifactState.FAILED, ArtifactState.UNREADABLE)
            and (also_as_before or check.verdict == Verdict.FAILED)
        ]


def count_verdicts(checks: tuple[Check, ...]) -> Mapping[Verdict, int]:
    """How many checks have each verdict, without those that none has."""
    counts = {verdict: sum(check.verdict == verdict for check in checks) for verdict in Verdict}
    return {verdict: count for verdict, count in counts.items() if count}
