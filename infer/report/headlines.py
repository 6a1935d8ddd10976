"""What the tables of a run say, in a sentence each."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from ..outcome import Outcome
from ..records.protocol import longer_budget_minutes
from ..results import formatting
from ..results.leading import Lead, leads
from ..results.short_labels import ShortLabels
from ..results.summary import ArtifactResult, Summary
from ..workload import DEVICE_RESIDENT, Workload
from .agreement_tables import is_reference
from .table import Headline, Kind, Table

_NAMED = 1  # artifacts that a sentence names, before it counts the others


def headlines(
    table: Table, rows: Sequence[ArtifactResult], summary: Summary, labels: ShortLabels
) -> list[Headline]:
    """Say what a table says; nothing where it holds no answer.

    Args:
        table: the table.
        rows: its artifacts.
        summary: of the whole run.
        labels: the short labels of the artifacts.
    """
    match table.kind:
        case Kind.SPEED:
            workload = table.workload or ""
            said = [
                _lead(lead, summary, workload, labels) for lead in leads(rows, summary, workload)
            ]
            return said or _alone(rows, workload, labels)
        case Kind.COST:
            return _cost(rows, labels)
        case Kind.AGREEMENT:
            return _agreement(rows, labels)
        case _:
            return []


def _alone(rows: Sequence[ArtifactResult], workload: str, labels: ShortLabels) -> list[Headline]:
    """What the only artifact takes that was measured."""
    timed = [row for row in rows if workload in row.timings and row.outcome == Outcome.OK]
    if len(timed) != 1:
        return []
    timing = timed[0].timings[workload]
    text = f"{labels[timed[0].artifact]} takes {formatting.seconds(timing.call_s)}"
    rate = formatting.three_digits(timing.samples_per_s)
    return [Headline(f"{text} {_calls(timing.workload)}: {rate} samples/s")]


def _lead(lead: Lead, summary: Summary, workload: str, labels: ShortLabels) -> Headline:
    calls = _calls(summary.workloads[workload])
    if not lead.has_intervals:
        minutes = longer_budget_minutes(summary.elapsed_s)
        what = f"Too few generations of processes to say what is fastest {calls}"
        return Headline(f"{what}: take --budget {minutes}m")
    is_found = len(lead.first) < lead.compared or lead.beats_reference
    return Headline(_lead_text(lead, calls, labels), has_interval=is_found)


def _lead_text(lead: Lead, calls: str, labels: ShortLabels) -> str:
    reference = labels[lead.reference]
    count = len(lead.first)
    if count == lead.compared and not lead.beats_reference:
        # The reference may be of another group, and differ from all of these.
        whose = "" if lead.reference in lead.first else "between these "
        return f"No difference was found {whose}{calls}{_resolution(lead.resolution)}"
    others = [label for label in lead.first if label != lead.leader]
    may_be = f"{_named(others, labels)} may be" if others else ""
    if lead.leader == lead.reference and others:
        return f"Nothing is surely faster than {reference} {calls}; {may_be}"
    if lead.leader == lead.reference or not lead.beats_reference:
        times = formatting.interval(lead.next_ratio)
        after = f"{labels[lead.next_best]} takes {times} times as long"
        said = f"{calls}; {after}"
    else:
        said = f"{calls}: {formatting.interval(lead.ratio)} of {reference}'s time"
    if lead.common_format:
        return f"{lead.common_format} is fastest {said} ({count} artifacts tied)"
    if others:
        return f"{labels[lead.leader]} leads {said}; {may_be} as fast"
    return f"{labels[lead.leader]} is fastest {said}"


def _resolution(share: float | None) -> str:
    """From which difference on the intervals would have shown it."""
    if share is None:
        return ""
    difference = formatting.percent(share) if share < 1 else f"a factor of {share + 1:.0f}"
    return f"; one of {difference} would have shown"


def _calls(workload: Workload) -> str:
    """Which calls, as the end of a sentence."""
    size = "for one sample" if workload.batch == 1 else f"in batches of {workload.batch}"
    where = " on the device" if workload.boundary == DEVICE_RESIDENT else ""
    pause = f", called every {formatting.seconds(workload.gap_s)}" if workload.gap_s else ""
    return f"{size}{where}{pause}"


def _named(artifacts: Sequence[str], labels: ShortLabels) -> str:
    names = [labels[artifact] for artifact in artifacts]
    if len(names) > _NAMED + 1:
        names = [*names[:_NAMED], f"{len(names) - _NAMED} more"]
    *rest, last = names
    return f"{', '.join(rest)} and {last}" if rest else last


def _cost(rows: Sequence[ArtifactResult], labels: ShortLabels) -> list[Headline]:
    """The least and the most memory, and the shortest and the longest way to an answer."""

    def first_answer_s(row: ArtifactResult) -> float | None:
        parts = (row.import_s, row.load_s, row.first_call_s)
        return None if None in parts else math.fsum(part or 0.0 for part in parts)

    lines = [
        _range("first answer after", rows, first_answer_s, formatting.seconds, labels),
        _range("memory", rows, lambda row: row.memory_bytes, formatting.binary_size, labels),
    ]
    text = "; ".join(line for line in lines if line)
    return [Headline(text[:1].upper() + text[1:])] if text else []


def _range(
    what: str,
    rows: Sequence[ArtifactResult],
    of: Callable[[ArtifactResult], float | None],
    shown: Callable[..., str],
    labels: ShortLabels,
) -> str:
    values = {row.artifact: value for row in rows if (value := of(row)) is not None}
    if not values:
        return ""
    least, most = (pick(values, key=values.__getitem__) for pick in (min, max))
    low, high = shown(values[least]), shown(values[most])
    if low == high:
        return f"{what} {low}"
    return f"{what} {low} ({labels[least]}) to {high} ({labels[most]})"


def _agreement(rows: Sequence[ArtifactResult], labels: ShortLabels) -> list[Headline]:
    """How many agree with their reference, and which do not."""
    lines = []
    judged = [row for row in rows if row.reference is not None and not is_reference(row)]
    bad = [row for row in rows if row.outcome != Outcome.OK]
    good = [row for row in judged if row.outcome == Outcome.OK]
    if good:
        references = list(dict.fromkeys(row.anchor or row.reference or "" for row in good))
        differences = [row.largest_difference for row in good if row.largest_difference is not None]
        largest = f": largest difference {formatting.difference(max(differences))}"
        largest = largest if differences else ""
        every = "Both" if len(good) == 2 else f"All {len(good)}"
        whom = every if not bad else f"{len(good)} of {len(judged)}"
        if len(judged) == 1:
            whom = labels[good[0].artifact]
        verb = "agree" if len(judged) > 1 and len(good) > 1 else "agrees"
        whose = "their references" if len(references) > 1 else labels[references[0]]
        lines.append(Headline(f"{whom} {verb} with {whose}{largest}"))
    alone = [row for row in rows if row.outcome == Outcome.OK and is_reference(row)]
    if not judged and len(alone) == 1:
        whom = labels[alone[0].artifact]
        lines.append(Headline(f"{whom} has no other to be compared with"))
    for outcome in dict.fromkeys(row.outcome for row in bad):
        names = [row.artifact for row in bad if row.outcome == outcome]
        lines.append(Headline(f"{outcome}: {_named(names, labels)}", is_bad=True))
    return lines
