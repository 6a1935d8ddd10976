"""The tasks by name, and the metrics that they have."""

from __future__ import annotations

import re
from collections.abc import Sequence

from .average_precision import MOST_DETECTIONS, detection_metrics
from .classes import CLASS_METRICS
from .classification import CLASSIFICATION, MULTILABEL
from .detection import DETECTION
from .detector_outputs import BOX_FORMATS
from .embeddings import COSINE, EMBEDDINGS
from .probabilities import HAMMING_LOSS, score_metrics
from .regression import REGRESSION, REGRESSION_METRICS
from .segmentation import SEGMENTATION, SEGMENTATION_METRICS
from .task import XYXY, Task, TaskRequest
from .tokens import TOKEN_METRICS, TOKENS

TASKS: dict[str, Task] = {
    task.name: task
    for task in (
        *(CLASSIFICATION, MULTILABEL, REGRESSION, SEGMENTATION, DETECTION),
        *(EMBEDDINGS, TOKENS),
    )
}

_BUILT_IN = (
    *(*CLASS_METRICS, *score_metrics(1), HAMMING_LOSS),
    *(*REGRESSION_METRICS, *SEGMENTATION_METRICS, *TOKEN_METRICS, COSINE),
    *detection_metrics(MOST_DETECTIONS),
)
_NAMES = {metric.name.lower() for metric in _BUILT_IN}


def parse_task(texts: Sequence[str]) -> TaskRequest | None:
    """Parse NAME, and behind it ROLE=OUTPUT, k=N or format=BOXES; None for nothing.

    Raises:
        ValueError: one line; the option is not named.
    """
    if not texts:
        return None
    name, *further = texts
    if name not in TASKS:
        raise ValueError(f"there is no task '{name}' (there are {', '.join(TASKS)})")
    outputs, k, box_format = {}, None, XYXY
    roles = TASKS[name].roles
    for text in further:
        role, given, value = text.partition("=")
        if role == "k" and value.isascii() and value.isdigit() and int(value) > 0:
            k = int(value)
        elif role == "format" and name == DETECTION.name and value in BOX_FORMATS:
            box_format = value
        elif role in roles and given and value:
            outputs[role] = value
        else:
            formats = f"format={'|'.join(BOX_FORMATS)} nor " if name == DETECTION.name else ""
            raise ValueError(
                f"'{text}' is neither k=N nor {formats}ROLE=OUTPUT, where the roles of {name} are "
                f"{', '.join(roles)}"
            )
    return TaskRequest(name, outputs, k, box_format)


def is_built_in(name: str) -> bool:
    """Whether a task has a metric of this name, in small letters."""
    return name in _NAMES or re.fullmatch(r"(top_|recall_|ar)[1-9]\d*", name) is not None


def task_texts(request: TaskRequest | None) -> list[str]:
    """The texts of a task, as `parse_task` takes them."""
    if request is None:
        return []
    outputs = [f"{role}={name}" for role, name in request.outputs.items()]
    k = [f"k={request.k}"] if request.k else []
    boxes = [f"format={request.box_format}"] if request.box_format != XYXY else []
    return [request.name, *outputs, *k, *boxes]
