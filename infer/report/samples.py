"""Samples of a run from its records and its inputs: pictures, and accuracy by class.

Inputs are used only if they are the ones that were recorded.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from ..artifacts.files import sha256_of
from ..errors import InputError
from ..inputs.loading import is_of_labels, read_inputs, read_labels
from ..inputs.store import is_store
from ..inputs.store_hash import store_sha256
from ..parity.predictions import unpack
from ..records.artifact_events import ArtifactOpened
from ..records.parity_events import ParityJudged
from ..results.recorded_run import RecordedRun
from ..results.short_labels import ShortLabels
from ..results.summary import ArtifactResult

_LARGEST_PICTURE = 512


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
    """Data about samples.

    Attributes:
        pictures: pictures of samples, as data URIs of PNG files, by number.
        classes: accuracy by class; None if labels are missing, or what was right.
        missing: reasons why something is not shown, one line each.
    """

    pictures: dict[int, str] = field(default_factory=dict)
    classes: ClassAccuracy | None = None
    missing: list[str] = field(default_factory=list)


def read_samples(
    run: RecordedRun, rows: Sequence[ArtifactResult], samples: Sequence[int]
) -> RecordedSamples:
    """Read data about samples from the records, and from the inputs if the user names them.

    Args:
        run: the recorded run.
        rows: the artifacts.
        samples: numbers of the samples to show as pictures.
    """
    missing: list[str] = []
    path = _inputs_of(run, missing)
    if path is None:
        return RecordedSamples(missing=missing)
    try:
        arrays, labels = read_inputs(path, none_is_well=True), read_labels(path)
    except InputError as error:
        return RecordedSamples(missing=[f"No pictures and no figures by class: {error}."])
    pictures = _pictures(arrays, samples, missing) if samples else {}
    if labels is None or labels.dtype.kind == "U":
        return RecordedSamples(pictures, None, missing)
    classes = _by_class(run, rows, labels)
    return RecordedSamples(pictures, classes, missing)


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
        missing.append(
            "No pictures and no figures by class: name the inputs of the run with --inputs FILE."
        )
        return None
    for path in run.inputs:
        try:
            if (store_sha256(path) if is_store(path) else sha256_of(path)) == sha256:
                return path
        except OSError as error:
            missing.append(
                f"No pictures and no figures by class: {path} cannot be read ({error.strerror})."
            )
            return None
    missing.append(
        "No pictures and no figures by class: the inputs have changed since, or are others."
    )
    return None


def _pictures(
    arrays: dict[str, np.ndarray], samples: Sequence[int], missing: list[str]
) -> dict[int, str]:
    images = [
        image
        for name, array in arrays.items()
        if not is_of_labels(name) and (image := _as_images(array)) is not None
    ]
    if len(images) != 1:
        return {}
    if find_spec("PIL") is None:
        missing.append("No pictures: Pillow is not installed (pip install '.[report]').")
        return {}
    from PIL import Image

    pictures = {}
    for sample in samples:
        if sample < len(images[0]):
            pixels = images[0][sample]
            if pixels.dtype != np.uint8:
                pixels = np.clip(np.nan_to_num(pixels) * 255, 0, 255).astype(np.uint8)
            file = io.BytesIO()
            Image.fromarray(pixels).save(file, "PNG", optimize=True)
            pictures[sample] = "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()
    return pictures


def _as_images(array: np.ndarray) -> np.ndarray | None:
    """Convert to N x height x width (x 3) if it holds images: bytes, or numbers from 0 to 1."""
    if array.ndim == 4 and array.shape[1] in (1, 3) and array.shape[3] not in (1, 3):
        array = np.moveaxis(array, 1, -1)
    if array.ndim == 4 and array.shape[3] == 1:
        array = array[..., 0]
    if array.ndim not in (3, 4) or (array.ndim == 4 and array.shape[3] != 3):
        return None
    if not all(4 <= size <= _LARGEST_PICTURE for size in array.shape[1:3]):
        return None
    if array.dtype == np.uint8:
        return array
    first = array[:64]
    if array.dtype.kind == "f" and first.min() >= 0 and first.max() <= 1:
        return array
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
