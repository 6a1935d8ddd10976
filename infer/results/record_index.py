"""The records of a run, by what they are of."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from ..inputs.options import InputOptions
from ..outcome import Outcome
from ..records.store import Record
from ..stats import clocks
from ..stats.call_times import Bursts, Turn, paired_differences
from ..stats.clocks import Clock
from ..stats.disturbance import DISTURBED, NOTICEABLE_DRIFT, machine_drift, turns_of
from ..stats.ratios import Ratio, ratio_of
from ..tensors.rules import EVERY
from ..workload import DEVICE_RESIDENT, Workload
from .summary import card_of


class RecordIndex:
    """The records of a run, by what they are of."""

    def __init__(self, records: list[Record]) -> None:
        self.artifacts: dict[str, Record] = {}
        self.preflights: dict[str, Record] = {}
        self.outcomes: dict[str, Record] = {}
        self.parities: dict[str, Record] = {}
        self.starts: dict[str, list[Record]] = {}
        # Seconds of the calls: by artifact, point, generation and turn.
        self.bursts: dict[str, dict[str, dict[int, dict[int, list[float]]]]] = {}
        # Of a card at the same bursts, by point, artifact and turn.
        self.clocks: dict[str, dict[str, dict[Turn, Clock]]] = {}
        self.device = "cpu"
        self.tf32 = False
        self._undisturbed: dict[str, dict[str, Bursts]] = {}  # by point
        self.energies: dict[tuple[str, str], list[tuple[float, int]]] = {}  # joules and samples
        self.user_clocks = False
        self.workloads: dict[str, Workload] = {}
        self.per_call: dict[str, int] = {}  # samples, of a point
        self.pairs: dict[str, str] = {}  # of artifacts and the former ones
        self.rooflines: list[Record] = []
        self.random: Record | None = None
        self.seed: int | None = None
        self.noises: dict[str, Record] = {}
        self.anchors: dict[str, Record] = {}
        self.interrupted = True
        self.ended: str | None = None
        self.is_adaptive = False  # whether it goes on until its intervals are narrow
        latest = {
            "artifact": self.artifacts,
            "preflight": self.preflights,
            "outcome": self.outcomes,
            "parity": self.parities,
            "noise": self.noises,
            "anchor": self.anchors,
        }
        for record in records:
            kind = record["kind"]
            if kind in ("run", "resume"):
                self.is_adaptive = record["protocol"]["resolve"] is not None
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
            elif kind == "roofline":
                self.rooflines.append(record)
            elif kind == "burst":
                workload = Workload(**record["workload"])
                generations = self.bursts.setdefault(record["artifact"], {}).setdefault(
                    workload.name, {}
                )
                turns = generations.setdefault(record["generation"], {})
                # A last batch that is not full is another kind of call.
                full = record["samples"] // workload.batch or len(record["seconds"])
                turns[record["turn"]] = record["seconds"][:full]
                self.workloads[workload.name] = workload
                self.per_call[workload.name] = min(workload.batch, record["samples"])
                self._take_card(record)
            elif kind == "end":
                self.interrupted, self.ended = record["interrupted"], record["reason"]
            elif kind == "resume":
                self.interrupted, self.ended = True, None

    def _take_card(self, burst: Record) -> None:
        """What a burst says of the card."""
        gpu = burst.get("gpu") or {}
        if self.device == "cuda":
            own = self.clocks.setdefault(Workload(**burst["workload"]).name, {}).setdefault(
                burst["artifact"], {}
            )
            own[burst["generation"], burst["turn"]] = Clock.of(burst)
        self.user_clocks |= bool(gpu.get("user_clocks"))
        if gpu.get("energy_j") is not None:
            energies = self.energies.setdefault(
                (burst["artifact"], Workload(**burst["workload"]).name), []
            )
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
            for preflight in self.preflights.values()
            for name, reason in preflight["start"].get("isolation", {}).items()
            if reason is not None
        }
        return [
            f"NOT ISOLATED: artifacts that hold programs can {kept[name]}: {reason}."
            for name, reason in sorted(open_doors)
        ]

    def unused(self, run: Record) -> list[str]:
        """Options of the user that are of nothing that any artifact has."""
        sides = [preflight["load"]["signature"] for preflight in self.preflights.values()]
        if len(self.preflights) < len(self.artifacts):
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
            for loop in InputOptions.of(wishes).loops
            if loop.artifact == EVERY and not {loop.output, loop.taker} & names
        ]
        return [f"UNUSED OPTION: --{option} {name}: no artifact has it." for option, name in found]

    def failed(self) -> set[str]:
        """Artifacts that were not measured to the end."""
        return {
            label
            for label, record in self.outcomes.items()
            if not Outcome(record["outcome"]).was_measured
        }

    def undisturbed(self, point: str) -> dict[str, Bursts]:
        """The bursts of one kind that ratios are taken of, by artifact."""
        if point not in self._undisturbed:
            self._undisturbed[point] = clocks.undisturbed(
                self._of_kind(point), self.device, self.clocks.get(point)
            )
        return self._undisturbed[point]

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

    def drift_notices(self) -> list[str]:
        """That the machine was not the same all the time, if so."""
        worst = 0.0
        notices = []
        for point in self.per_call:
            left = self.undisturbed(point)
            worst = max(worst, machine_drift(left.values(), self.device))
            bursts = clocks.steady(self._of_kind(point), self.clocks.get(point, {}))
            all_turns, kept = turns_of(bursts), turns_of(left)
            if kept != all_turns:
                notices.append(
                    f"BUSY AT TIMES: in {len(all_turns - kept)} of {len(all_turns)} turns most "
                    f"artifacts' calls ({point}) took over {DISTURBED:.0%} longer than usual; the "
                    "ratios are those of the other turns."
                )
        if worst < NOTICEABLE_DRIFT:
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
        for label in self.preflights:
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
        references |= {label: label for label in former if label in self.preflights}
        for label, other in self.pairs.items():
            if label in references and other in references and other not in failed:
                references[label] = other
        return references

    def flops(self, label: str) -> float | None:
        """Operations for a sample: of the artifact, or of an ONNX file of the same weights."""

        def weights(name: str) -> str | None:
            manifest = self.artifacts[name].get("manifest") or {}
            return (manifest.get("weights") or {}).get("sha256")

        own = self.preflights.get(label, {}).get("flops_per_sample")
        same = [
            preflight["flops_per_sample"]
            for name, preflight in self.preflights.items()
            if preflight.get("flops_per_sample") and weights(name) == weights(label)
        ]
        return own or min(same, default=None)

    def roofline_s(self, label: str, point: str) -> float | None:
        """The least time for a call that the machine allows.

        It is that of its arithmetic or of reading its weights, whichever is more. A call of a card
        from host to host cannot begin before its inputs are there, nor end before its outputs are
        back: these copies come on top, as far as their sizes are known.
        """
        flops, rates = self.flops(label), highest(self.rooflines)
        arithmetic = rates.get(self._arithmetic(label, rates))
        if flops is None or arithmetic is None or "bytes_per_s" not in rates:
            return None
        samples = self.per_call[point]
        # The weights are read at least once a call.
        weights_s = self.artifacts[label]["bytes"] / rates["bytes_per_s"]
        roofline_s = max(samples * flops / arithmetic, weights_s)
        if self.device == "cuda" and self.workloads[point].boundary != DEVICE_RESIDENT:
            preflight = self.preflights[label]
            sides = {
                "to_device": preflight.get("inputs", {}).get("inputs", ()),
                "from_device": preflight["load"]["signature"].get("outputs", ()),
            }
            for way, specs in sides.items():
                rate = max(rates.get(f"{way}_{kind}bytes_per_s", 0.0) for kind in ("", "pinned_"))
                if rate:
                    roofline_s += samples * _sample_bytes(specs) / rate
        return float(roofline_s)

    def _arithmetic(self, label: str, rates: Mapping[str, float]) -> str:
        """The name of the rate of the arithmetic that an artifact was allowed."""
        if self.device != "cuda":
            return "flops_per_s"
        precision = (self.artifacts[label].get("manifest") or {}).get("precision", "float32")
        if precision != "float32":
            return f"{precision}_flops_per_s"  # which is not measured
        placement = self.preflights.get(label, {}).get("predict", {}).get("placement") or {}
        tf32 = placement.get("tf32")
        tf32 = self.tf32 if tf32 is None else tf32
        return "tf32_flops_per_s" if tf32 and "tf32_flops_per_s" in rates else "flops_per_s"

    def shapes(self, label: str) -> str:
        """The shapes of an artifact's inputs beside the batch, where they are known."""
        signature = (self.artifacts[label].get("manifest") or {}).get("signature")
        if signature is None and label in self.preflights:
            signature = self.preflights[label]["load"]["signature"]
        inputs = signature["inputs"] if signature else []
        if not all(spec["shape"] for spec in inputs):
            return ""
        return " and ".join(" x ".join(map(str, spec["shape"][1:])) or "scalar" for spec in inputs)

    def ratio(self, label: str, point: str) -> Ratio | None:
        """To the reference; None for itself, and where nothing can be paired."""
        references = self.speed_references()
        reference = references.get(label, label)
        theirs = self.undisturbed(point).get(reference)
        mine = self.undisturbed(point).get(label)
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
        return ratio_of(differences, len(compared), is_adaptive=self.is_adaptive)


def highest(rooflines: Iterable[Record]) -> dict[str, float]:
    """The highest of each rate that was measured, by name."""
    rates: dict[str, float] = {}
    for record in rooflines:
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
