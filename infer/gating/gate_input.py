"""Collect the input of a gate from the records of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from ..outcome import Outcome
from ..parity import predictions
from ..parity.kept_sketch import SketchedOutput
from ..records.artifact_events import ArtifactOpened, InputsDrawn, OutcomeReached
from ..records.events import AnyEvent, elapsed_s, latest
from ..records.metric_events import MetricsScored
from ..records.parity_events import PairCompared, ParityJudged
from ..records.sketch_events import OutputsSketched
from ..results.reproduction import command_of
from ..results.summarizing import summarize
from ..results.summary import ArtifactResult, Summary
from ..stats.ratios import Ratio
from .baseline import BaselineEntry, OutputParity
from .kept_metric import KeptMetric
from .setup import Setup


@dataclass(frozen=True)
class Agreement:
    """Whether outputs agree by the tolerances of the run, as `run` decides it.

    Attributes:
        passed: whether they do.
        tolerance: the largest difference of a value that passes by numbers.
        reason: what decided about a quantised model, in words; "" for others.
    """

    passed: bool
    tolerance: float
    reason: str = ""


@dataclass(frozen=True)
class FormerComparison:
    """Comparison of an artifact with its former version, measured in the same run.

    Attributes:
        former: the former artifact; None where it could not be measured.
        reason: why it could not be measured.
        ratios: ratios of the times of a call, by workload.
        parity: each output beside the former one's; empty if they cannot be compared.
        agreement: whether the outputs agree; None if they cannot be compared.
        incomparable: why they cannot be compared.
        path: path of the former artifact.
        sha256: SHA-256 of its payload's files and their names; None if it could not be read.
        command: the command that measures both alone, without a gate.
    """

    former: BaselineEntry | None = None
    reason: str = ""
    ratios: Mapping[str, Ratio] = field(default_factory=dict)
    parity: Mapping[str, OutputParity] = field(default_factory=dict)
    agreement: Agreement | None = None
    incomparable: str = ""
    path: str = ""
    sha256: str | None = None
    command: str = ""


@dataclass(frozen=True)
class GateInput:
    """The results of a run, for a gate.

    Attributes:
        entries: entries of the artifacts that were measured or failed, by label, without the former
            ones.
        former: comparisons of artifacts with their former versions, by label.
        setup: the setup of the run.
        agreements: whether outputs agree with those of the run's reference, by label.
        random: random outputs that keep an artifact from being judged, its own or the reference's,
            in words, by label.
        untrusted: SHA-256 of the artifacts that were not opened, since they are not trusted, by
            label.
        commands: commands that measure an artifact alone, by label.
        paths: paths of the artifacts, by label.
        seconds: duration of the run.
        interrupted: whether the run was interrupted.
        unreadable: problem with the file or folder in the place of an artifact, by its label in the
            baseline.
        in_sets: outputs whose rows are compared as sets, of which a baseline keeps nothing.
        missing_metrics: why metrics of an artifact are missing, by its label.
    """

    entries: Mapping[str, BaselineEntry]
    former: Mapping[str, FormerComparison] = field(default_factory=dict)
    setup: Setup = field(default_factory=Setup)
    agreements: Mapping[str, Agreement] = field(default_factory=dict)
    random: Mapping[str, str] = field(default_factory=dict)
    untrusted: Mapping[str, str] = field(default_factory=dict)
    commands: Mapping[str, str] = field(default_factory=dict)
    paths: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    interrupted: bool = False
    unreadable: Mapping[str, str] = field(default_factory=dict)
    in_sets: tuple[str, ...] = ()
    missing_metrics: Mapping[str, Sequence[str]] = field(default_factory=dict)


def gate_input(events: Sequence[AnyEvent]) -> GateInput:
    """Collect the input of a gate from the events of a run.

    Raises:
        DecodeError: a sketch of an output, or a metric, is damaged.
    """
    summary = summarize(events)
    run = summary.run
    former_labels = run.pairs
    artifacts = latest(ArtifactOpened, events)
    parities, pairs = latest(ParityJudged, events), latest(PairCompared, events)
    sketches, outcomes = latest(OutputsSketched, events), latest(OutcomeReached, events)
    scored = latest(MetricsScored, events)
    setup = Setup(
        device=run.device,
        threads=run.threads,
        batch=run.protocol.batch,
        processor=run.environment.processor,
        card=summary.card.name if summary.card else None,
    )
    # Without artifacts that an interrupted run did not reach.
    rows = {row.artifact: row for row in summary.rows if row.outcome in set(Outcome)}
    drawn = next((event.sha256 for event in events if isinstance(event, InputsDrawn)), None)
    entries = {
        label: replace(
            _entry(row, summary, artifacts[label], parities.get(label), drawn),
            cause=outcomes[label].cause,
            sketches=_outputs(sketches.get(label)),
            metrics=_metrics(scored.get(label), whole=run.task is not None),
            accuracy_origin=_accuracy_origin(scored.get(label)),
            setup=setup,
        )
        for label, row in rows.items()
    }
    return GateInput(
        entries={
            label: entry for label, entry in entries.items() if label not in former_labels.values()
        },
        former={
            label: replace(
                _former_comparison(rows, entries, label, other, pairs.get(label)),
                command=command_of(artifacts[label], run, artifacts[other]),
            )
            for label, other in former_labels.items()
            if label in rows
        },
        setup=setup,
        agreements={
            label: agreement
            for label, parity in parities.items()
            if (agreement := _agreement(parity)) is not None
        },
        random={label: text for label, parity in parities.items() if (text := _random(parity))},
        untrusted={label: event.untrusted for label, event in outcomes.items() if event.untrusted},
        commands={label: row.command for label, row in rows.items()},
        paths={label: row.path for label, row in rows.items()},
        seconds=elapsed_s(events),
        interrupted=summary.interrupted,
        in_sets=tuple(name for row_set in run.row_sets for name in row_set.names),
        missing_metrics={label: event.missing for label, event in scored.items()},
    )


def _agreement(compared: ParityJudged | PairCompared | None) -> Agreement | None:
    if compared is None or compared.tolerance is None:
        return None
    decided = compared.reason
    if compared.passed and decided:
        decided = f"decided by {compared.decided_by}: {decided}"
        if compared.quantisation_doubts:
            doubts = "; ".join(compared.quantisation_doubts)
            decided += f"; in doubt, since a wrong scale or zero point may cause it too: {doubts}"
    return Agreement(compared.passed, compared.tolerance, decided)


def _random(parity: ParityJudged) -> str:
    """Which random outputs keep an artifact from being judged; empty if there are none."""
    for who, changes in (
        ("it", parity.random),
        (f"its reference, {parity.anchor or parity.reference},", parity.random_reference),
    ):
        if changes:
            return f"{who} draws random numbers in {', '.join(changes)}"
    return ""


def _entry(
    row: ArtifactResult,
    summary: Summary,
    artifact: ArtifactOpened,
    parity: ParityJudged | None,
    drawn: str | None,
) -> BaselineEntry:
    run, workloads = summary.run, summary.planned_workloads
    evaluation = artifact.manifest.evaluation if artifact.manifest else None
    correct = parity.correct if parity else None
    return BaselineEntry(
        outcome=Outcome(row.outcome),
        reason=row.reason,
        format=row.format,
        sha256=artifact.sha256,
        weights=row.weights_sha256,
        inputs=run.inputs_sha256 or drawn or (evaluation.sha256 if evaluation else None),
        bytes=row.bytes,
        memory=row.memory_bytes,
        gpu_memory=row.gpu_memory[0] if row.gpu_memory else None,
        gpu_memory_by=row.gpu_memory[1] if row.gpu_memory else None,
        call_s={
            workload: row.timings[workload].call_s
            for workload in dict.fromkeys((*workloads, *row.timings))
            if workload in row.timings
        },
        reference=f"{row.anchor} on the CPU" if row.anchor else row.reference,
        parity=_by_output(parity),
        equal_labels=row.equal_labels,
        correct=predictions.unpack(correct, row.samples) if correct and row.samples else None,
        versions=row.versions or {},
    )


def _former_comparison(
    rows: Mapping[str, ArtifactResult],
    entries: Mapping[str, BaselineEntry],
    label: str,
    other: str,
    compared: PairCompared | None,
) -> FormerComparison:
    if other not in entries:
        return FormerComparison(reason="the run was cut off")
    former = entries[other]
    if not former.outcome.was_measured:
        return FormerComparison(
            reason=f"{other}: {former.outcome}: {former.reason}",
            path=rows[other].path,
            sha256=former.sha256,
        )
    return FormerComparison(
        former=former,
        ratios={p: t.ratio for p, t in rows[label].timings.items() if t.ratio},
        parity=_by_output(compared),
        agreement=_agreement(compared),
        incomparable=compared.incomparable if compared else "",
        path=rows[other].path,
        sha256=former.sha256,
    )


def _by_output(compared: ParityJudged | PairCompared | None) -> dict[str, OutputParity]:
    if compared is None:
        return {}
    return {
        name: OutputParity(
            output.largest_difference,
            output.tolerance,
            output.passed and output.allowed_share is not None,
        )
        for name, output in compared.by_output.items()
    }


def _outputs(sketched: OutputsSketched | None) -> dict[str, SketchedOutput]:
    return {name: sketch.output() for name, sketch in sketched.outputs.items()} if sketched else {}


def _accuracy_origin(scored: MetricsScored | None) -> str:
    """The task and the output that the accuracy is of."""
    accuracy = scored.scores.get("accuracy") if scored else None
    return accuracy.origin if accuracy else ""


def _metrics(scored: MetricsScored | None, *, whole: bool) -> dict[str, KeptMetric]:
    """The metrics beside the accuracy, which an entry has apart.

    Args:
        scored: the record.
        whole: whether all are kept; else those that a gate judges by itself.
    """
    return {
        name: KeptMetric(recorded.score(), recorded.judged, recorded.origin)
        for name, recorded in (scored.scores if scored else {}).items()
        if name != "accuracy" and (whole or recorded.judged)
    }
