"""The metrics of an artifact's outputs in a run: of its task, and of the user's own."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from ..errors import MetricError
from ..metrics.average_precision import MOST_DETECTIONS
from ..metrics.classification import CLASSIFICATION, TOP_K, answers, classifier
from ..metrics.detection import DETECTION
from ..metrics.evaluation import evaluate
from ..metrics.own_metric import METRICS
from ..metrics.score import Score, difference
from ..metrics.task import LABELS, SAMPLE, Arrays, Evaluator, TaskRequest, Values, arrays_of
from ..metrics.tasks import TASKS, task_texts
from ..metrics.truth import truth_by_sample
from ..parity import predictions
from ..parity.comparing import scores_of
from ..records.metric_events import MetricsScored, recorded_score
from ..sandbox import metric_process
from ..stats.accuracy import paired_difference
from ..tensors.chunks import sample_chunks
from ..tensors.dtypes import kind_of
from ..tensors.ragged import Ragged
from ..tensors.text import pack
from .run_context import RunContext
from .text_labels import numbers_of_classes

_NO_ANSWER = (
    "the labels are text, and no output answers with text: the accuracy takes labels that are "
    "numbers of classes, or the names of the classes in a manifest"
)


class TaskMetrics:
    """Calculates metrics of outputs, and keeps those of references."""

    def __init__(self, context: RunContext) -> None:
        self._context = context
        # By the hashes of its outputs and of the truth.
        self._references: dict[tuple[str, str], tuple[dict[str, Score], list[str]]] = {}

    def evaluate(
        self,
        label: str,
        outputs: Values,
        expected: Values,
        classes: Sequence[str],
    ) -> dict[str, Any]:
        """Calculate the metrics of an artifact, and record them for gates.

        Args:
            label: label of the artifact.
            outputs: its outputs, by the reference's names.
            expected: the reference's outputs.
            classes: names of the classes, if known.

        Returns:
            The fields of `ParityJudged` that are about metrics.

        Raises:
            Failure: the truth cannot be read.
        """
        truth: Values = self._truth(label, classes)
        missing: list[str] = []
        try:
            if samples := _samples(expected, truth):
                truth = truth_by_sample(arrays_of(truth), samples)
        except MetricError as error:
            missing.append(str(error))
            truth = {}
        evaluator = self._evaluator(expected, truth, classes, missing)
        key = _digest(expected), _digest(truth)
        if key not in self._references:
            self._references[key] = self._calculated(evaluator, expected, expected, truth)
        references, failed = self._references[key]
        scores = references
        if _digest(outputs) != key[0]:
            scores, failed = self._calculated(evaluator, outputs, expected, truth)
        missing += failed
        judged = {*self._judged(), *self._own_names()}
        of_task = self._origin(evaluator) if evaluator else ""
        own = (*METRICS.values(), *self._context.plan.metrics)
        origins = {metric.name: metric.origin for metric in own if metric.name in scores}
        self._context.store.add(
            MetricsScored(
                artifact=label,
                scores={
                    name: recorded_score(
                        score, judged=name in judged, origin=origins.get(name, of_task)
                    )
                    for name, score in scores.items()
                    # A gate may be told to judge any metric of a task that was named.
                    if name in judged or self._context.plan.task
                },
                missing=tuple(dict.fromkeys(missing)),
            )
        )
        intervals = {
            name: _interval(score, references.get(name), judged=name in judged)
            for name, score in scores.items()
        }
        found: dict[str, Any] = {
            "metrics": {name: score.value for name, score in scores.items()} or None,
            "metric_intervals": intervals,
            "correct": None,
        }
        accuracy, theirs = (side.get("accuracy") for side in (scores, references))
        if accuracy is not None and accuracy.flags is not None:
            found["correct"] = predictions.pack(accuracy.flags)
            if theirs is not None and theirs.flags is not None:
                paired = paired_difference(accuracy.flags, theirs.flags)
                found["accuracy_difference"] = asdict(paired)
        return found

    def _truth(self, label: str, classes: Sequence[str]) -> dict[str, np.ndarray]:
        truth = self._context.truth(label)
        if (labels := self._context.labels(label)) is not None:
            truth[LABELS] = numbers_of_classes(labels, tuple(classes))
        return truth

    def _judged(self) -> tuple[str, ...]:
        request = self._context.plan.task
        return TASKS[request.name].judged if request else ("accuracy",)

    def _origin(self, evaluator: Evaluator) -> str:
        """The task and its outputs, as a gate compares them with those of a baseline."""
        request = self._context.plan.task or TaskRequest(CLASSIFICATION.name)
        # Metrics among the k highest have k in their names; only a detector's others depend on it.
        k = (request.k or MOST_DETECTIONS) if request.name == DETECTION.name else None
        return " ".join(task_texts(replace(request, outputs=evaluator.outputs, k=k)))

    def _own_names(self) -> list[str]:
        return [*METRICS, *(metric.name for metric in self._context.plan.metrics)]

    def _evaluator(
        self, expected: Values, truth: Values, classes: Sequence[str], missing: list[str]
    ) -> Evaluator | None:
        request, arrays = self._context.plan.task, arrays_of(expected)
        labels = truth.get(LABELS)
        is_text = isinstance(labels, np.ndarray) and kind_of(labels.dtype) == "text"
        # A classifier's labels of text are those that an output answers with.
        if request is not None and not (is_text and request.name == "classification"):
            try:
                return _of_task(request, expected, truth)
            except MetricError as error:
                missing.append(str(error))
                return None
        if not isinstance(labels, np.ndarray):
            return None
        if kind_of(labels.dtype) == "text":
            name = _text_answer(arrays, len(labels))
            if name is None:
                missing.append(_NO_ANSWER)
            return answers(name) if name else None
        scores = scores_of(arrays, len(classes) or None)
        if scores is None or len(labels) != len(arrays[scores]):
            return None
        return classifier(arrays[scores], scores, TOP_K)

    def _calculated(
        self, evaluator: Evaluator | None, outputs: Values, expected: Values, truth: Values
    ) -> tuple[dict[str, Score], list[str]]:
        """The scores of outputs by name, and why some could not be calculated."""
        scores: dict[str, Score] = {}
        failed: list[str] = []
        samples = _samples(outputs, truth)
        if not samples:
            return scores, failed
        if evaluator is not None:
            try:
                scores |= evaluate(evaluator, outputs, expected, truth, samples)
            except MetricError as error:
                failed.append(str(error))
        # A plug-in's metric is of the truth; the user's own may do without.
        of_plugins = METRICS.values() if truth else ()
        for metric in (*of_plugins, *self._context.plan.metrics):
            try:
                scores[metric.name] = metric_process.evaluate(metric, outputs, truth, samples)
            except MetricError as error:
                failed.append(str(error))
        return scores, failed


def _of_task(request: TaskRequest, expected: Values, truth: Values) -> Evaluator:
    """The evaluator of a task.

    Raises:
        MetricError: the outputs or the truth do not fit it.
    """
    task = TASKS[request.name]
    if task.takes_rows:
        return task.evaluator(request, expected, truth)
    arrays = arrays_of(expected)
    if expected and not arrays:
        takes = " and ".join(task.name for task in TASKS.values() if task.takes_rows)
        raise MetricError(
            f"--task {request.name}: samples have other numbers of rows, which {takes} take"
        )
    return task.evaluator(request, arrays, arrays_of(truth))


def _samples(outputs: Values, truth: Values) -> int:
    """The number of samples: of rows of samples, else of the labels, else of the outputs."""
    rows = [values for values in outputs.values() if isinstance(values, Ragged)]
    is_each = LABELS in truth and SAMPLE not in truth
    listed = [*rows, *([truth[LABELS]] if is_each else []), *outputs.values()]
    return next((len(values) for values in listed if isinstance(values, Ragged) or values.ndim), 0)


def _text_answer(expected: Arrays, samples: int) -> str | None:
    """The output that answers each sample with a text; None if there is none."""
    for name, array in expected.items():
        if kind_of(array.dtype) == "text" and array.size == len(array) == samples:
            return name
    return None


def _digest(values: Values) -> str:
    digest = hashlib.blake2b()
    for name, value in values.items():
        rows = isinstance(value, Ragged)
        for array in (value.values, value.offsets) if isinstance(value, Ragged) else (value,):
            digest.update(f"{name} {rows} {array.dtype} {array.shape}".encode())
            for plain in pack(array) if kind_of(array.dtype) == "text" else (array,):
                for (chunk,) in sample_chunks(plain):
                    digest.update(np.ascontiguousarray(chunk).reshape(-1).view(np.uint8).data)
    return digest.hexdigest()


def _interval(score: Score, theirs: Score | None, *, judged: bool) -> Mapping[str, Any]:
    known: dict[str, Any] = {"lower_is_better": score.lower_is_better, "judged": judged}
    if interval := score.interval:
        known |= {"low": interval.low, "high": interval.high}
    if paired := difference(score, theirs) if theirs else None:
        known |= {
            "difference": paired.value,
            "difference_low": paired.low,
            "difference_high": paired.high,
        }
    return known
