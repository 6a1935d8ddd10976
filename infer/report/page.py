"""The content of the HTML page of a run, section by section, before it is rendered."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from ..best_effort import best_effort
from ..outcome import Outcome
from ..parity.whole_calls import samples_title
from ..records.agreement import ScoredAnswer
from ..results import formatting, ranking
from ..results.ranking import Answer
from ..results.recorded_run import RecordedRun
from ..results.rooflines import highest
from ..results.short_labels import ShortLabels
from ..results.summary import ArtifactResult, Summary
from . import plots
from .difference_maps import DifferenceMap, difference_maps
from .environment import environment_facts, runtimes_table
from .example_figures import ExamplePart
from .examples import RecordedExamples, read_examples
from .growth_table import growth_table
from .legend import legend
from .notes import notes, warnings
from .page_plots import batch_plot, size_plot
from .plots import DotPlot, LinePlot
from .profile_part import ProfilePart, profile_part
from .samples import ClassAccuracy, RecordedSamples, read_samples
from .table import Kind, Table
from .tables import by_speed, labels_of, sections, tables_of

Value = TypeVar("Value")
_SHOWN_DIFFERING = 5


@dataclass(frozen=True)
class Differing:
    """A sample that an artifact and its reference answer differently."""

    artifact: str
    sample: str
    reference: str
    answer: str
    truth: str | None
    picture: str | None


@dataclass(frozen=True)
class Section:
    """One comparison within a run: artifacts of the same weights.

    `contents` are the titles of its parts, by the name of each in the page's addresses.
    """

    title: str
    contents: dict[str, str]
    answers: list[Answer]
    speeds: list[tuple[DotPlot | None, Table]]
    batches: LinePlot | None
    sweep: Table | None
    device: list[Table]
    cost: Table | None
    agreement: Table | None
    differing: list[Differing]
    maps: list[DifferenceMap]
    examples: list[ExamplePart]
    classes: ClassAccuracy | None
    failures: list[ArtifactResult]
    notes: list[str]
    warnings: list[str]
    rows: list[ArtifactResult]


@dataclass(frozen=True)
class Page:
    """The content about one run."""

    name: str
    conditions: str
    notices: list[str]
    sections: list[Section]
    sizes: Table | None
    size_plot: LinePlot | None
    environment: list[tuple[str, str]]
    runtimes: Table
    legend: list[str]
    command: str
    profile: ProfilePart | None


def page_of(run: RecordedRun) -> Page:
    """Make the content about one run."""
    summary = run.summary
    growth = growth_table(summary)
    return Page(
        run.name,
        formatting.conditions(summary),
        summary.notices,
        [_section(run, title, rows) for title, rows in sections(summary)],
        growth,
        size_plot([run]) if growth else None,
        environment_facts(summary),
        runtimes_table(summary),
        legend(summary),
        " ".join(map(str, ["exportbench", *summary.run.command])),
        profile_part(summary.profiles, highest(summary.rooflines).get("flops_per_s"))
        if summary.profiles
        else None,
    )


def _section(run: RecordedRun, title: str, rows: list[ArtifactResult]) -> Section:
    summary, short = run.summary, labels_of(rows)
    ordered = by_speed(rows, summary)
    tables: dict[Kind, list[Table]] = {}
    for table in tables_of(rows, summary):
        tables.setdefault(table.kind, []).append(table)
    missing: list[str] = []
    samples = _shown(
        "figures by class", lambda: read_samples(run, ordered), RecordedSamples(), missing
    )
    listed = {
        row.artifact: [sample.sample for sample in row.differing[:_SHOWN_DIFFERING]] for row in rows
    }
    examples = _shown(
        "pictures of samples",
        lambda: read_examples(run, ordered, listed),
        RecordedExamples(),
        missing,
    )
    labels = {row.artifact for row in rows}
    families = [
        [row for row in family if row.artifact in labels] for family in ranking.families(run)
    ]
    answered = next((family for family in families if family), [])
    answers = ranking.answers(run, answered, short)
    parts = {
        "answer": ("The answer", any(answer.best for answer in answers)),
        "speed": ("Speed", Kind.SPEED in tables or Kind.SWEEP in tables),
        "device": ("On the device itself", Kind.DEVICE_TIME in tables),
        "cost": ("What is paid once", Kind.COST in tables),
        "agreement": ("Do they agree?", Kind.AGREEMENT in tables),
        "examples": ("The samples that differ most", bool(examples.parts)),
        "again": ("To do it again", True),
    }
    return Section(
        title,
        {name: part_title for name, (part_title, is_there) in parts.items() if is_there},
        answers,
        [
            (
                _shown("plot", partial(_ratio_plot, table, ordered, summary, short), None, missing),
                table,
            )
            for table in tables.get(Kind.SPEED, [])
        ],
        _shown("plot of batches", lambda: batch_plot(ordered, summary, short), None, missing),
        _only(tables, Kind.SWEEP),
        tables.get(Kind.DEVICE_TIME, []),
        _only(tables, Kind.COST),
        _only(tables, Kind.AGREEMENT),
        _differing(rows, examples),
        _shown("maps of differences", lambda: difference_maps(run, rows), [], missing),
        examples.parts,
        samples.classes and samples.classes.with_labels(short),
        [row for row in rows if row.outcome != Outcome.OK],
        notes(rows, short) + samples.missing + examples.missing + missing,
        warnings(rows, short),
        rows,
    )


def _shown(what: str, make: Callable[[], Value], otherwise: Value, missing: list[str]) -> Value:
    """Make a part of the page; if that fails, list why it is missing."""

    def failed(error: Exception) -> None:
        missing.append(f"No {what}: {type(error).__name__}: {error}.")

    return best_effort(make, otherwise, failed)


def _only(tables: dict[Kind, list[Table]], kind: Kind) -> Table | None:
    """The table of a kind that occurs at most once in a section."""
    return next(iter(tables.get(kind, [])), None)


def _ratio_plot(
    table: Table, rows: list[ArtifactResult], summary: Summary, labels: ShortLabels
) -> DotPlot | None:
    workload = table.workload or ""
    return plots.ratios(workload, _by_ratio(rows, workload), summary, labels)


def _by_ratio(rows: list[ArtifactResult], workload: str) -> list[ArtifactResult]:
    """Sort rows by ratio, the lowest first; the reference's is 1."""

    def value(row: ArtifactResult) -> float:
        timing = row.timings.get(workload)
        return timing.ratio.value if timing and timing.ratio else 1.0

    return sorted(rows, key=value)


def _differing(rows: list[ArtifactResult], examples: RecordedExamples) -> list[Differing]:
    return [
        Differing(
            row.artifact,
            samples_title(sample.sample, sample.call_samples),
            _answer(sample.reference),
            _answer(sample.answer),
            sample.true,
            examples.pictures.get((row.artifact, sample.sample)),
        )
        for row in rows
        for sample in row.differing[:_SHOWN_DIFFERING]
    ]


def _answer(given: ScoredAnswer) -> str:
    shown = f"{given.value:.4g}" if isinstance(given.value, float) else given.value
    return f"{given.label}: {shown}"
