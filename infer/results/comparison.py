"""Two runs side by side: ratios of the same artifacts to the same reference.

Times alone are not compared: they depend on the state of the machine, which differs between runs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from ..codec import to_json
from ..records.run_events import RunStarted
from ..stats.ratios import Ratio, change_of, family_ratios
from . import formatting
from .queries import is_adaptive_run, sample_differences
from .recorded_run import RecordedRun
from .summary import ArtifactResult

AGREE, DIFFER, UNSURE = "agree", "differ", "too few generations to say"
# Memory and start times are measured once: a smaller relative difference is not a change.
_NOTABLE = 0.05


@dataclass(frozen=True)
class Speed:
    """An artifact's calls of one kind in both runs.

    Attributes:
        artifact, reference: labels, the same in both runs.
        workload: name of the workload.
        a, b: the ratio to the reference in each run.
        change: the ratio in the second run over that in the first; its interval is corrected for
            the number of artifacts.
        a_call_s, b_call_s: seconds of a call, for information only.
    """

    artifact: str
    reference: str
    workload: str
    a: Ratio
    b: Ratio
    change: Ratio
    a_call_s: float
    b_call_s: float

    @property
    def verdict(self) -> str:
        """Whether the two ratios agree within their intervals."""
        if self.change.low is None or self.change.high is None:
            return UNSURE
        return AGREE if self.change.low <= 1 <= self.change.high else DIFFER


@dataclass(frozen=True)
class Difference:
    """A difference between the runs, in words; "-" for a missing value."""

    of: str
    what: str
    a: str
    b: str


@dataclass(frozen=True)
class Comparison:
    """Two runs side by side.

    Attributes:
        a, b: folders of the runs.
        conditions: machine and setup of each run, in one line.
        environment: differences of machine and setup.
        artifacts: differences of artifacts: bytes, versions, settings, outcome, costs.
        speeds: the ratios, by workload.
        notices: important notices for the reader.
    """

    a: str
    b: str
    conditions: tuple[str, str]
    environment: tuple[Difference, ...]
    artifacts: tuple[Difference, ...]
    speeds: tuple[Speed, ...]
    notices: tuple[str, ...]

    def describe(self) -> dict[str, Any]:
        """The comparison for JSON, with the verdicts."""
        value = asdict(self)
        value["speeds"] = [asdict(speed) | {"verdict": speed.verdict} for speed in self.speeds]
        return value


def compare_runs(a: RecordedRun, b: RecordedRun) -> Comparison:
    """Compare two runs."""
    environment = _environment(a.summary.run, b.summary.run)
    speeds = _speeds(a, b)
    rows_a, rows_b = ({row.artifact: row for row in run.summary.rows} for run in (a, b))
    artifacts = [
        difference
        for label in rows_a
        if label in rows_b
        for difference in _artifact(rows_a[label], rows_b[label])
    ]
    only = [("only in A", rows_a, rows_b), ("only in B", rows_b, rows_a)]
    notices = [
        f"{where}: {', '.join(name for name in rows if name not in others)}"
        for where, rows, others in only
        if any(name not in others for name in rows)
    ]
    machine = {"processor", "cores", "gpus", "system"} & {
        difference.what for difference in environment
    }
    notices.insert(
        0,
        "Times alone are not compared: the runs are of "
        + ("two machines." if machine else "two states of a machine, at two times."),
    )
    changed = {difference.of for difference in artifacts if difference.what == "sha256"}
    for reference in dict.fromkeys(speed.reference for speed in speeds):
        if reference in changed:
            notices.append(
                f"{reference}, which the ratios are to, is not the same file in both runs."
            )
    if not speeds:
        notices.append("No artifact was timed in both runs beside the same reference.")
    notices += [f"A: {text}" for text in a.summary.notices]
    notices += [f"B: {text}" for text in b.summary.notices]
    return Comparison(
        str(a.folder),
        str(b.folder),
        (formatting.conditions(a.summary), formatting.conditions(b.summary)),
        tuple(environment),
        tuple(artifacts),
        tuple(speeds),
        tuple(notices),
    )


def _speeds(a: RecordedRun, b: RecordedRun) -> list[Speed]:
    rows_a, rows_b = ({row.artifact: row for row in run.summary.rows} for run in (a, b))
    is_adaptive = is_adaptive_run(a.events) or is_adaptive_run(b.events)
    pairs: dict[tuple[str, str], list[tuple[str, list[float], list[float]]]] = {}
    for label, row in rows_a.items():
        other = rows_b.get(label)
        for workload in row.timings if other else ():
            reference = _reference(label, workload, a, b)
            if other is None or workload not in other.timings or reference is None:
                continue
            mine = label, workload
            theirs = reference, workload
            sides = [sample_differences(run.events, mine, theirs) for run in (a, b)]
            if all(sides):
                pairs.setdefault((workload, reference), []).append((label, sides[0], sides[1]))
    speeds = []
    for (workload, reference), compared in pairs.items():
        count = len(compared)
        # As the runs themselves show them, where they have the same artifacts.
        ratios_a, ratios_b = (
            family_ratios(differences, count, is_adaptive=is_adaptive)
            for differences in (
                {label: before for label, before, _ in compared},
                {label: after for label, _, after in compared},
            )
        )
        speeds += [
            Speed(
                label,
                reference,
                workload,
                ratios_a[label],
                ratios_b[label],
                change_of(before, after, count, is_adaptive=is_adaptive),
                rows_a[label].timings[workload].call_s,
                rows_b[label].timings[workload].call_s,
            )
            for label, before, after in compared
        ]
    return speeds


def _reference(label: str, workload: str, a: RecordedRun, b: RecordedRun) -> str | None:
    """Find the reference of one run that an artifact can be compared with in both runs."""
    timed = [
        {row.artifact for row in run.summary.rows if workload in row.timings} for run in (a, b)
    ]
    wished = [run.summary.speed_references.get(label) for run in (a, b)]
    for name in wished:
        if name == label:
            return None
        if name is not None and all(name in names for names in timed):
            return name
    return None


def _environment(a: RunStarted, b: RunStarted) -> list[Difference]:
    machines = to_json(a.environment), to_json(b.environment)
    names = dict.fromkeys((*machines[0], *machines[1]))
    values = {name: tuple(machine.get(name) for machine in machines) for name in names}
    # Other values of a card change from moment to moment.
    values["gpus"] = tuple(
        [f"{gpu['name']} ({gpu['uuid']}, driver {gpu['driver']})" for gpu in machine["gpus"]]
        for machine in machines
    )
    values["card"] = (a.card, b.card)
    protocols = asdict(a.protocol), asdict(b.protocol)
    values |= {
        name: (getattr(a, name), getattr(b, name))
        for name in ("device", "threads", "inputs_sha256")
    }
    values |= {
        f"protocol: {name}": tuple(protocol.get(name) for protocol in protocols)
        for name in dict.fromkeys((*protocols[0], *protocols[1]))
    }
    return [
        Difference("run", name, _text(first, name), _text(second, name))
        for name, (first, second) in values.items()
        if first != second
    ]


def _text(value: Any, name: str) -> str:
    if value is None or value in ([], ()):
        return "-"
    if name == "memory_bytes":
        return f"{value / 2**30:,.1f} GiB"
    if name == "load_average":
        return f"{value[0]:.1f}"
    if name.endswith("sha256"):
        return str(value)[:12]
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _artifact(a: ArtifactResult, b: ArtifactResult) -> list[Difference]:
    """Find the differences of an artifact; costs only if they exceed the usual scatter."""
    facts: list[tuple[str, Any, Any]] = [
        ("outcome", a.outcome, b.outcome),
        ("sha256", a.sha256, b.sha256),
        ("weights", a.weights_sha256, b.weights_sha256),
        ("python", (a.environment or {}).get("python"), (b.environment or {}).get("python")),
    ]
    for what in ("versions", "placement"):
        mine, theirs = _flat(getattr(a, what)), _flat(getattr(b, what))
        facts += [
            (name, mine.get(name), theirs.get(name))
            for name in dict.fromkeys((*mine, *theirs))
            if mine and theirs
        ]
    accuracy = [row.metrics["accuracy"] if row.metrics else None for row in (a, b)]
    facts.append(("accuracy", accuracy[0], accuracy[1]))
    differences = [
        Difference(a.artifact, name, _fact(first, name), _fact(second, name))
        for name, first, second in facts
        if first != second
    ]
    costs: tuple[tuple[str, float | None, float | None, Callable[[Any], str]], ...] = (
        ("memory", a.memory_bytes, b.memory_bytes, formatting.binary_size),
        ("installed", a.installed_bytes, b.installed_bytes, formatting.binary_size),
        ("size", a.bytes, b.bytes, formatting.binary_size),
    )
    for name, first, second, shown in costs:
        if first and second and abs(second / first - 1) > _NOTABLE:
            change = f"{shown(second)} ({second / first - 1:+.0%})"
            differences.append(Difference(a.artifact, name, shown(first), change))
    return differences


def _fact(value: Any, name: str) -> str:
    if isinstance(value, float):
        return f"{value:.4f}"
    return _text(value, "sha256" if name in ("sha256", "weights") else name)


def _flat(value: Mapping[str, Any] | None) -> dict[str, Any]:
    """Flatten nested settings; a nested name is "outer: inner"."""
    flat: dict[str, Any] = {}
    for name, item in (value or {}).items():
        flat |= (
            {f"{name}: {inner}": setting for inner, setting in _flat(item).items()}
            if isinstance(item, dict)
            else {name: item}
        )
    return flat
