"""The gate: whether artifacts are as good as their baseline. Pure functions over recorded results.

Each check is of one artifact and one thing that may have become worse; each says what it
found, what was allowed, and what to do.
"""

from __future__ import annotations

import math
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import numpy as np

from ..outcome import Outcome
from ..parity import predictions
from ..quantities import duration
from ..records.store import Record
from ..results.summarizing import summarize
from ..results.summary import ArtifactResult, Summary
from ..stats.accuracy import paired_difference
from ..stats.ratios import Ratio
from .baseline import Baseline, BaselineEntry
from .margins import Margins

# Memory differs by so much from process to process, whatever the artifact's size.
LEAST_MEMORY = 16 * 2**20
# Beyond this a longer measurement is no advice.
_LONGEST_S = 3600.0
# Outputs that differ are the business of the check of parity.
_RAN = {Outcome.OK, Outcome.PARITY_FAIL}
_NAMED_SAMPLES = 10
INPUTS = "inputs"  # the name of a check


class Verdict(StrEnum):
    """What a check can come to."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_SURE = "not sure"  # what was measured allows both
    NOT_JUDGED = "not judged"  # what it takes is not at hand


@dataclass(frozen=True)
class Check:
    """One check.

    Attributes:
        artifact: its label.
        name: what is judged, as "latency, batch 1".
        verdict: what it came to.
        figure: the finding in a few characters, for a table.
        detail: the finding in a sentence.
        remedy: what to do, where there is something to do.
        measured: the figures behind it.
    """

    artifact: str
    name: str
    verdict: Verdict
    figure: str
    detail: str
    remedy: str = ""
    measured: Mapping[str, Any] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        """What is judged, without what tells two of a kind: a margin's name, or outcome."""
        kind = self.name.partition(",")[0].removeprefix("GPU ")
        return "outcome" if kind == INPUTS else kind


@dataclass(frozen=True)
class FormerComparison:
    """An artifact beside the former one, measured in the same run.

    Attributes:
        former: the entry of the former artifact; None where it was not at hand.
        reason: why it is not at hand, or could not be measured.
        ratios: of the times for a call, by kind of calls.
        difference: the largest of the outputs; None where they cannot be compared.
        comparison: why not.
        path: of the former artifact.
    """

    former: BaselineEntry | None = None
    reason: str = ""
    ratios: Mapping[str, Ratio] = field(default_factory=dict)
    difference: float | None = None
    comparison: str = ""
    path: str = ""


@dataclass(frozen=True)
class GateInput:
    """What a run says to a gate.

    Attributes:
        entries: of each artifact, by label; without the former ones.
        pairs: by label, of those that were measured beside a former artifact.
        setup: device, threads, batch and processor, and the card's name where there is one.
        commands: that measure an artifact alone, by label.
        paths: of the artifacts, by label.
        seconds: that the run took.
        interrupted: whether it was cut off.
        unread: of files that are no artifacts, by the label that they would have, what they are.
    """

    entries: Mapping[str, BaselineEntry]
    pairs: Mapping[str, FormerComparison] = field(default_factory=dict)
    setup: Mapping[str, Any] = field(default_factory=dict)
    commands: Mapping[str, str] = field(default_factory=dict)
    paths: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    interrupted: bool = False
    unread: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class GateResult:
    """All that a gate came to.

    Attributes:
        checks: artifact by artifact.
        notices: what no reader may overlook.
        setup: what was measured with.
        strict: what could not be judged keeps the gate from passing.
    """

    checks: tuple[Check, ...]
    notices: tuple[str, ...]
    setup: Mapping[str, Any]
    strict: bool = False

    @property
    def failures(self) -> tuple[Verdict, ...]:
        """What keeps the gate from passing, the worst first."""
        unknown = (Verdict.NOT_JUDGED,) if self.strict else ()
        return (Verdict.FAILED, Verdict.NOT_SURE, *unknown)

    @property
    def verdict(self) -> Verdict:
        """The worst that a check came to."""
        found = {check.verdict for check in self.checks}
        return next((verdict for verdict in self.failures if verdict in found), Verdict.PASSED)

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


def gate_input(records: list[Record]) -> GateInput:
    """What the records of a run say to a gate."""
    summary = summarize(records)
    run = summary.run
    former: dict[str, str] = run.get("pairs", {})
    latest = {
        kind: {r["artifact"]: r for r in records if r["kind"] == kind}
        for kind in ("artifact", "parity", "pair", "random")
    }
    rows = {row.artifact: row for row in summary.rows}
    drawn = next((record["sha256"] for record in latest["random"].values()), None)
    entries = {
        label: _baseline_entry(
            row, summary, latest["artifact"][label], latest["parity"].get(label, {}), drawn
        )
        for label, row in rows.items()
    }
    protocol = run["protocol"]
    return GateInput(
        entries={label: own for label, own in entries.items() if label not in former.values()},
        pairs={
            label: _former_comparison(
                rows[label], other, entries, rows, latest["pair"].get(label, {})
            )
            for label, other in former.items()
            if label in rows
        },
        setup={
            "device": run["device"],
            "threads": run["threads"],
            "batch": protocol["batch"],
            "processor": run["environment"]["processor"],
            **({"card": summary.card["name"]} if summary.card else {}),
        },
        commands={label: row.command for label, row in rows.items()},
        paths={label: row.path for label, row in rows.items()},
        seconds=max((r.get("elapsed_s", 0.0) for r in records), default=0.0),
        interrupted=summary.interrupted,
    )


def _baseline_entry(
    row: ArtifactResult, summary: Summary, artifact: Record, parity: Record, drawn: str | None
) -> BaselineEntry:
    run, points = summary.run, summary.points
    evaluation = (artifact.get("manifest") or {}).get("evaluation") or {}
    correct = parity.get("correct")
    return BaselineEntry(
        outcome=row.outcome,
        reason=row.reason,
        format=row.format,
        sha256=artifact.get("sha256"),
        weights=row.weights_sha256,
        inputs=run["inputs_sha256"] or drawn or evaluation.get("sha256"),
        bytes=row.bytes,
        memory=row.runtime_rss_bytes,
        gpu_memory=row.gpu_memory[0] if row.gpu_memory else None,
        gpu_memory_by=row.gpu_memory[1] if row.gpu_memory else None,
        call_s={
            point: row.timings[point].call_s
            for point in dict.fromkeys((*points, *row.timings))
            if point in row.timings
        },
        reference=f"{row.anchor} on the CPU" if row.anchor else row.reference,
        difference=row.largest_difference,
        tolerance=parity.get("tolerance"),
        equal_labels=row.equal_labels,
        correct=predictions.unpack(correct, row.samples) if correct and row.samples else None,
        probe=parity.get("probe", {}),
        versions=row.versions or {},
    )


def _former_comparison(
    row: ArtifactResult,
    other: str,
    entries: Mapping[str, BaselineEntry],
    rows: Mapping[str, ArtifactResult],
    compared: Record,
) -> FormerComparison:
    if other not in entries:
        return FormerComparison(reason="the run was cut off")
    theirs = entries[other]
    failed = theirs.outcome not in _RAN
    return FormerComparison(
        former=None if failed else theirs,
        reason=f"{other}: {theirs.outcome}: {theirs.reason}" if failed else "",
        ratios={} if failed else {p: t.ratio for p, t in row.timings.items() if t.ratio},
        difference=compared.get("largest_difference"),
        comparison=compared.get("reason", ""),
        path=rows[other].path,
    )


def new_baseline(found: GateInput, before: Baseline | None) -> Baseline:
    """The baseline that a run makes, with the margins that were written by hand before."""
    margins = before.margins if before else {}
    own = before.own_margins if before else {}
    kept = {label: texts for label, texts in own.items() if label in found.entries}
    return Baseline(found.entries, found.setup, margins, kept)


def evaluate(
    found: GateInput, baseline: Baseline, margins: Mapping[str, str] | None = None
) -> GateResult:
    """Judge what a run found by a baseline.

    Args:
        found: of the run.
        baseline: what to hold it against.
        margins: as texts, that come before those of the baseline.

    Raises:
        ValueError: a margin that is none.
    """
    checks: list[Check] = []
    notices = []
    for label in (*found.entries, *(b for b in baseline.artifacts if b not in found.entries)):
        new, old = found.entries.get(label), baseline.artifacts.get(label)
        if new is None:
            checks.append(_missing(label, found.unread.get(label)))
            continue
        own = Margins.of(baseline.margins, baseline.own_margins.get(label, {}), margins or {})
        case = ArtifactGate(label, new, old, found.pairs.get(label), own, found, baseline)
        checks += case.checks()
        notices += case.notices()
    return GateResult(tuple(checks), tuple(dict.fromkeys(notices)), found.setup)


def _missing(label: str, unread: str | None) -> Check:
    if unread:
        return Check(label, "outcome", Verdict.FAILED, "unread", unread, "export it again")
    return Check(
        label,
        "outcome",
        Verdict.FAILED,
        "missing",
        "it is in the baseline, but not among the artifacts of this run",
        "export it again, or take it out of the baseline with --update",
    )


@dataclass(frozen=True)
class ArtifactGate:
    """One artifact before the gate."""

    label: str
    new: BaselineEntry
    old: BaselineEntry | None
    pair: FormerComparison | None
    margins: Margins
    found: GateInput
    baseline: Baseline

    def checks(self) -> list[Check]:
        """One check for each thing that may have become worse."""
        outcome = self._outcome()
        if self.new.outcome not in _RAN and self.new.difference is None:
            return [outcome]  # nothing more is known of it
        result = [outcome, *self._inputs()]
        if "parity" not in self.margins.off:
            result.append(self._parity())
        if "accuracy" not in self.margins.off and self._has(lambda f: f.correct is not None):
            result.append(self._accuracy())
        if "latency" not in self.margins.off:
            points = dict.fromkeys((*self.new.call_s, *(self.old.call_s if self.old else ())))
            result += [self._latency(point) for point in points]
        if "memory" not in self.margins.off:
            result += self._memory()
        if "size" not in self.margins.off:
            result.append(self._size())
        return result

    def notices(self) -> list[str]:
        """What no reader may overlook."""
        if not (self.pair and self.pair.former and self.old):
            return []
        former, old = self.pair.former, self.old
        # Exported again it has other bytes and the same outputs.
        known = former.inputs == old.inputs and former.probe and old.probe
        difference = predictions.probe_difference(former.probe, old.probe) if known else 0.0
        if former.sha256 == old.sha256 or difference <= self._allowed(former):
            return []
        return [
            f"{self.label}: the former artifact ({self.pair.path}) has other outputs than the one "
            "that the baseline was written for; times and outputs are compared with the former "
            "artifact, everything else with the baseline"
        ]

    def _allowed(self, entry: BaselineEntry) -> float:
        if self.margins.parity is not None:
            return self.margins.parity
        return math.inf if entry.tolerance is None else entry.tolerance

    def _has(self, known: Any) -> bool:
        return known(self.new) or (self.old is not None and known(self.old))

    def _check(
        self,
        name: str,
        verdict: Verdict,
        figure: str,
        detail: str,
        remedy: str = "",
        **measured: Any,
    ) -> Check:
        return Check(self.label, name, verdict, figure, detail, remedy, measured)

    def _unknown(self, name: str, why: str, remedy: str = "") -> Check:
        return self._check(name, Verdict.NOT_JUDGED, "-", why, remedy)

    def _not_in_baseline(self, name: str) -> Check:
        what = "this artifact" if self.old is None else "this figure"
        return self._unknown(
            name, f"{what} is not in the baseline", "take it into the baseline with --update"
        )

    # Outcome

    def _outcome(self) -> Check:
        new, old = self.new, self.old
        if new.outcome in _RAN:
            was = (
                f"; it was {old.outcome} in the baseline" if old and old.outcome not in _RAN else ""
            )
            return self._check("outcome", Verdict.PASSED, "ok", f"ran to the end{was}")
        detail = f"{new.outcome}: {new.reason}"
        if old and old.outcome == new.outcome:
            return self._check(
                "outcome",
                Verdict.PASSED,
                f"{new.outcome}, as before",
                f"{detail}; as in the baseline",
            )
        return self._check(
            "outcome",
            Verdict.FAILED,
            new.outcome,
            detail,
            f"run it alone: {self.found.commands.get(self.label, '')}",
        )

    # Inputs

    def _inputs(self) -> list[Check]:
        """A failure if they are not the baseline's: a ruined model must not pass unseen."""
        needed = {"parity", "accuracy"} - self.margins.off
        if not needed or self.old is None or self.old.inputs is None or self._same_inputs:
            return []
        return [
            self._check(
                INPUTS,
                Verdict.FAILED,
                "others",
                "the inputs are not those of the baseline, so that outputs and answers cannot be "
                "held against it",
                "give the inputs that the baseline was written with; if these are meant, take them "
                "into the baseline with --update; or judge neither with --margin parity=off "
                "accuracy=off",
            )
        ]

    # Parity

    def _parity(self) -> Check:
        new, old = self.new, self.old
        allowed = self._allowed(new)
        if math.isinf(allowed):
            return self._unknown("parity", new.reason or "the outputs were not compared")
        parts = []  # difference, what is allowed, from what
        if new.reference not in (None, self.label) and new.difference is not None:
            # What differed from the reference before may differ by as much again.
            before = old.difference if old and old.reference == new.reference else None
            parts.append((new.difference, allowed + (before or 0.0), f"from {new.reference}"))
        same_weights = old is None or old.weights == new.weights
        note = "" if same_weights else "; its weights are not the baseline's"
        if same_weights and self.pair and self.pair.comparison:
            return self._parity_failed(
                f"cannot be compared with the former artifact: {self.pair.comparison}", "differs"
            )
        if same_weights and self.pair and self.pair.difference is not None:
            parts.append((self.pair.difference, allowed, "from the former artifact"))
        elif same_weights and old and old.probe and new.probe and self._same_inputs:
            difference = predictions.probe_difference(new.probe, old.probe)
            if math.isinf(difference):
                return self._parity_failed("its outputs have other names or shapes", "differs")
            parts.append((difference, allowed, "from the baseline's outputs, in a few values"))
        if not parts:
            return self._unknown("parity", self._no_parity(same_weights))
        worst = max(parts, key=lambda part: part[0] / part[1] if part[1] else math.inf)
        beyond = [part for part in parts if not part[0] <= part[1]]
        detail = "; ".join(
            f"differs by {difference:.2g} {what} ({limit:.2g} allowed)"
            for difference, limit, what in beyond or parts
        )
        if beyond:
            return self._parity_failed(detail + note, f"{worst[0]:.1e}", worst[0], worst[1])
        return self._check(
            "parity",
            Verdict.PASSED,
            f"{worst[0]:.1e}",
            detail + note,
            difference=worst[0],
            allowed=worst[1],
        )

    @property
    def _same_inputs(self) -> bool:
        return self.old is not None and self.old.inputs == self.new.inputs

    def _no_parity(self, same_weights: bool) -> str:
        if self.old is None:
            return "it is not in the baseline, and is its own reference in this run"
        if not same_weights:
            return "it is its own reference, and its weights are not the baseline's"
        if not self._same_inputs:
            return "it is its own reference, and the inputs are not the baseline's"
        return "it is its own reference, and the baseline holds none of its outputs"

    def _parity_failed(
        self,
        detail: str,
        figure: str,
        difference: float | None = None,
        allowed: float | None = None,
    ) -> Check:
        return self._check(
            "parity",
            Verdict.FAILED,
            figure,
            detail,
            "if the outputs are meant to be others, take them into the baseline with --update; if "
            "this much is right, allow it with --margin parity=VALUE; else look for what changed "
            "in the exporter or runtime" + self._versions(),
            difference=difference,
            allowed=allowed,
        )

    def _versions(self) -> str:
        changed = [
            f"{name} {self.old.versions[name]} is now {version}"
            for name, version in self.new.versions.items()
            if self.old and self.old.versions.get(name, version) != version
        ]
        return f" ({', '.join(changed)})" if changed else ""

    # Accuracy

    def _accuracy(self) -> Check:
        name, new, old = "accuracy", self.new, self.old
        if old is None or old.correct is None:
            return self._not_in_baseline(name)
        if new.correct is None:
            return self._check(
                name,
                Verdict.FAILED,
                "unknown",
                "the baseline has an accuracy, this run has none",
                "give inputs that hold 'labels', or write the baseline without them with --update",
            )
        if not self._same_inputs or len(new.correct) != len(old.correct):
            return self._unknown(
                name,
                "the inputs are not those of the baseline, so that answers cannot be paired",
                "judge by the baseline's inputs, or take these into the baseline with --update",
            )
        return self._paired_accuracy(new.correct, old.correct)

    def _paired_accuracy(self, mine: np.ndarray, theirs: np.ndarray) -> Check:
        found = paired_difference(mine, theirs)
        before, now = float(theirs.mean()), float(mine.mean())
        allowed = self.margins.accuracy * before
        interval = f"[{found.low:+.2%}, {found.high:+.2%}]"
        detail = (
            f"{now:.4f}, was {before:.4f}: {found.value:+.2%} {interval} in {found.samples:,} "
            f"samples, {found.lost} lost and {found.gained} gained ({allowed:.2%} may be lost)"
        )
        remedy = ""
        lost = np.flatnonzero(theirs & ~mine)
        named = ", ".join(map(str, lost[:_NAMED_SAMPLES])) + (
            " ..." if len(lost) > _NAMED_SAMPLES else ""
        )
        if not found.lost and not found.gained:
            # No set of samples could show less of a difference.
            verdict, detail = Verdict.PASSED, f"{now:.4f}, the same {found.samples:,} samples right"
        elif found.low >= -allowed:
            verdict = Verdict.PASSED
        elif found.high < -allowed:
            verdict = Verdict.FAILED
            remedy = (
                f"look at the samples that were right before: {named}; if the loss is meant, "
                "take it into the baseline with --update, or allow it with --margin accuracy=SHARE"
            )
        else:
            verdict = Verdict.NOT_SURE
            remedy = (
                f"give more samples than {found.samples:,}; these are too few to tell a loss of "
                f"{allowed:.2%}" + (f" (right before: {named})" if named else "")
            )
        return self._check(
            "accuracy",
            verdict,
            f"{found.value:+.2%} {interval}",
            detail,
            remedy,
            accuracy=now,
            baseline=before,
            difference=found.value,
            low=found.low,
            high=found.high,
            allowed=-allowed,
            samples=found.samples,
        )

    # Latency

    def _latency(self, point: str) -> Check:
        name = f"latency, {point}"
        if point not in self.new.call_s:
            return self._unknown(name, "was not measured in this run (see --scenario)")
        if self.pair is None:
            return self._unknown(
                name,
                "cannot judge time: the former artifact is not at hand to be measured beside it",
                "give the former artifacts with --against",
            )
        if self.pair.former is None:
            return self._unknown(
                name, f"cannot judge time: the former artifact failed ({self.pair.reason})"
            )
        ratio = self.pair.ratios.get(point)
        if ratio is None or ratio.low is None or ratio.high is None:
            return self._check(
                name,
                Verdict.NOT_SURE,
                "?" if ratio is None else f"x {ratio.value:.2f}",
                "too few generations of processes to say",
                f"measure longer (--budget {max(5, math.ceil(self.found.seconds / 15))}m)",
            )
        limit = 1 + self.margins.latency
        detail = (
            f"takes {ratio.value:.3f} [{ratio.low:.3f}, {ratio.high:.3f}] of the former artifact's "
            f"time, measured in turn ({limit:.2f} allowed)"
        )
        if ratio.low > limit:
            verdict, remedy = Verdict.FAILED, self._slower(limit)
        elif ratio.high <= limit:
            verdict, remedy = Verdict.PASSED, ""
        else:
            verdict, remedy = Verdict.NOT_SURE, self._longer(ratio, limit)
        return self._check(
            name,
            verdict,
            f"x {ratio.value:.2f} [{ratio.low:.2f}, {ratio.high:.2f}]",
            detail,
            remedy,
            ratio=ratio.value,
            low=ratio.low,
            high=ratio.high,
            allowed=limit,
            generations=ratio.generations,
        )

    def _slower(self, limit: float) -> str:
        assert self.pair
        compare = shlex.join(
            ["exportbench", "run", self.found.paths.get(self.label, ""), self.pair.path]
        )
        return (
            f"see what differs: {compare}; if it is meant, make this artifact the former one, or "
            f"allow more than {limit - 1:.0%} with --margin latency=SHARE"
        )

    def _longer(self, ratio: Ratio, limit: float) -> str:
        """How long it would take to be sure, since an interval narrows with the square root."""
        assert ratio.resolution is not None
        half = math.log1p(ratio.resolution)
        distance = abs(math.log(limit / ratio.value))
        needed = 1.2 * self.found.seconds * (half / distance) ** 2 if distance else math.inf
        if needed > _LONGEST_S:
            return (
                "the time is too close to what is allowed to tell within an hour; allow more or "
                "less with --margin latency=SHARE, or measure on a quieter machine"
            )
        minutes = max(math.ceil(needed / 60), 1)
        return f"measure longer (--budget {minutes}m)" + (
            f"; {duration(self.found.seconds)} were not enough" if self.found.seconds else ""
        )

    # Memory and size

    def _memory(self) -> list[Check]:
        result = []
        for name, key in (("memory", "memory"), ("GPU memory", "gpu_memory")):
            if self._has(lambda entry, key=key: getattr(entry, key) is not None):
                result.append(self._memory_of(name, key))
        return result

    def _memory_of(self, name: str, key: str) -> Check:
        former = self.pair.former if self.pair else None
        beside = former is not None and getattr(former, key) is not None
        old = former if beside else self.old
        now = getattr(self.new, key)
        before = getattr(old, key) if old else None
        if before is None:
            return self._not_in_baseline(name)
        if now is None:
            return self._unknown(name, "was not measured in this run")
        if not beside:
            altered = [
                f"{what} {self.baseline.setup[what]}"
                for what in ("device", "threads", "batch")
                if self.baseline.setup.get(what) != self.found.setup.get(what)
                and what in self.baseline.setup
            ]
            if altered:
                return self._unknown(
                    name,
                    f"the baseline was measured otherwise, with {', '.join(altered)}",
                    f"measure with {', '.join(f'--{what}' for what in altered)}, or give the "
                    "former artifacts with --against",
                )
            card = self.baseline.setup.get("card")
            if card != self.found.setup.get("card"):
                return self._unknown(
                    name,
                    f"the baseline was measured on {card or 'a card that is not named'}",
                    "measure on the same model, or give the former artifacts with --against",
                )
        if key == "gpu_memory" and old and self.new.gpu_memory_by != old.gpu_memory_by:
            return self._unknown(
                name,
                f"is told by the {self.new.gpu_memory_by} here, and was by the "
                f"{old.gpu_memory_by} before: the driver tells less in containers",
                "measure both in the same surroundings",
            )
        share = self.margins.memory
        limit = max(before * (1 + share), before + LEAST_MEMORY)
        where = "of the former artifact in this run" if beside else "in the baseline"
        detail = f"{_mebibytes(now)}, {_mebibytes(before)} {where} ({_mebibytes(limit)} allowed)"
        return self._grown(name, now, before, limit, detail, f"--margin memory={_up(now / before)}")

    def _size(self) -> Check:
        now, before = self.new.bytes, self.old.bytes if self.old else None
        if now is None or before is None:
            return self._not_in_baseline("size")
        limit = before * (1 + self.margins.size)
        detail = f"{now:,} bytes, {before:,} in the baseline ({limit:,.0f} allowed)"
        return self._grown(
            "size", now, before, limit, detail, f"--margin size={_up(now / max(before, 1))}"
        )

    def _grown(
        self, name: str, now: int, before: int, limit: float, detail: str, allow: str
    ) -> Check:
        failed = now > limit
        return self._check(
            name,
            Verdict.FAILED if failed else Verdict.PASSED,
            f"{now / max(before, 1) - 1:+.1%}",
            detail,
            f"find what was added{self._versions()}; if it is meant, take it into the baseline "
            f"with --update, or allow it with {allow}"
            if failed
            else "",
            now=now,
            before=before,
            allowed=limit,
        )


def _up(ratio: float) -> str:
    return f"{math.ceil((ratio - 1) * 100)}%"


def _mebibytes(value: float) -> str:
    return f"{value / 2**20:,.1f} MiB"
