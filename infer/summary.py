"""From the records of a run to what a report shows: a pure function."""

from __future__ import annotations

import shlex
import statistics
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from infer.protocol import NOTICES
from infer.results import Record
from infer.statistics import Ratio, paired_ratio

# Calls that must stand behind a percentile: MLPerf's early-stopping floors
# (MLPerf inference policies, "Early Stopping Criterion").
PERCENTILE_FLOORS = {90: 64, 95: 130, 99: 662}


@dataclass(frozen=True)
class Row:
    """What is known of one artifact. Times are seconds, medians over the rounds.

    `pass_s` is for all samples; a round that took a part of them is scaled.

    A value is None where it was not measured.
    """

    artifact: str
    path: str
    format: str | None
    framework: str | None
    weights: str | None
    weights_sha256: str | None
    weights_framework: str | None
    bytes: int | None
    outcome: str
    reason: str
    command: str
    samples: int | None = None
    import_s: float | None = None
    load_s: float | None = None
    first_call_s: float | None = None
    pass_s: float | None = None
    pass_ratio: Ratio | None = None
    single_s: float | None = None
    single_percentiles_s: dict[str, float] | None = None
    single_ratio: Ratio | None = None
    peak_rss_bytes: int | None = None
    steady: bool | None = None
    reference: str | None = None
    largest_difference: float | None = None
    equal_labels: float | None = None
    unequal_samples: list[int] | None = None
    metrics: dict[str, float] | None = None
    versions: dict[str, str] | None = None


@dataclass(frozen=True)
class Summary:
    """A whole run.

    Attributes:
        run: the record of the run itself.
        speed_reference: label of the artifact whose time every ratio is to.
        rows: in the order of the artifacts.
        notices: what no reader may overlook.
    """

    run: Record
    speed_reference: str | None
    rows: list[Row]
    notices: list[str]
    interrupted: bool

    @property
    def groups(self) -> list[list[Row]]:
        """The rows by the weights inside, the largest group first."""
        groups: dict[str | None, list[Row]] = {}
        for row in self.rows:
            groups.setdefault(row.weights_sha256, []).append(row)
        return sorted(groups.values(), key=len, reverse=True)

    @property
    def own_training(self) -> list[Row]:
        """Each framework's own weights in formats made from that framework: the paper's view.

        Empty where there is only one framework of that kind.
        """
        rows = [
            row for row in self.rows if row.framework and row.framework == row.weights_framework
        ]
        several = len({row.framework for row in rows}) > 1
        return sorted(rows, key=lambda row: str(row.framework)) if several else []


def summarize(records: list[Record]) -> Summary:
    """Bring together what the records of a run say."""
    run = next(record for record in records if record["kind"] == "run")
    by_kind: dict[str, dict[str, Record]] = {"outcome": {}, "parity": {}, "artifact": {}}
    rounds: dict[str, dict[int, Record]] = {}
    interrupted = True
    for record in records:
        if record["kind"] == "measurement":
            rounds.setdefault(record["artifact"], {})[record["round"]] = record
        elif record["kind"] in by_kind:
            by_kind[record["kind"]][record["artifact"]] = record
        elif record["kind"] == "end":
            interrupted = record["interrupted"]
    reference = _speed_reference(by_kind, rounds)
    rows = [
        _row(artifact, by_kind, rounds, reference, run) for artifact in by_kind["artifact"].values()
    ]
    notices = [NOTICES[run["protocol"]["name"]]] if run["protocol"]["name"] in NOTICES else []
    for artifact in by_kind["artifact"].values():
        for notice in (artifact.get("manifest") or {}).get("notices", ()):
            if notice not in notices:
                notices.append(notice)
    if interrupted:
        notices.append("INTERRUPTED: the run was cut off; what is shown is what was measured.")
    return Summary(run, reference, rows, notices, interrupted)


def _speed_reference(
    by_kind: dict[str, dict[str, Record]], rounds: dict[str, dict[int, Record]]
) -> str | None:
    """The parity reference of the largest group of artifacts that were measured and agree."""
    votes = [record["reference"] for record in by_kind["parity"].values()]
    return statistics.mode(votes) if votes else next(iter(rounds), None)


def _row(
    artifact: Record,
    by_kind: dict[str, dict[str, Record]],
    rounds: dict[str, dict[int, Record]],
    reference: str | None,
    run: Record,
) -> Row:
    label = artifact["artifact"]
    manifest = artifact.get("manifest") or {}
    weights = manifest.get("weights") or {}
    outcome = by_kind["outcome"].get(label, {"outcome": "not measured", "reason": "interrupted"})
    values: dict[str, Any] = {
        "artifact": label,
        "path": artifact["path"],
        "format": artifact.get("format"),
        "framework": manifest.get("framework"),
        "weights": weights.get("name"),
        "weights_sha256": weights.get("sha256"),
        "weights_framework": weights.get("framework"),
        "bytes": artifact.get("bytes"),
        "outcome": outcome["outcome"],
        "reason": outcome["reason"],
        "command": _command(artifact["path"], run),
    }
    mine = rounds.get(label, {})
    if mine:
        values |= _times(mine, rounds, reference, label)
    parity = by_kind["parity"].get(label)
    if parity:
        names = (
            "reference",
            "largest_difference",
            "equal_labels",
            "unequal_samples",
            "metrics",
        )
        values |= {name: parity.get(name) for name in names}
    return Row(**values)


def _times(
    mine: dict[int, Record],
    rounds: dict[str, dict[int, Record]],
    reference: str | None,
    label: str,
) -> dict[str, Any]:
    def median(values: list[float]) -> float:
        return float(statistics.median(values))

    def each(measure: dict[int, Record], *path: str) -> list[Any]:
        result = []
        for record in measure.values():
            value: Any = record
            for key in path:
                value = value[key]
            result.append(value)
        return result

    def per_sample(record: Record) -> float:
        return median(record["passes"]["seconds"]) / float(record["passes"]["samples"])

    def single(record: Record) -> float:
        return median(record["single"]["seconds"])

    def ratio(time: Callable[[Record], float]) -> Ratio | None:
        if reference is None or reference == label or reference not in rounds:
            return None
        theirs = rounds[reference]
        common = sorted(mine.keys() & theirs.keys())
        if not common:
            return None
        return paired_ratio(
            [time(mine[index]) for index in common],
            [time(theirs[index]) for index in common],
            comparisons=len(rounds) - 1,
        )

    samples = max(each(mine, "passes", "samples"))
    singles = sorted(second for record in mine.values() for second in record["single"]["seconds"])
    return {
        "samples": samples,
        "import_s": median(each(mine, "start", "spawn_to_ready_s")),
        "load_s": median(each(mine, "load", "seconds")),
        "first_call_s": median(each(mine, "first_call", "seconds")),
        "pass_s": samples * median([per_sample(record) for record in mine.values()]),
        "pass_ratio": ratio(per_sample),
        "single_s": median([single(record) for record in mine.values()]),
        "single_percentiles_s": {
            f"p{percent}": singles[-(-len(singles) * percent // 100) - 1]
            for percent, floor in PERCENTILE_FLOORS.items()
            if len(singles) >= floor
        },
        "single_ratio": ratio(single),
        "peak_rss_bytes": max(each(mine, "passes", "peak_rss_bytes")),
        "steady": all(each(mine, "warm_up", "steady")),
        "versions": next(iter(mine.values()))["start"]["versions"],
    }


def _command(path: str, run: Record) -> str:
    """The command that measures one artifact alone."""
    command = ["python", "-m", "infer", "run", path, "--protocol", run["protocol"]["name"]]
    for option in ("inputs", "tolerance"):
        if run.get(option) is not None:
            command += [f"--{option}", str(run[option])]
    command += ["--device", run["device"], "--threads", str(run["threads"])]
    return shlex.join(command)
