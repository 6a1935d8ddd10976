"""Format a gate's result for a terminal, as JSON, for a pull request, and as JUnit's XML."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from typing import Any

import msgspec
from rich.console import Console

from ..console import BAD, TextColumn, one_line, print_table
from ..escaping import markdown, xml
from ..results import formatting
from ..results.short_labels import ShortLabels
from .result import (
    NOTHING_HELD,
    AccuracyFigures,
    ArtifactState,
    Check,
    CheckKind,
    Figures,
    GateResult,
    GrowthFigures,
    LatencyFigures,
    MetricFigures,
    OutcomeFigures,
    ParityFigures,
    Verdict,
    count_verdicts,
)

_STYLES = {
    Verdict.PASSED: "",
    Verdict.FAILED: BAD,
    Verdict.NOT_SURE: "bold",
    Verdict.NOT_JUDGED: "dim",
    Verdict.OFF: "dim",
}
_MARKS = {
    Verdict.PASSED: "✓",
    Verdict.FAILED: "✗",
    Verdict.NOT_SURE: "?",
    Verdict.NOT_JUDGED: "",
    Verdict.OFF: "",
}
# The text in a table for a check that was judged without figures.
_WITHOUT_FIGURES = {
    CheckKind.INPUTS: "others",
    CheckKind.FORMER: "the baseline's",
    CheckKind.ACCURACY: "unknown",
    CheckKind.METRIC: "unknown",
    CheckKind.LATENCY: "?",
}
_Column = tuple[CheckKind, str | None, str | None]
_FEW = 3  # artifacts that a line names, before it counts the others
# Verdicts that are explained in sentences, failures first.
_TOLD = (Verdict.FAILED, Verdict.NOT_SURE, Verdict.NOT_JUDGED, Verdict.OFF)


def headline(result: GateResult) -> str:
    """Format the whole result in one line."""
    counts = [f"{count} {verdict}" for verdict, count in count_verdicts(result.checks).items()]
    return f"Gate {result.verdict}: {', '.join(counts) or 'nothing to judge'}"


def show(result: GateResult, console: Console, *, remedies: bool = True) -> None:
    """Print a result, and by default the remedies."""
    names, rows = _grid(result)
    labels = ShortLabels.of([artifact for artifact, _ in rows])
    shared = f"; artifacts: {labels.pattern}" if labels.pattern else ""
    style = BAD if result.verdict == Verdict.FAILED else "bold"
    console.print(one_line(f"{headline(result)}{shared}", style=style), soft_wrap=True)
    # Where there is no room, columns without a failure are left out first.
    bad = [
        any(c and c.verdict in result.failures for c in column)
        for column in zip(*(checks for _, checks in rows), strict=True)
    ]
    columns = [
        TextColumn("artifact", is_text=True),
        *(
            TextColumn(name, is_text=True, detail=0 if is_bad else 1)
            for name, is_bad in zip(names, bad, strict=True)
        ),
    ]
    cells = [
        [
            labels[artifact],
            *(one_line(_cell(c), style=_STYLES[c.verdict]) if c else "" for c in checks),
        ]
        for artifact, checks in rows
    ]
    left_out = print_table(console, columns, cells)
    if left_out:
        text = f"no room for checks that passed or were not judged: {', '.join(left_out)}"
        console.print(one_line(text, style="dim"), soft_wrap=True)
    for names, artifacts, check in _alike(_told(result)):
        line = f"{', '.join(artifacts)}, {' and '.join(names)}: {check.verdict}: {check.detail}"
        console.print(one_line(line, style=_STYLES[check.verdict]), soft_wrap=True)
    for notice in result.notices:
        console.print(one_line(f"*** {notice}", style="bold"), soft_wrap=True)
    if not remedies or not result.remedies:
        return
    console.print(one_line("What to do:", style="bold"))
    for remedy in result.remedies:
        console.print(one_line(f"  {remedy}"), soft_wrap=True)


def as_json(result: GateResult) -> dict[str, Any]:
    """Format a result for JSON."""
    return {
        "verdict": result.verdict,
        "checks": [
            {
                "artifact": check.artifact,
                "kind": check.kind,
                "workload": check.workload,
                "metric": check.metric,
                "name": check.name,
                "verdict": check.verdict,
                "figure": figure(check),
                "detail": check.detail,
                "remedy": check.remedy,
                "measured": check.measured,
            }
            for check in result.checks
        ],
        "what_to_do": result.remedies,
        "notices": list(result.notices),
        "refused": list(result.refused),
        "setup": msgspec.to_builtins(result.setup),
    }


def as_markdown(result: GateResult) -> str:
    """Format a result as Markdown, for a pull request."""
    names, rows = _grid(result)
    mark = {Verdict.PASSED: "✅", Verdict.FAILED: "❌"}.get(result.verdict, "❔")
    lines = [f"## {mark} {headline(result)}", ""]
    lines += [f"> **{markdown(text)}**\n" for text in (*_refused(result), *result.notices)]
    lines += [_line(["artifact", *map(markdown, names)]), _line([":---"] * (len(names) + 1))]
    for artifact, checks in rows:
        cells = [
            f"**{markdown(_cell(check))}**"
            if check and check.verdict == Verdict.FAILED
            else markdown(_cell(check))
            for check in checks
        ]
        lines.append(_line([markdown(artifact), *cells]))
    lines.append("")
    lines += [
        f"- **{markdown(check.artifact)}, {markdown(check.name)}: {check.verdict}**: "
        f"{markdown(check.detail)}"
        for check in _told(result)
    ]
    if result.remedies:
        lines += ["", "What to do:", ""]
        lines += [f"- {markdown(remedy)}" for remedy in result.remedies]
    setup = result.setup
    if setup.processor:
        lines += [
            "",
            f"Measured on {markdown(setup.processor)}, "
            f"{markdown(str(setup.card or setup.device))} with "
            f"{setup.threads} threads. "
            "x: time over the former artifact's, measured in turn, with its 95 % interval.",
        ]
    return "\n".join(lines).rstrip() + "\n"


def as_junit(result: GateResult) -> str:
    """Format a result as JUnit's XML: each check is a test case, and so is the gate's baseline.

    Checks that are not judged, or off, are skipped.
    """
    verdicts = [check.verdict for check in result.checks]
    problems = _problems(result)
    failures = sum(verdict in result.failures for verdict in verdicts) + bool(problems)
    totals = {
        "tests": str(len(verdicts) + 1),
        "failures": str(failures),
        "errors": "0",
        "skipped": str(sum(_is_skipped(verdict, result) for verdict in verdicts)),
    }
    root = ElementTree.Element("testsuites", {"name": "exportbench"} | totals)
    suite = ElementTree.SubElement(root, "testsuite", {"name": "exportbench gate"} | totals)
    case = ElementTree.SubElement(suite, "testcase", classname="gate", name="baseline")
    if problems:
        text = xml("\n".join(problems))
        ElementTree.SubElement(case, "failure", type=result.verdict, message=text).text = text
    if result.notices:
        ElementTree.SubElement(case, "system-out").text = xml("\n".join(result.notices))
    for check in result.checks:
        case = ElementTree.SubElement(
            suite, "testcase", classname=xml(check.artifact), name=xml(check.name)
        )
        text = xml(check.detail + (f"\nWhat to do: {check.remedy}" if check.remedy else ""))
        if _is_skipped(check.verdict, result):
            ElementTree.SubElement(case, "skipped", message=xml(check.detail))
        elif check.verdict == Verdict.PASSED:
            ElementTree.SubElement(case, "system-out").text = text
        else:
            failure = ElementTree.SubElement(
                case, "failure", type=check.verdict, message=xml(check.detail)
            )
            failure.text = text
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _problems(result: GateResult) -> list[str]:
    """What keeps the whole gate from passing, whatever its checks say."""
    nothing = [] if result.held_against_baseline else [NOTHING_HELD]
    return [*nothing, *_refused(result)]


def _refused(result: GateResult) -> list[str]:
    what = "not taken into the baseline, since it is much worse"
    return [f"{what}: {line}" for line in result.refused]


def _is_skipped(verdict: Verdict, result: GateResult) -> bool:
    return verdict == Verdict.OFF or (verdict == Verdict.NOT_JUDGED and not result.strict)


def _grid(result: GateResult) -> tuple[list[str], list[tuple[str, list[Check | None]]]]:
    """The names of the columns, and for each artifact its checks in that order."""
    columns = {_column(check): check.name for check in result.checks}
    by_artifact: dict[str, dict[_Column, Check]] = {}
    for check in result.checks:
        by_artifact.setdefault(check.artifact, {})[_column(check)] = check
    return list(columns.values()), [
        (artifact, [checks.get(column) for column in columns])
        for artifact, checks in by_artifact.items()
    ]


def _column(check: Check) -> _Column:
    return check.kind, check.workload, check.metric


def _cell(check: Check | None) -> str:
    return f"{_MARKS[check.verdict]} {figure(check)}".strip() if check else ""


def figure(check: Check) -> str:
    """Format the finding in a few characters, for a table."""
    if check.verdict == Verdict.NOT_JUDGED:
        return "-"
    if check.verdict == Verdict.OFF:
        return "off"
    if check.kind == CheckKind.FORMER and check.verdict == Verdict.FAILED:
        return "another"
    if check.figures is None:
        return _WITHOUT_FIGURES[check.kind]
    return _figure(check.figures)


def _figure(figures: Figures) -> str:
    match figures:
        case OutcomeFigures(state=ArtifactState.MISSING):
            return "missing"
        case OutcomeFigures(state=ArtifactState.UNREADABLE):
            return "unread"
        case OutcomeFigures(state=ArtifactState.MEASURED):
            return "ok"
        case OutcomeFigures(outcome=outcome, as_before=as_before):
            return f"{outcome}, as before" if as_before else str(outcome)
        case ParityFigures(difference=None):
            return "differs"
        case ParityFigures(difference=difference):
            return formatting.difference(difference)
        case AccuracyFigures():
            return f"{figures.difference:+.2%} [{figures.low:+.2%}, {figures.high:+.2%}]"
        case MetricFigures(low=None):
            return f"{figures.difference:+.2g}"
        case MetricFigures():
            return f"{figures.difference:+.2g} [{figures.low:+.2g}, {figures.high:+.2g}]"
        case LatencyFigures(low=None):
            return f"x {figures.ratio:.2f}"
        case LatencyFigures():
            return f"x {figures.ratio:.2f} [{figures.low:.2f}, {figures.high:.2f}]"
        case GrowthFigures():
            return f"{figures.growth:+.1%}"


def _alike(checks: Sequence[Check]) -> list[tuple[list[str], list[str], Check]]:
    """Names, artifacts and the first of checks that say the same of the same artifacts."""
    of_each: dict[tuple[Verdict, str, str], list[Check]] = {}
    for check in checks:
        of_each.setdefault((check.verdict, check.detail, check.name), []).append(check)
    merged: dict[tuple[Verdict, str, tuple[str, ...]], list[Check]] = {}
    for (verdict, detail, _), group in of_each.items():
        artifacts = tuple(check.artifact for check in group)
        merged.setdefault((verdict, detail, artifacts), []).append(group[0])
    lines = []
    for (_, _, artifacts), firsts in merged.items():
        shown = list(artifacts)
        if len(shown) > _FEW:
            shown = [*shown[:_FEW], f"{len(shown) - _FEW} more"]
        lines.append(([check.name for check in firsts], shown, firsts[0]))
    return lines


def _told(result: GateResult) -> list[Check]:
    return [c for verdict in _TOLD for c in result.checks if c.verdict == verdict]


def _line(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"
