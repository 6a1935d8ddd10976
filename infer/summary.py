"""From the records of a run to what a report shows: a pure function."""

from __future__ import annotations

import math
import shlex
import statistics
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from infer import clocks
from infer.clocks import Clock
from infer.inputs import Wishes
from infer.mapping import EVERY, Rule
from infer.protocol import DEFAULT_SCENARIOS, DEFAULT_TIMEOUT_S, NOTICES, Protocol, is_resident
from infer.results import Record
from infer.statistics import (
    DISTURBED,
    UNREST,
    Bursts,
    Ratio,
    Turn,
    paired_differences,
    ratio_of,
    turns_of,
    unrest,
)
from infer.variables import precision_notes

# Calls that must stand behind a percentile: MLPerf's early-stopping floors
# (MLPerf inference policies, "Early Stopping Criterion").
PERCENTILE_FLOORS = {90: 64, 95: 130, 99: 662}


@dataclass(frozen=True)
class Timing:
    """What is known of the calls of one kind.

    Attributes:
        call_s: seconds of a call, the median over the generations of the medians in each.
        samples_per_s: samples over seconds, at that time for a call.
        ratio: to the reference; None for the reference itself.
        percentiles_s: of all calls, by name ("p95"); those that enough calls stand behind.
        calls: that were timed.
        generations: of processes that they were made in.
        steady: whether the warm-up of every process ended with steady calls.
        ceiling_share: the least time that the machine's arithmetic and memory allow for such a
            call, over the time that it took; None where one of these is not known.
        joules_per_sample: energy that the card took, in the bursts that are long enough to tell
            (infer.nvml); None where there is none.
    """

    call_s: float
    samples_per_s: float
    ratio: Ratio | None
    percentiles_s: dict[str, float]
    calls: int
    generations: int
    steady: bool
    ceiling_share: float | None
    joules_per_sample: float | None = None


@dataclass(frozen=True)
class Row:
    """What is known of one artifact. Times are seconds, medians over its processes.

    A value is None where it was not measured. Memory of a card is told by the driver for the
    process (`gpu_bytes`), by what is in use on the whole card (`gpu_device_bytes`) and by the
    runtime (`gpu_runtime_peak_bytes`). `environment` is that of its worker: the version of
    Python and the interpreter's path. `placement` says where it ran, and with which settings.
    `executes_code` is whether the manifest says that loading it can execute code. `anchor` is the
    artifact whose outputs on the CPU it was judged against, in place of the reference's on the
    device. `device_time` is what calls take on a card itself, by the samples in them, as
    `infer.device_time` has it.
    """

    artifact: str
    path: str
    shapes: str
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
    until_steady_s: float | None = None
    until_steady_calls: int | None = None
    timings: dict[str, Timing] = field(default_factory=dict)
    best_batch: int | None = None
    sweep_ended: str | None = None
    peak_rss_bytes: int | None = None
    runtime_rss_bytes: int | None = None
    gpu_bytes: int | None = None
    gpu_device_bytes: int | None = None
    gpu_runtime_peak_bytes: int | None = None
    device_time: dict[int, dict[str, Any]] = field(default_factory=dict)
    installed_bytes: int | None = None
    grows_with_batch: bool | None = None
    reference: str | None = None
    anchor: str | None = None
    largest_difference: float | None = None
    equal_labels: float | None = None
    unequal_samples: list[int] | None = None
    differing: list[dict[str, Any]] = field(default_factory=list)
    tolerance: float | None = None
    tolerance_how: str | None = None
    accuracy_difference: dict[str, Any] | None = None
    notes: list[str] = field(default_factory=list)
    metrics: dict[str, float] | None = None
    versions: dict[str, str] | None = None
    environment: dict[str, str] | None = None
    placement: dict[str, Any] | None = None
    sha256: str | None = None
    executes_code: bool | None = None
    classes: tuple[str, ...] = ()

    @property
    def gpu_memory(self) -> tuple[int, str] | None:
        """The best that is known of its memory on the card: bytes, and who says so.

        That is "process", "card" or "runtime".
        """
        known = (
            (self.gpu_bytes, "process"),
            (self.gpu_device_bytes, "card"),
            (self.gpu_runtime_peak_bytes, "runtime"),
        )
        return next(((value, who) for value, who in known if value is not None), None)


@dataclass(frozen=True)
class Summary:
    """A whole run.

    Attributes:
        run: the record of the run itself.
        speed_references: label of the artifact whose time a ratio is to, by label.
        rows: in the order of the artifacts.
        notices: what no reader may overlook.
        ceilings: what the machine could do at best, at the start of the run and at its end.
        clock: of the card while calls were timed, in words; empty where there is none.
        interrupted: whether it was cut off.
        ended: why it ended where it did.
    """

    run: Record
    speed_references: dict[str, str]
    rows: list[Row]
    notices: list[str]
    ceilings: list[Record]
    clock: str
    interrupted: bool
    ended: str | None

    @property
    def device(self) -> str:
        """What was measured on: "cpu", or "cuda" with the card's name."""
        return f"cuda, {self.card['name']}" if self.card else str(self.run["device"])

    @property
    def card(self) -> dict[str, Any] | None:
        """The card that was measured on, as `infer.nvml` describes it."""
        return card_of(self.run)

    @property
    def points(self) -> list[str]:
        """The kinds of calls that were planned for every artifact."""
        protocol = self.run["protocol"] | {"scenarios": tuple(self.run["protocol"]["scenarios"])}
        return [point.name for point in Protocol(**protocol).points]

    @property
    def generations(self) -> int:
        """How many sets of processes were measured, the most of any artifact."""
        counts = [t.generations for row in self.rows for t in row.timings.values()]
        return max(counts, default=0)

    def batch_of(self, point: str) -> int:
        """Samples a call, of a kind of calls."""
        return int(point.removeprefix("batch ").partition(",")[0])

    @property
    def groups(self) -> list[list[Row]]:
        """The rows by the weights inside, the largest group first."""
        groups: dict[tuple[str | None, str | None], list[Row]] = {}
        for row in self.rows:
            groups.setdefault((row.weights_sha256, row.weights), []).append(row)
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


def card_of(run: Record) -> dict[str, Any] | None:
    """The card that a run is on, as `infer.nvml` describes it; None where there is none."""
    wanted = run.get("card")
    there = run["environment"]["gpus"] if wanted else ()
    return next((gpu for gpu in there if wanted in (gpu["uuid"], str(gpu["index"]))), None)


def summarize(records: list[Record]) -> Summary:
    """Bring together what the records of a run say."""
    run = next(record for record in records if record["kind"] == "run")
    found = _Found(records)
    rows = [_row(artifact, found, run) for artifact in found.artifacts.values()]
    notices = list(run.get("notices", ()))
    notices += [NOTICES[run["protocol"]["name"]]] if run["protocol"]["name"] in NOTICES else []
    for artifact in found.artifacts.values():
        for notice in (artifact.get("manifest") or {}).get("notices", ()):
            if notice not in notices:
                notices.append(notice)
    notices += found.probe_notices() + found.unused(run) + found.unrest()
    notices += found.anchor_notices() + found.isolation_notices() + found.clock_notices(run)
    notices += found.turn_notices()
    if found.interrupted:
        notices.append(
            "INTERRUPTED: the run was cut off; what is shown is what was measured. "
            "It goes on with --resume."
        )
    return Summary(
        run,
        found.speed_references(),
        rows,
        notices,
        found.ceilings,
        clocks.described(found.every_clock()),
        found.interrupted,
        found.ended,
    )


def resolution(records: list[Record]) -> float | None:
    """Half-width of the widest interval that a run has so far, as a share.

    None where an artifact has no interval yet, or there is nothing to compare.
    """
    found = _Found(records)
    references, failed = found.speed_references(), found.failed()
    worst = None
    for label, points in found.bursts.items():
        if label == references[label] or label in failed:
            continue
        # A sweep may have ended earlier for the reference: there is nothing to compare then.
        for point in points.keys() & found.bursts.get(references[label], {}).keys():
            ratio = found.ratio(label, point)
            if ratio is None or ratio.resolution is None:
                return None
            worst = max(worst or 0.0, ratio.resolution)
    return worst


def sample_differences(
    records: list[Record], mine: tuple[str, str], theirs: tuple[str, str]
) -> list[float]:
    """The difference of two artifacts in log time for a sample, one a generation.

    Args:
        records: of the run.
        mine, theirs: artifact and kind of calls, which may be calls of other batches.

    Returns:
        As `infer.statistics.ratio_of` takes them; empty where the two have no generation in common.
    """
    found = _Found(records)
    own, other = (found.calm(point).get(label, {}) for label, point in (mine, theirs))
    differences = paired_differences(own, other, found.device)
    if not differences:
        return []
    samples = math.log(found.per_call[theirs[1]] / found.per_call[mine[1]])
    return [difference + samples for difference in differences]


def was_sought(records: list[Record]) -> bool:
    """Whether a run goes on until its intervals are narrow."""
    return _Found(records).sought


def percentiles_by_generation(
    records: list[Record], label: str, point: str, percent: int
) -> list[float]:
    """A percentile of an artifact's calls in each generation of processes, in seconds."""
    generations = _Found(records).bursts.get(label, {}).get(point, {})
    return [
        percentile(sorted(s for own in turns.values() for s in own), percent)
        for turns in generations.values()
    ]


def percentile(ordered: list[float], percent: int) -> float:
    """The least of the values, in rising order, that so many per cent are not above."""
    return ordered[-(-len(ordered) * percent // 100) - 1]


class _Found:
    """The records of a run, by what they are of."""

    def __init__(self, records: list[Record]) -> None:
        self.artifacts: dict[str, Record] = {}
        self.surveys: dict[str, Record] = {}
        self.outcomes: dict[str, Record] = {}
        self.parities: dict[str, Record] = {}
        self.starts: dict[str, list[Record]] = {}
        # Seconds of the calls: by artifact, point, generation and turn.
        self.bursts: dict[str, dict[str, dict[int, dict[int, list[float]]]]] = {}
        # Of a card at the same bursts, by point, artifact and turn.
        self.clocks: dict[str, dict[str, dict[Turn, Clock]]] = {}
        self.device = "cpu"
        self.tf32 = False
        self._calm: dict[str, dict[str, Bursts]] = {}  # by point
        self.energies: dict[tuple[str, str], list[tuple[float, int]]] = {}  # joules and samples
        self.user_clocks = False
        self.batches: dict[str, int] = {}
        self.per_call: dict[str, int] = {}  # samples, of a point
        self.pairs: dict[str, str] = {}  # of artifacts and the former ones
        self.ceilings: list[Record] = []
        self.random: Record | None = None
        self.seed: int | None = None
        self.noises: dict[str, Record] = {}
        self.anchors: dict[str, Record] = {}
        self.interrupted = True
        self.ended: str | None = None
        self.sought = False  # whether it goes on until its intervals are narrow
        latest = {
            "artifact": self.artifacts,
            "survey": self.surveys,
            "outcome": self.outcomes,
            "parity": self.parities,
            "noise": self.noises,
            "anchor": self.anchors,
        }
        for record in records:
            kind = record["kind"]
            if kind in ("run", "resume"):
                self.sought = record["protocol"]["resolve"] is not None
            if kind in latest:
                latest[kind][record["artifact"]] = record
            elif kind == "start":
                self.starts.setdefault(record["artifact"], []).append(record)
            elif kind == "run":
                self.device, self.tf32 = record["device"], record.get("tf32", False)
                self.pairs = record.get("pairs", {})
                self.seed = (record.get("random") or {}).get("seed")
            elif kind == "random":
                self.random = record
            elif kind == "ceiling":
                self.ceilings.append(record)
            elif kind == "burst":
                self.batches[record["point"]] = record["batch"]
                generations = self.bursts.setdefault(record["artifact"], {}).setdefault(
                    record["point"], {}
                )
                turns = generations.setdefault(record["generation"], {})
                # A last batch that is not full is another kind of call.
                full = record["samples"] // record["batch"] or len(record["seconds"])
                turns[record["turn"]] = record["seconds"][:full]
                self.per_call[record["point"]] = min(record["batch"], record["samples"])
                self._take_card(record)
            elif kind == "end":
                self.interrupted, self.ended = record["interrupted"], record["reason"]
            elif kind == "resume":
                self.interrupted, self.ended = True, None

    def _take_card(self, burst: Record) -> None:
        """What a burst says of the card."""
        gpu = burst.get("gpu") or {}
        if self.device == "cuda":
            own = self.clocks.setdefault(burst["point"], {}).setdefault(burst["artifact"], {})
            own[burst["generation"], burst["turn"]] = Clock.of(burst)
        self.user_clocks |= bool(gpu.get("user_clocks"))
        if gpu.get("energy_j") is not None:
            energies = self.energies.setdefault((burst["artifact"], burst["point"]), [])
            energies.append((gpu["energy_j"], burst["samples"] + burst["untimed_samples"]))

    def joules_per_sample(self, label: str, point: str) -> float | None:
        """Energy that the card took, over all bursts that tell."""
        told = self.energies.get((label, point))
        return sum(j for j, _ in told) / sum(n for _, n in told) if told else None

    def clock_notices(self, run: Record) -> list[str]:
        """That the card's clocks are not its own."""
        card = card_of(run) or {}
        if not (self.user_clocks or card.get("user_clocks")):
            return []
        return [
            f"CLOCKS OF THE USER: the clocks of {card.get('name', 'the card')} keep to a setting "
            "(nvidia-smi -q -d CLOCK); as it comes, it may be faster or slower."
        ]

    def probe_notices(self) -> list[str]:
        """What casts doubt on all that is said of agreement: the inputs, and the reference."""
        notices = []
        if self.random:
            drawn = ", ".join(self.random["notes"]) or "the artifacts take none"
            notices.append(
                f"RANDOM INPUTS: made up with seed {self.seed} ({drawn}). Agreement on them may "
                "say little of real data."
            )
        for label, parity in self.parities.items():
            compared = any(
                own["reference"] == label and (name != label or own.get("anchor"))
                for name, own in self.parities.items()
            )
            for doubt in parity.get("doubts", []) if compared else []:
                notices.append(
                    f"DOUBTFUL PROBE: of {label}, {doubt}. A bad export can agree with that, and a "
                    "good one differ: take other inputs."
                )
        for label, noise in self.noises.items():
            if noise.get("failed"):
                notices.append(
                    f"NOISE NOT MEASURED: {label} could not be run once more ({noise['failed']}); "
                    "tolerances go by the precision alone."
                )
            unlike = [name for name, value in noise["differences"].items() if value is None]
            if unlike:
                notices.append(
                    f"UNSTEADY REFERENCE: '{unlike[0]}' of {label} is of another shape, or not "
                    "finite elsewhere, when it is run once more."
                )
        return notices

    def anchor_notices(self) -> list[str]:
        """That the reference could not be run on the CPU, and what was done in place of it."""
        notices = []
        for label, anchor in self.anchors.items():
            if anchor["failed"] is None or label != anchor["reference"]:
                continue
            others = [
                name
                for name, other in self.anchors.items()
                if other["reference"] == label and other["failed"] is None
            ]
            if others:
                against = f"outputs are judged against those of {others[0]} there"
            else:
                against = (
                    "outputs are judged against its own on the card, so that an error that all "
                    "share there would not show"
                )
            notices.append(
                f"REFERENCE NOT ON THE CPU: {label} could not be run there ({anchor['failed']}); "
                f"{against}."
            )
        return notices

    def isolation_notices(self) -> list[str]:
        """What artifacts might do here that they should not."""
        kept = {"network": "use the network", "writes": "write wherever you may"}
        open_doors = {
            (name, reason)
            for survey in self.surveys.values()
            for name, reason in survey["start"].get("isolation", {}).items()
            if reason is not None
        }
        return [
            f"NOT ISOLATED: artifacts that hold programs can {kept[name]}: {reason}."
            for name, reason in sorted(open_doors)
        ]

    def unused(self, run: Record) -> list[str]:
        """Options of the user that are of nothing that any artifact has."""
        sides = [survey["load"]["signature"] for survey in self.surveys.values()]
        if len(self.surveys) < len(self.artifacts):
            return []  # what could not be loaded may have it
        specs = [spec for side in sides for specs in side.values() for spec in specs]
        names = {spec["name"] for spec in specs} | {
            name for parity in self.parities.values() for name in parity.get("by_output", ())
        }
        sizes = {size for spec in specs for size in spec["shape"] if isinstance(size, str)}
        sizes |= {f"{spec['name']}.{axis}" for spec in specs for axis in range(len(spec["shape"]))}
        wishes = run.get("wishes") or {}
        said = {
            "map": [rule["name"] for rule in wishes.get("rules", ()) if rule["artifact"] == EVERY],
            "ignore": run.get("ignored", ()),
            "compare": run.get("absolute", ()),
        }
        found = [(option, own) for option, all_ in said.items() for own in all_ if own not in names]
        found += [("dim", name) for name in wishes.get("dims", {}) if name not in sizes]
        names |= {rule["other"] for rule in wishes.get("rules", ())}
        found += [
            ("loop", loop.text)
            for loop in Wishes.of(wishes).loops
            if loop.artifact == EVERY and not {loop.output, loop.taker} & names
        ]
        return [f"UNUSED OPTION: --{option} {name}: no artifact has it." for option, name in found]

    def failed(self) -> set[str]:
        """Artifacts that were not measured to the end."""
        return {
            label
            for label, record in self.outcomes.items()
            if record["outcome"] not in ("ok", "parity_fail")
        }

    def calm(self, point: str) -> dict[str, Bursts]:
        """The bursts of one kind that ratios are taken of, by artifact."""
        if point not in self._calm:
            self._calm[point] = clocks.undisturbed(
                self._of_kind(point), self.device, self.clocks.get(point)
            )
        return self._calm[point]

    def _of_kind(self, point: str) -> dict[str, Bursts]:
        return {label: points[point] for label, points in self.bursts.items() if point in points}

    def every_clock(self) -> list[Clock]:
        """Of a card, at every burst."""
        return [c for own in self.clocks.values() for turns in own.values() for c in turns.values()]

    def turn_notices(self) -> list[str]:
        """That a card was not the same in all turns, or that nobody can tell."""
        notices = clocks.untold(self.every_clock())
        for point in self.per_call:
            notices += clocks.notices(self._of_kind(point), self.clocks.get(point, {}), point)
        return notices

    def unrest(self) -> list[str]:
        """That the machine was not the same all the time, if so."""
        worst = 0.0
        notices = []
        for point in self.per_call:
            left = self.calm(point)
            worst = max(worst, unrest(left.values(), self.device))
            bursts = clocks.steady(self._of_kind(point), self.clocks.get(point, {}))
            all_turns, kept = turns_of(bursts), turns_of(left)
            if kept != all_turns:
                notices.append(
                    f"BUSY AT TIMES: in {len(all_turns - kept)} of {len(all_turns)} turns most "
                    f"artifacts' calls ({point}) took over {DISTURBED:.0%} longer than usual; the "
                    "ratios are those of the other turns."
                )
        if worst < UNREST:
            return notices
        notices.append(
            f"BUSY MACHINE: even undisturbed calls took {worst:.0%} longer at times, in most "
            "artifacts. What else runs slows some artifacts more than others: the ratios hold for "
            "this state of the machine, and may lie outside of their intervals in another."
        )
        return notices

    def speed_references(self) -> dict[str, str]:
        """What each artifact is compared with in speed.

        The former artifact where it is measured too. Otherwise, of the artifacts that take inputs
        of the same shapes, the parity reference of the largest group; another one where that
        could not be measured.
        """
        families: dict[str, list[str]] = {}
        former = set(self.pairs.values())
        for label in self.surveys:
            if label not in former:
                families.setdefault(self.shapes(label), []).append(label)
        unknown = families.pop("", [])
        if unknown:
            largest = max(families, key=lambda shapes: len(families[shapes]), default="")
            families.setdefault(largest, []).extend(unknown)
        references: dict[str, str] = {}
        failed = self.failed()
        for labels in families.values():
            votes = [
                self.parities[name]["reference"]
                for name in labels
                if name in self.parities and self.parities[name]["reference"] not in failed
            ]
            left = [name for name in labels if name not in failed] or labels
            references |= dict.fromkeys(labels, statistics.mode(votes) if votes else left[0])
        references |= {label: label for label in former if label in self.surveys}
        for label, other in self.pairs.items():
            if label in references and other in references and other not in failed:
                references[label] = other
        return references

    def flops(self, label: str) -> float | None:
        """Operations for a sample: of the artifact, or of an ONNX file of the same weights."""

        def weights(name: str) -> str | None:
            manifest = self.artifacts[name].get("manifest") or {}
            return (manifest.get("weights") or {}).get("sha256")

        own = self.surveys.get(label, {}).get("flops_per_sample")
        same = [
            survey["flops_per_sample"]
            for name, survey in self.surveys.items()
            if survey.get("flops_per_sample") and weights(name) == weights(label)
        ]
        return own or min(same, default=None)

    def least_s(self, label: str, point: str) -> float | None:
        """The least time for a call that the machine allows.

        It is that of its arithmetic or of reading its weights, whichever is more. A call of a card
        from host to host cannot begin before its inputs are there, nor end before its outputs are
        back: these copies come on top, as far as their sizes are known.
        """
        flops, rates = self.flops(label), highest(self.ceilings)
        arithmetic = rates.get(self._arithmetic(label, rates))
        if flops is None or arithmetic is None or "bytes_per_s" not in rates:
            return None
        samples = self.per_call[point]
        # The weights are read at least once a call.
        weights_s = self.artifacts[label]["bytes"] / rates["bytes_per_s"]
        least_s = max(samples * flops / arithmetic, weights_s)
        if self.device == "cuda" and not is_resident(point):
            survey = self.surveys[label]
            sides = {
                "to_device": survey.get("inputs", {}).get("inputs", ()),
                "from_device": survey["load"]["signature"].get("outputs", ()),
            }
            for way, specs in sides.items():
                rate = max(rates.get(f"{way}_{kind}bytes_per_s", 0.0) for kind in ("", "pinned_"))
                if rate:
                    least_s += samples * _sample_bytes(specs) / rate
        return float(least_s)

    def _arithmetic(self, label: str, rates: Mapping[str, float]) -> str:
        """The name of the rate of the arithmetic that an artifact was allowed."""
        if self.device != "cuda":
            return "flops_per_s"
        precision = (self.artifacts[label].get("manifest") or {}).get("precision", "float32")
        if precision != "float32":
            return f"{precision}_flops_per_s"  # which is not measured
        placement = self.surveys.get(label, {}).get("predict", {}).get("placement") or {}
        tf32 = placement.get("tf32")
        tf32 = self.tf32 if tf32 is None else tf32
        return "tf32_flops_per_s" if tf32 and "tf32_flops_per_s" in rates else "flops_per_s"

    def shapes(self, label: str) -> str:
        """The shapes of an artifact's inputs beside the batch, where they are known."""
        signature = (self.artifacts[label].get("manifest") or {}).get("signature")
        if signature is None and label in self.surveys:
            signature = self.surveys[label]["load"]["signature"]
        inputs = signature["inputs"] if signature else []
        if not all(spec["shape"] for spec in inputs):
            return ""
        return " and ".join(" x ".join(map(str, spec["shape"][1:])) or "scalar" for spec in inputs)

    def ratio(self, label: str, point: str) -> Ratio | None:
        """To the reference; None for itself, and where nothing can be paired."""
        references = self.speed_references()
        reference = references.get(label, label)
        theirs = self.calm(point).get(reference)
        mine = self.calm(point).get(label)
        if label == reference or not theirs or not mine:
            return None
        differences = paired_differences(mine, theirs, self.device)
        compared = [
            name
            for name, points in self.bursts.items()
            if point in points
            and references[name] != name
            and (references[name] == reference or name in self.pairs)
        ]
        if not differences:
            return None
        return ratio_of(differences, len(compared), sought=self.sought)


def highest(ceilings: Iterable[Record]) -> dict[str, float]:
    """The highest of each rate that was measured, by name."""
    rates: dict[str, float] = {}
    for record in ceilings:
        for name, value in record.items():
            if name.endswith("_per_s") and value is not None:
                rates[name] = max(value, rates.get(name, 0.0))
    return rates


def _sample_bytes(specs: Iterable[Mapping[str, Any]]) -> int:
    """Bytes of a sample of tensors, of those whose shapes and types tell."""
    total = 0
    for spec in specs:
        sizes = spec["shape"][1:] if spec["shape"] else ()
        if all(isinstance(size, int) for size in sizes):
            try:
                total += math.prod(sizes) * np.dtype(spec["dtype"]).itemsize
            except TypeError:  # text, or a type that NumPy has none of
                continue
    return total


def _row(artifact: Record, found: _Found, run: Record) -> Row:
    label = artifact["artifact"]
    manifest = artifact.get("manifest") or {}
    weights = manifest.get("weights") or {}
    outcome = found.outcomes.get(label, {"outcome": "not measured", "reason": "interrupted"})
    values: dict[str, Any] = {
        "artifact": label,
        "path": artifact["path"],
        "shapes": found.shapes(label),
        "format": artifact.get("format"),
        "framework": manifest.get("framework"),
        "weights": weights.get("name"),
        "weights_sha256": weights.get("sha256"),
        "weights_framework": weights.get("framework"),
        "bytes": artifact.get("bytes"),
        "sha256": artifact.get("sha256"),
        "executes_code": manifest.get("executes_code"),
        "classes": tuple(manifest.get("classes", ())),
        "outcome": outcome["outcome"],
        "reason": outcome["reason"],
        "command": _command(artifact, run),
    }
    survey = found.surveys.get(label)
    if survey:
        values |= _costs(survey, found.starts.get(label, []), run)
        values["notes"] = survey["load"].get("notes", []) + _device_notes(label, survey, run)
        if failed := survey.get("device_time", {}).get("failed"):
            values["notes"] = [*values["notes"], f"not timed on the device itself: {failed}"]
        if (sweep := survey.get("sweep")) and not sweep["samples_per_s"]:
            values["notes"] = [*values["notes"], f"the sweep came to nothing: {sweep['ended']}"]
    values["timings"] = {
        point: _timing(label, point, found) for point in found.bursts.get(label, {})
    }
    parity = found.parities.get(label)
    if parity:
        names = ("reference", "largest_difference", "equal_labels", "unequal_samples", "metrics")
        values |= {name: parity.get(name) for name in (*names, "anchor", "accuracy_difference")}
        values["differing"] = parity.get("differing", [])
        values["notes"] = values.get("notes", []) + parity.get("notes", [])
        values |= {"tolerance": parity.get("tolerance"), "tolerance_how": parity.get("how")}
    return Row(**values)


def _device_notes(label: str, survey: Record, run: Record) -> list[str]:
    """What of where and in which precision it ran is no matter of course."""
    placement, setup = survey["predict"].get("placement") or {}, run["setups"].get(label, {})
    tf32, notes = run.get("tf32", False), []
    if placement.get("on_cpu"):
        kinds = ", ".join(f"{kind} ({count})" for kind, count in placement["on_cpu"].items())
        total = sum(placement["nodes"].values())
        notes.append(
            f"{sum(placement['on_cpu'].values())} of its {total} operators ran on the CPU: {kinds}"
        )
    if placement.get("tf32") and not tf32:
        notes.append("its products of float32 may be calculated in TF32")
    return notes + precision_notes(survey["start"].get("variables", {}), tf32, setup)


def _costs(survey: Record, starts: list[Record], run: Record) -> dict[str, Any]:
    """What is paid once a process, and what the survey found."""
    batch = run["protocol"]["batch"]
    processes = [survey, *starts]

    def median(values: list[float]) -> float:
        return float(statistics.median(values))

    predict, check = survey["predict"], survey["check"]["seconds"]
    rates = survey.get("sweep", {}).get("samples_per_s", {})
    peak, bare = predict["peak_rss_bytes"], predict["bare_rss_bytes"]
    return {
        "samples": predict["samples"],
        "import_s": median([record["start"]["spawn_to_ready_s"] for record in processes]),
        "load_s": median([record["load"]["seconds"] for record in processes]),
        "first_call_s": median([record["first_call"]["seconds"] for record in processes]),
        "until_steady_s": survey["warm_up"]["total_s"],
        "until_steady_calls": survey["warm_up"]["calls"],
        "best_batch": int(max(rates, key=rates.get)) if rates else None,
        "sweep_ended": survey.get("sweep", {}).get("ended"),
        "peak_rss_bytes": peak,
        "runtime_rss_bytes": peak - bare if peak and bare else None,
        "gpu_bytes": survey["gpu_bytes"],
        "gpu_device_bytes": survey["gpu_device_bytes"],
        "gpu_runtime_peak_bytes": survey["gpu_runtime_peak_bytes"],
        "device_time": {
            int(batch): own
            for batch, own in survey.get("device_time", {}).get("batches", {}).items()
        },
        "installed_bytes": survey["footprint"]["bytes"],
        "grows_with_batch": (
            check[str(batch)] > check["1"] if batch > 1 and str(batch) in check else None
        ),
        "versions": survey["start"]["versions"] | survey["footprint"].get("cuda", {}),
        "placement": survey["predict"].get("placement"),
        "environment": {
            name: survey["start"][name]
            for name in ("python", "executable")
            if name in survey["start"]
        },
    }


def _timing(label: str, point: str, found: _Found) -> Timing:
    generations = found.bursts[label][point]
    medians = [
        statistics.median(second for seconds in turns.values() for second in seconds)
        for turns in generations.values()
    ]
    calls = sorted(s for turns in generations.values() for own in turns.values() for s in own)
    call_s = float(statistics.median(medians))
    least_s = found.least_s(label, point)
    return Timing(
        call_s=call_s,
        samples_per_s=found.per_call[point] / call_s,
        ratio=found.ratio(label, point),
        percentiles_s={
            f"p{percent}": percentile(calls, percent)
            for percent, floor in PERCENTILE_FLOORS.items()
            if len(calls) >= floor
        },
        calls=len(calls),
        generations=len(generations),
        steady=all(
            record["warm_up"][point]["steady"]
            and record["warm_up"][point].get("clock_steady") is not False
            for record in found.starts.get(label, [])
            if point in record["warm_up"]
        ),
        ceiling_share=least_s / call_s if least_s else None,
        joules_per_sample=found.joules_per_sample(label, point),
    )


def _command(artifact: Record, run: Record) -> str:
    """The command that measures one artifact alone."""
    protocol = run["protocol"]
    setup = run["setups"].get(artifact["artifact"], {})
    command = ["python", "-m", "infer", "run", artifact["path"]]
    command += ["--protocol", protocol["name"]] if protocol["budget_s"] is None else []
    command += ["--defaults"] if setup.get("bare") else []
    command += ["--tf32"] if run.get("tf32") else []
    if "python" in setup:
        name = f"{artifact['format']}:{setup['interpreter']}"
        command += ["--python", f"{name}={setup['python']}"]
    for option in ("runtime", "signature"):
        command += [f"--{option}", setup[option]] if option in setup else []
    for name, value in setup.get("settings", {}).items():
        command += ["--try", f"{artifact['format']}:{name}={value}"]
    for option, value in (
        ("inputs", run["inputs"]),
        ("tolerance", run["tolerance"]),
        ("budget", protocol["budget_s"]),
        ("resolve", protocol["resolve"]),
        ("batch", protocol["batch"]),
        ("device", _device_option(run)),
        ("threads", run["threads"]),
        ("timeout", None if run["timeout_s"] == DEFAULT_TIMEOUT_S else run["timeout_s"]),
    ):
        if value is not None:
            command += [f"--{option}", str(value)]
    command += _wishes(run, artifact["artifact"])
    if run.get("trusted") and artifact.get("sha256"):
        command += ["--trust", artifact["sha256"]]
    if tuple(protocol["scenarios"]) != DEFAULT_SCENARIOS:
        command += ["--scenario", *protocol["scenarios"]]
    return shlex.join(command)


def _device_option(run: Record) -> str:
    """The device, with the card where there are several."""
    several = len(run["environment"]["gpus"]) > 1
    return f"cuda:{run['card']}" if several and run.get("card") else str(run["device"])


def _wishes(run: Record, label: str) -> list[str]:
    """The options that say what inputs and outputs are."""
    options: list[str] = []
    random, wishes = run.get("random"), run.get("wishes") or {}
    if random:
        options += ["--random", str(random["seed"]), "--samples", str(random["samples"])]
    listed = {
        # Alone it may have another label: its rules are then those of every artifact.
        "map": [
            replace(rule, artifact=EVERY).text
            for rule in map(Rule.of, wishes.get("rules", ()))
            if rule.artifact in (EVERY, label)
        ],
        "dim": [f"{name}={size}" for name, size in wishes.get("dims", {}).items()],
        "range": [f"{n}={low:g}:{high:g}" for n, (low, high) in wishes.get("ranges", {}).items()],
        "loop": [
            replace(loop, artifact=EVERY).text
            for loop in Wishes.of(wishes).loops
            if loop.artifact in (EVERY, label)
        ],
        "ignore": list(run.get("ignored", ())),
        "compare": [f"{name}=abs" for name in run.get("absolute", ())],
    }
    for option, values in listed.items():
        options += [f"--{option}", *values] if values else []
    return options
