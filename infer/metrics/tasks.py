"""The tasks by name, and the metrics that they have."""

from __future__ import annotations

import re
from collections.abc import Sequence

from .classes import CLASS_METRICS
from .classification import CLASSIFICATION, MULTILABEL
from .embeddings import COSINE, EMBEDDINGS
from .probabilities import HAMMING_LOSS, score_metrics
from .regression import REGRESSION, REGRESSION_METRICS
from .segmentation import SEGMENTATION, SEGMENTATION_METRICS
from .task import Task, TaskRequest
from .tokens import TOKEN_METRICS, TOKENS

TASKS: dict[str, Task] = {
    task.name: task
    for task in (CLASSIFICATION, MULTILABEL, REGRESSION, SEGMENTATION, EMBEDDINGS, TOKENS)
}

_BUILT_IN = (
    *(*CLASS_METRICS, *score_metrics(1), HAMMING_LOSS),
    *(*REGRESSION_METRICS, *SEGMENTATION_METRICS, *TOKEN_METRICS, COSINE),
)
_NAMES = {metric.name for metric in _BUILT_IN}


def parse_task(texts: Sequence[str]) -> TaskRequest | None:
    """Parse NAME, and behind it ROLE=OUTPUT or k=N; None for nothing.

    Raises:
        ValueError: one line; the option is not named.
    """
    if not texts:
        return None
    name, *further = texts
    if name not in TASKS:
        raise ValueError(f"there is no task '{name}' (there are {', '.join(TASKS)})")
    outputs, k = {}, None
    roles = TASKS[name].roles
    for text in further:
        role, given, value = text.partition("=")
        if role == "k" and value.isascii() and value.isdigit() and int(value) > 0:
            k = int(value)
        elif role in roles and given and value:
            outputs[role] = value
        else:
            raise ValueError(
                f"'{text}' is neither k=N nor ROLE=OUTPUT, where the roles of {name} are "
                f"{', '.join(roles)}"
            )
    return TaskRequest(name, outputs, k)


def is_built_in(name: str) -> bool:
    """Whether a task has a metric of this name."""
    return name in _NAMES or re.fullmatch(r"(top|recall)_[1-9]\d*", name) is not None


def task_texts(request: TaskRequest | None) -> list[str]:
    """The texts of a task, as `parse_task` takes them."""
    if request is None:
        return []
    outputs = [f"{role}={name}" for role, name in request.outputs.items()]
    return [request.name, *outputs, *([f"k={request.k}"] if request.k else [])]
