"""The baseline: the results of artifacts when they were accepted as good."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from ..outcome import Outcome
from ..parity.kept_sketch import KeptSketch, SketchedOutput
from .kept_metric import KeptMetric
from .margins import Margins
from .setup import Setup


@dataclass(frozen=True)
class OutputParity:
    """An output beside that of the run's reference.

    Attributes:
        difference: the largest difference.
        tolerance: what it may be, by the precisions and the reference's output.
        may_differ: whether so many of its values may differ, as the user allows.
    """

    difference: float
    tolerance: float
    may_differ: bool = False


@dataclass(frozen=True)
class BaselineEntry:
    """The results of one artifact for a gate. A value is None if it was not measured.

    Attributes:
        outcome: outcome of measuring it.
        reason: reason of an outcome that is not ok; not kept in the baseline file.
        cause: the kind of the failure, by which it is known again.
        format: the format's name.
        sha256: SHA-256 of the payload's files and their names.
        weights: SHA-256 of the weights inside, if the manifest states it.
        inputs: SHA-256 of the inputs.
        bytes: size of the payload's files.
        memory: bytes resident at the peak, above the bare interpreter.
        gpu_memory: bytes held on the card.
        gpu_memory_by: the source of `gpu_memory`: "process", "card" or "runtime".
        call_s: seconds of a call, by workload.
        reference: label of the artifact that outputs were compared with in the run.
        parity: each output beside the reference's, by the reference's names.
        equal_labels: share of the samples with the reference's label.
        correct: which samples were classified correctly, bool N.
        accuracy_origin: the task and the output that the accuracy is of.
        metrics: the other metrics, by name.
        outputs: what a baseline keeps of the outputs, by the artifact's names.
        sketches: sketches of the outputs in this run; empty in a baseline that was read.
        versions: versions of the runtime.
        setup: the setup that it was measured with.
        accepted: why it was taken into the baseline though it was much worse; "" if it was not.
    """

    outcome: Outcome
    reason: str = ""
    cause: str = ""
    format: str | None = None
    sha256: str | None = None
    weights: str | None = None
    inputs: str | None = None
    bytes: int | None = None
    memory: int | None = None
    gpu_memory: int | None = None
    gpu_memory_by: str | None = None
    call_s: Mapping[str, float] = field(default_factory=dict)
    reference: str | None = None
    parity: Mapping[str, OutputParity] = field(default_factory=dict)
    equal_labels: float | None = None
    correct: np.ndarray | None = None
    accuracy_origin: str = ""
    metrics: Mapping[str, KeptMetric] = field(default_factory=dict)
    outputs: Mapping[str, KeptSketch] = field(default_factory=dict)
    sketches: Mapping[str, SketchedOutput] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    setup: Setup = field(default_factory=Setup)
    accepted: str = ""

    def to_keep(self) -> BaselineEntry:
        """The entry as a baseline keeps it: with its outputs' sketches in steps."""
        outputs = {name: output.kept() for name, output in self.sketches.items()}
        metrics = {name: metric.in_steps() for name, metric in self.metrics.items()}
        return replace(self, outputs=outputs, sketches={}, metrics=metrics)


@dataclass(frozen=True)
class Baseline:
    """A baseline: the entries of artifacts, and the margins.

    Attributes:
        artifacts: entries by label.
        margins: margins for all artifacts, as texts.
        artifact_margins: margins for single artifacts, by label.
    """

    artifacts: Mapping[str, BaselineEntry]
    margins: Mapping[str, str] = field(default_factory=dict)
    artifact_margins: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def margins_for(self, label: str | None, margins: Mapping[str, str]) -> Margins:
        """The margins for an artifact, or for all artifacts without their own margins.

        Args:
            label: label of the artifact; None for artifacts without their own margins.
            margins: margins as texts, which take precedence over those of the baseline.

        Raises:
            ValueError: a name or value in `margins` is invalid; one line.
        """
        of_artifact = self.artifact_margins.get(label, {}) if label is not None else {}
        return Margins.from_texts(self.margins, of_artifact, margins)

    def latency_margins(self, margins: Mapping[str, str]) -> list[float]:
        """The latency margins of all artifacts whose latency is judged, as shares."""
        everyones = [self.margins_for(label, margins) for label in (None, *self.artifact_margins)]
        return [
            judged.latency
            for judged in everyones
            if "latency" not in judged.off and judged.latency > 0
        ]
