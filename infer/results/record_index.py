"""An index of the events of a run, by artifact, workload, generation and turn."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from ..outcome import Outcome
from ..records.artifact_events import (
    ArtifactOpened,
    InputsDrawn,
    OutcomeReached,
    UnknownInformation,
)
from ..records.events import AnyEvent
from ..records.metric_events import MetricsScored
from ..records.parity_events import AnchorMeasured, ParityJudged, RoundingMeasured
from ..records.process_events import BurstTimed, PreflightDone, ProcessStarted
from ..records.run_events import RooflineMeasured, RunEnded, RunResumed, RunStarted
from ..stats import clocks
from ..stats.call_times import Bursts, Turn, paired_differences
from ..stats.clocks import Clock
from ..stats.ratios import Ratio, ratio_of
from ..workload import Workload
from .summary import run_of


def clock_of(burst: BurstTimed) -> Clock:
    """The clock of the card at a burst, as far as it was reported."""
    return Clock(burst.gpu.sm_mhz[-1], burst.gpu.throttle) if burst.gpu else Clock(None, None)


class RecordIndex:
    """An index of the events of a run.

    Attributes:
        run: the plan, and the machine at the start.
        artifacts, preflights, outcomes, parities, roundings, anchors: the latest event of each
            artifact.
        missing_metrics: why metrics of an artifact are missing.
        starts: the processes of each artifact.
        bursts: seconds of the calls, by artifact, workload, generation and turn.
        clocks: clocks of the card at the same bursts, by workload, artifact and turn.
        by_neighbours: outputs that other samples of a timed call changed, by artifact and samples a
            call, with the largest difference.
        energies: joules and samples of the bursts that report energy, by artifact and workload.
        user_clocks: whether the card was at clocks set by the user during a burst.
        workloads: workloads by name, in the order in which they were timed.
        per_call: samples a call, by the name of the workload.
        rooflines: each measurement of the device's peak rates.
        random: the inputs that were drawn.
        unknown: information that could not be found out.
        interrupted, ended: whether the run was interrupted, and why it ended.
        adaptive: whether the run continues until its intervals are narrow.
    """

    def __init__(self, events: Sequence[AnyEvent]) -> None:
        self.run = run_of(events)
        self.artifacts: dict[str, ArtifactOpened] = {}
        self.preflights: dict[str, PreflightDone] = {}
        self.outcomes: dict[str, OutcomeReached] = {}
        self.parities: dict[str, ParityJudged] = {}
        self.roundings: dict[str, RoundingMeasured] = {}
        self.anchors: dict[str, AnchorMeasured] = {}
        self.missing_metrics: dict[str, tuple[str, ...]] = {}
        self.starts: dict[str, list[ProcessStarted]] = {}
        self.bursts: dict[str, dict[str, dict[int, dict[int, Sequence[float]]]]] = {}
        self.clocks: dict[str, dict[str, dict[Turn, Clock]]] = {}
        self.by_neighbours: dict[str, dict[int, dict[str, float | None]]] = {}
        self.energies: dict[tuple[str, str], list[tuple[float, int]]] = {}
        self.user_clocks = False
        self.workloads: dict[str, Workload] = {}
        self.per_call: dict[str, int] = {}
        self.rooflines: list[RooflineMeasured] = []
        self.random: InputsDrawn | None = None
        self.unknown: list[UnknownInformation] = []
        self.interrupted = True
        self.ended: str | None = None
        self.adaptive = False
        self._undisturbed: dict[str, dict[str, Bursts]] = {}  # by workload
        self._differences: dict[str, dict[str, list[float]]] = {}  # by workload
        for event in events:
            self._take(event)

    def _take(self, event: AnyEvent) -> None:
        match event:
            case RunStarted() | RunResumed():
                self.adaptive = event.protocol.resolve is not None
                self.interrupted, self.ended = True, None
            case RunEnded():
                self.interrupted, self.ended = event.interrupted, event.reason
            case ArtifactOpened():
                self.artifacts[event.artifact] = event
            case PreflightDone():
                self.preflights[event.artifact] = event
            case OutcomeReached():
                self.outcomes[event.artifact] = event
            case ParityJudged():
                self.parities[event.artifact] = event
            case MetricsScored():
                self.missing_metrics[event.artifact] = event.missing
            case RoundingMeasured():
                self.roundings[event.artifact] = event
            case AnchorMeasured():
                self.anchors[event.artifact] = event
            case ProcessStarted():
                self.starts.setdefault(event.artifact, []).append(event)
            case BurstTimed():
                self._take_burst(event)
            case InputsDrawn():
                self.random = event
            case UnknownInformation():
                self.unknown.append(event)
            case RooflineMeasured():
                self.rooflines.append(event)

    def _take_burst(self, burst: BurstTimed) -> None:
        name, turn = burst.workload.name, (burst.generation, burst.turn)
        generations = self.bursts.setdefault(burst.artifact, {}).setdefault(name, {})
        # A last batch that is not full is left out: its calls are of another kind.
        full = burst.samples // burst.workload.batch or len(burst.seconds)
        generations.setdefault(burst.generation, {})[burst.turn] = burst.seconds[:full]
        self.workloads[name] = burst.workload
        if burst.by_neighbours:
            sizes = self.by_neighbours.setdefault(burst.artifact, {})
            changes = sizes.setdefault(burst.workload.batch, {})
            for output, by in burst.by_neighbours.items():
                before = changes.get(output)
                changes[output] = by if before is None or by is None else max(by, before)
        self.per_call[name] = min(burst.workload.batch, burst.samples)
        if self.device == "cuda":
            clocks_of = self.clocks.setdefault(name, {}).setdefault(burst.artifact, {})
            clocks_of[turn] = clock_of(burst)
        if burst.gpu is None:
            return
        self.user_clocks |= bool(burst.gpu.user_clocks)
        if burst.gpu.energy_j is not None:
            energies = self.energies.setdefault((burst.artifact, name), [])
            energies.append((burst.gpu.energy_j, burst.samples + burst.untimed_samples))

    @property
    def device(self) -> str:
        """The device of the run: "cpu" or "cuda"."""
        return self.run.device

    @property
    def pairs(self) -> dict[str, str]:
        """The former version of each artifact that has one."""
        return self.run.pairs

    def joules_per_sample(self, label: str, workload: str) -> float | None:
        """Energy of the card for a sample, over all bursts that report it."""
        energies = self.energies.get((label, workload))
        return sum(j for j, _ in energies) / sum(n for _, n in energies) if energies else None

    def failed(self) -> set[str]:
        """Labels of the artifacts that were not measured to the end."""
        return {label for label, record in self.outcomes.items() if not record.outcome.was_measured}

    def undisturbed(self, workload: str) -> dict[str, Bursts]:
        """The bursts of one workload that ratios are computed from, by artifact."""
        if workload not in self._undisturbed:
            self._undisturbed[workload] = clocks.undisturbed(
                self.timed(workload), self.device, self.clocks.get(workload)
            )
        return self._undisturbed[workload]

    def timed(self, workload: str) -> dict[str, Bursts]:
        """The bursts of one workload, by artifact."""
        return {
            label: workloads[workload]
            for label, workloads in self.bursts.items()
            if workload in workloads
        }

    def every_clock(self) -> list[Clock]:
        """The clocks of a card at all bursts."""
        return [
            c
            for by_turn in self.clocks.values()
            for turns in by_turn.values()
            for c in turns.values()
        ]

    def speed_references(self) -> dict[str, str]:
        """The reference for speed of each artifact.

        That is its former version if that is measured too. Otherwise it is the parity reference of
        the largest group among the artifacts with inputs of the same shapes, or another artifact if
        that could not be measured.
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
                self.parities[name].reference
                for name in labels
                if name in self.parities and self.parities[name].reference not in failed
            ]
            left = [name for name in labels if name not in failed] or labels
            references |= dict.fromkeys(labels, statistics.mode(votes) if votes else left[0])
        references |= {label: label for label in former if label in self.preflights}
        for label, other in self.pairs.items():
            if label in references and other in references and other not in failed:
                references[label] = other
        return references

    def unlike_reference(self, label: str) -> str | None:
        """The reference that an artifact's outputs were unlike, or could not be compared with."""
        outcome = self.outcomes.get(label)
        if outcome is None or outcome.outcome == Outcome.OK or label not in self.preflights:
            return None
        parity = self.parities.get(label)
        references = {parity.reference} if parity else {p.reference for p in self.parities.values()}
        return next(iter(references)) if len(references) == 1 and label not in references else None

    def shapes(self, label: str) -> str:
        """The shapes of an artifact's inputs without the batch, as far as they are known."""
        manifest = self.artifacts[label].manifest
        signature = manifest.signature if manifest else None
        if signature is None and label in self.preflights:
            signature = self.preflights[label].load.signature
        inputs = signature.inputs if signature else ()
        if any(spec.shape is None for spec in inputs):
            return ""
        return " and ".join(" x ".join(map(str, spec.sizes[1:])) or "scalar" for spec in inputs)

    def ratio(self, label: str, workload: str) -> Ratio | None:
        """The ratio to the reference; None for the reference, and if nothing can be paired."""
        differences = self.differences(workload)
        if not differences.get(label):
            return None
        references = self.speed_references()
        compared = [
            name
            for name, workloads in self.bursts.items()
            if workload in workloads
            and references[name] != name
            and (references[name] == references[label] or name in self.pairs)
        ]
        beside = [differences.get(name, []) for name in compared if name != label]
        return ratio_of(differences[label], len(compared), beside=beside, is_adaptive=self.adaptive)

    def differences(self, workload: str) -> dict[str, list[float]]:
        """The differences in log time to each artifact's reference, by artifact."""
        if workload not in self._differences:
            bursts, references = self.undisturbed(workload), self.speed_references()
            self._differences[workload] = {
                label: paired_differences(mine, bursts[references[label]], self.device)
                for label, mine in bursts.items()
                if references.get(label, label) != label and references[label] in bursts
            }
        return self._differences[workload]
