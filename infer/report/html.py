"""A run, or several, as one HTML file that needs nothing else.

Names of artifacts and what runtimes said are other people's text: the template escapes all of it,
and the page forbids itself every script but its own and every request.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from .. import __version__
from ..results import code_execution, formatting, ranking
from ..results.ranking import Answer
from ..results.recorded_run import RecordedRun
from ..results.summary import ArtifactResult, Summary
from . import plots, tables
from .plots import DotPlot, LinePlot
from .samples import ClassAccuracy, Evidence, find_evidence

TEMPLATES = Path(__file__).with_name("templates")
# By the first word of a cell: a number and its unit sort by what they mean.
_UNITS = {"µs": 1e-6, "ms": 1e-3, "s": 1.0}
_NUMBER = re.compile(r"[-+]?[\d,]*\.?\d+(?:e[-+]?\d+)?")
_SHOWN_DIFFERING = 5


@dataclass(frozen=True)
class Cell:
    """Text, and the number that it sorts by where it has one."""

    text: str
    number: float | None = None


@dataclass(frozen=True)
class Table:
    """A table: its titles, with whether they are of text, and its rows."""

    caption: str
    titles: list[tuple[str, bool]]
    lines: list[list[Cell]]


@dataclass(frozen=True)
class Differing:
    """A sample that an artifact and its reference answer differently."""

    artifact: str
    sample: str
    reference: str
    own: str
    truth: str | None
    picture: str | None


@dataclass(frozen=True)
class Section:
    """One comparison of a run: artifacts of the same weights."""

    title: str
    answers: list[Answer]
    speeds: list[tuple[DotPlot | None, Table]]
    batches: LinePlot | None
    sweep: Table | None
    device: list[Table]
    cost: Table | None
    agreement: Table | None
    differing: list[Differing]
    classes: ClassAccuracy | None
    failures: list[ArtifactResult]
    notes: list[str]
    warnings: list[str]
    rows: list[ArtifactResult]


@dataclass(frozen=True)
class Page:
    """What is said of one run."""

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


def render(runs: Sequence[RecordedRun]) -> str:
    """The page of runs, in their order."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    style, script = ((TEMPLATES / name).read_text() for name in ("report.css", "report.js"))
    text: str = environment.get_template("report.html").render(
        pages=[_page(run) for run in runs],
        sizes=_sizes_of_runs(runs),
        version=__version__,
        # Both are ours, and the hashes are those of exactly these bytes.
        style=Markup(style),  # noqa: S704
        script=Markup(script),  # noqa: S704
        style_hash=_source(style),
        script_hash=_source(script),
        decision=ranking,
    )
    return text


def _source(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def _page(run: RecordedRun) -> Page:
    summary = run.summary
    titles, grown = tables.growth(summary)
    sizes = _plain(tables.growth_title(summary), titles, grown) if grown else None
    return Page(
        run.name,
        formatting.conditions(summary),
        summary.notices,
        [_section(run, title, rows) for title, rows in tables.sections(summary)],
        sizes,
        _size_plot([run]) if grown else None,
        _environment(summary),
        _runtimes(summary),
        tables.legend(summary),
        " ".join(map(str, ["exportbench", *summary.run.get("command", [])])),
    )


def _section(run: RecordedRun, title: str, rows: list[ArtifactResult]) -> Section:
    summary = run.summary
    speeds, device, sweep, cost, agreement = [], [], None, None, None
    ordered = tables.by_speed(rows, summary)
    for columns in tables.tables_of(rows, summary):
        titles = [column.title(summary) for column in columns]
        if columns is tables.SWEEP:
            sweep = _table("Throughput by batch", columns, ordered, summary)
        elif "ratio" in titles:
            point = titles[1]
            table = _table(f"Speed, {point}", columns, ordered, summary)
            speeds.append((plots.ratios(point, _by_ratio(ordered, point), summary), table))
        elif "bound by" in titles:
            caption = f"{tables.ON_DEVICE}, {titles[1].removeprefix('queued, ')}"
            device.append(_table(caption, columns, ordered, summary))
        elif "outcome" in titles:
            agreement = _table("Outputs beside the reference's", columns, ordered, summary)
        else:
            cost = _table("Start, memory and size of each artifact", columns, ordered, summary)
    numbers = [one["sample"] for row in rows for one in row.differing[:_SHOWN_DIFFERING]]
    evidence = find_evidence(run, ordered, list(dict.fromkeys(numbers)))
    own = {row.artifact for row in rows}
    families = [[row for row in family if row.artifact in own] for family in ranking.families(run)]
    answered = next((family for family in families if family), [])
    return Section(
        title,
        ranking.answers(run, answered),
        speeds,
        _batch_plot(ordered, summary),
        sweep,
        device,
        cost,
        agreement,
        _differing(rows, evidence),
        evidence.classes,
        [row for row in rows if row.outcome != "ok"],
        tables.notes(rows) + evidence.missing,
        tables.warnings(rows, summary),
        rows,
    )


def _by_ratio(rows: list[ArtifactResult], point: str) -> list[ArtifactResult]:
    """The lowest ratio first; the reference's is 1."""

    def value(row: ArtifactResult) -> float:
        timing = row.timings.get(point)
        return timing.ratio.value if timing and timing.ratio else 1.0

    return sorted(rows, key=value)


def _table(
    caption: str, columns: list[tables.Column], rows: list[ArtifactResult], summary: Summary
) -> Table:
    titles = [(column.title(summary), column.left) for column in columns]
    lines = [[_cell(column.cell(row, summary)) for column in columns] for row in rows]
    return Table(caption, titles, lines)


def _plain(caption: str, titles: list[str], lines: list[list[str]]) -> Table:
    return Table(
        caption,
        [(title, index == 0) for index, title in enumerate(titles)],
        [[_cell(cell) for cell in line] for line in lines],
    )


def _cell(text: str) -> Cell:
    """A cell that sorts by its number; text sorts by itself."""
    match = _NUMBER.match(text)
    if not match:
        return Cell(text)
    value = float(match[0].replace(",", ""))
    unit = re.match(r"\s*(µs|ms|s)\b", text[match.end() :])
    return Cell(text, value * (_UNITS[unit[1]] if unit else 1.0))


def _differing(rows: list[ArtifactResult], evidence: Evidence) -> list[Differing]:
    return [
        Differing(
            row.artifact,
            f"{one['sample']:,}",
            _answer(one["reference"]),
            _answer(one["own"]),
            str(one["true"]) if "true" in one else None,
            evidence.pictures.get(one["sample"]),
        )
        for row in rows
        for one in row.differing[:_SHOWN_DIFFERING]
    ]


def _answer(one: dict[str, Any]) -> str:
    value = one["value"]
    shown = f"{value:.4g}" if isinstance(value, float) else value
    return f"{one['label']}: {shown}"


def _batch_plot(rows: list[ArtifactResult], summary: Summary) -> LinePlot | None:
    series = {
        row.artifact: {
            float(summary.batch_of(point)): timing.samples_per_s
            for point, timing in row.timings.items()
            if point == f"batch {summary.batch_of(point)}"
        }
        for row in rows
        if row.best_batch
    }
    batches = {x: f"{x:g}" for own in series.values() for x in own}
    return plots.curves(
        "Throughput by batch", "samples a call", "samples a second", series, batches
    )


def _size_plot(runs: Sequence[RecordedRun]) -> LinePlot | None:
    """How the time for a call of the first kind grows with the size of the inputs."""
    series: dict[str, dict[float, float]] = {}
    texts: dict[float, str] = {}
    point = next(iter(runs[0].summary.points), "")
    for run in runs:
        for row in run.summary.rows:
            sizes = [int(size) for size in row.shapes.split(" x ") if size.isdigit()]
            if sizes and point in row.timings:
                size = 1.0
                for one in sizes:
                    size *= one
                texts[size] = row.shapes
                name = row.artifact.rpartition("/")[2]
                series.setdefault(name, {})[size] = row.timings[point].call_s * 1e3
    return plots.curves(
        f"Time for a call by size of the inputs, {point}",
        "values a sample",
        "milliseconds a call",
        series,
        texts,
    )


def _sizes_of_runs(runs: Sequence[RecordedRun]) -> LinePlot | None:
    """The same through several runs, if they are of one machine and one setup."""

    def setup(run: RecordedRun) -> tuple[Any, ...]:
        stated = run.summary.run
        machine = stated["environment"]
        return (
            machine["processor"],
            machine["cores"],
            str(stated.get("card") or stated["device"]),
            stated["threads"],
            stated["protocol"]["batch"],
            tuple(run.summary.points[:1]),
        )

    shapes = [{row.shapes for row in run.summary.rows if row.timings} for run in runs]
    differing = len(set().union(*shapes)) > max(map(len, shapes), default=0)
    if len(runs) < 2 or len({setup(run) for run in runs}) > 1 or not differing:
        return None
    return _size_plot(runs)


def _environment(summary: Summary) -> list[tuple[str, str]]:
    run = summary.run
    machine, protocol = run["environment"], run["protocol"]
    gpus = [
        f"{gpu['name']} ({gpu['uuid']}), {formatting.mebibytes(gpu['memory_bytes'])}, driver "
        f"{gpu['driver']}"
        for gpu in machine["gpus"]
    ]
    return [
        ("processor", f"{machine['processor']}, {machine['cores']} cores"),
        ("memory", f"{machine['memory_bytes'] / 2**30:,.1f} GiB"),
        ("GPU", "; ".join(gpus) or "none"),
        ("system", str(machine["system"])),
        ("Python", str(machine["python"])),
        ("load at start", ", ".join(f"{load:.1f}" for load in machine["load_average"])),
        ("device and threads", f"{summary.device}, {run['threads']} threads"),
        (
            "protocol",
            f"{protocol['name']}: {summary.generations} generations of processes, "
            f"{protocol['bursts']} turns in each, scenarios {', '.join(protocol['scenarios'])}, "
            f"batch {protocol['batch']}",
        ),
        ("inputs", f"{run['inputs'] or 'those that the artifacts name'}"),
        ("SHA-256 of the inputs", str(run.get("inputs_sha256") or "-")),
        ("ended since", summary.ended or "-"),
    ]


def _runtimes(summary: Summary) -> Table:
    def settings(row: ArtifactResult) -> str:
        own = (row.placement or {}).get("settings") or {}
        return ", ".join(f"{name} {value}" for name, value in own.items()) or "-"

    cells: list[tuple[str, Callable[[ArtifactResult], str]]] = [
        ("artifact", lambda row: row.artifact),
        ("format", lambda row: row.format or "-"),
        (
            "runtime",
            lambda row: ", ".join(f"{n} {v}" for n, v in (row.versions or {}).items()) or "-",
        ),
        ("ran on", lambda row: str((row.placement or {}).get("device", "-"))),
        ("settings", settings),
        (
            "code on load",
            lambda row: code_execution.why(row) or code_execution.unknown(row) or "no",
        ),
        ("SHA-256", lambda row: (row.sha256 or "-")[:12]),
    ]
    return Table(
        "Artifacts and their runtimes",
        [(title, True) for title, _ in cells],
        [[Cell(cell(row)) for _, cell in cells] for row in summary.rows],
    )
