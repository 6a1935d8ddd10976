"""Accuracy by class: from the records of a run, and the labels in inputs that the user names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from ..artifacts.files import sha256_of
from ..errors import InputError
from ..inputs.loading import read_labels
from ..inputs.store import is_store
from ..inputs.store_hash import store_sha256
from ..parity.predictions import unpack
from ..records.artifact_events import ArtifactOpened
from ..records.parity_events import ParityJudged
from ..results.recorded_run import RecordedRun
from ..results.short_labels import ShortLabels
from ..results.summary import ArtifactResult


@dataclass(frozen=True)
class ClassAccuracy:
    """The accuracy by class and artifact; artifacts with equal figures share a column.

    Attributes:
        columns: the artifacts of each column.
        lines: class, number of its samples, and the share of correct ones, by column.
    """

    columns: list[list[str]]
    lines: list[tuple[str, int, list[float]]]

    @property
    def titles(self) -> list[str]:
        """The titles of the columns, which list the artifacts."""
        if len(self.columns) == 1 and len(self.columns[0]) > 1:
            return [f"all {len(self.columns[0])} artifacts"]
        return [", ".join(artifacts) for artifacts in self.columns]

    def with_labels(self, labels: ShortLabels) -> ClassAccuracy:
        """Return the same with short labels of the artifacts."""
        columns = [[labels[artifact] for artifact in artifacts] for artifacts in self.columns]
        return replace(self, columns=columns)


@dataclass(frozen=True)
class RecordedSamples:
    """Figures about samples.

    Attributes:
        classes: accuracy by class; None if there are no labels.
        missing: reasons why something is not shown, one line each.
    """

    classes: ClassAccuracy | None = None
    missing: list[str] = field(default_factory=list)


def read_samples(run: RecordedRun, rows: Sequence[ArtifactResult]) -> RecordedSamples:
    """Calculate figures by class: from the records, and the labels in a file of the user's.

    Args:
        run: the recorded run.
        rows: the artifacts.
    """
    missing: list[str] = []
    path = _inputs_of(run, missing)
    if path is None:
        return RecordedSamples(missing=missing)
    try:
        labels = read_labels(path)
    except InputError as error:
        return RecordedSamples(missing=[f"No figures by class: {error}."])
    if labels is None or labels.dtype.kind == "U":
        return RecordedSamples(None, missing)
    return RecordedSamples(_by_class(run, rows, labels), missing)


def _inputs_of(run: RecordedRun, missing: list[str]) -> Path | None:
    """The file of inputs that the user names, if it is the recorded one.

    The path that the records name is not opened: whoever made them could have had any file shown.
    """
    stated = run.summary.run
    sha256 = stated.inputs_sha256
    if sha256 is None:  # those that the first artifact names, if any does
        named = [
            event.manifest.evaluation.sha256
            for event in run.events
            if isinstance(event, ArtifactOpened) and event.manifest and event.manifest.evaluation
        ]
        if not named or stated.random:
            return None
        sha256 = named[0]
    if not run.inputs:
        missing.append("No figures by class: name the inputs of the run with --inputs FILE.")
        return None
    for path in run.inputs:
        try:
            if (store_sha256(path) if is_store(path) else sha256_of(path)) == sha256:
                return path
        except OSError as error:
            missing.append(f"No figures by class: {path} cannot be read ({error.strerror}).")
            return None
    missing.append("No figures by class: the inputs have changed since, or are others.")
    return None


def _by_class(
    run: RecordedRun, rows: Sequence[ArtifactResult], labels: np.ndarray
) -> ClassAccuracy | None:
    """The share of the samples of each class that an artifact has right, from the records."""
    judged = {event.artifact: event for event in run.events if isinstance(event, ParityJudged)}
    names = next((row.classes for row in rows if row.classes), ())
    present = np.unique(labels)
    groups: dict[tuple[float, ...], list[str]] = {}
    for row in rows:
        parity = judged.get(row.artifact)
        if parity is None or parity.correct is None:
            continue
        try:
            correct = unpack(parity.correct, len(labels))
        except ValueError:  # they are of other samples
            continue
        recalls = tuple(float(correct[labels == number].mean()) for number in present)
        groups.setdefault(recalls, []).append(row.artifact)
    if not groups:
        return None
    lines = [
        (
            names[number] if number < len(names) else str(number),
            int((labels == number).sum()),
            [recalls[index] for recalls in groups],
        )
        for index, number in enumerate(map(int, present))
    ]
    return ClassAccuracy(list(groups.values()), lines)
