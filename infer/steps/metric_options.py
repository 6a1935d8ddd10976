"""The options about metrics, as a plan has them."""

from __future__ import annotations

from importlib.util import find_spec

from ..config import RunConfig
from ..errors import OptionError
from ..gating.margins import DEFAULTS
from ..inputs.loading import array_names
from ..metrics.own_metric import METRICS, OwnMetric, parse_own_metrics
from ..metrics.task import TaskRequest
from ..metrics.tasks import TASKS, is_built_in, parse_task
from ..sources.source import source_of


def read_task(config: RunConfig) -> TaskRequest | None:
    """The task of `--task`; None if it is not named.

    Raises:
        OptionError: there is no such task, or the inputs do not hold its truth.
    """
    stated = " ".join(config.task)
    try:
        request = parse_task(config.task)
    except ValueError as error:
        raise OptionError("task", stated, str(error)) from None
    if request and (package := TASKS[request.name].package) and find_spec(package) is None:
        raise OptionError("task", stated, f"it needs {package}: pip install '.[{request.name}]'")
    # What a folder or a function gives is known once it is converted.
    if request is None or config.inputs is None or source_of(config.inputs) is not None:
        return request
    task = TASKS[request.name]
    if task.needs and task.needs not in array_names(config.inputs):
        raise OptionError(
            "task", stated, f"{config.inputs} has no truth; it takes an array {task.truth}"
        )
    return request


def read_own_metrics(config: RunConfig) -> tuple[OwnMetric, ...]:
    """The metrics of `--metric`.

    Raises:
        OptionError: one cannot be read, or has the name of another.
    """
    try:
        metrics = parse_own_metrics(config.metric, METRICS)
    except ValueError as error:
        raise OptionError("metric", " ".join(config.metric), str(error)) from None
    for metric in metrics:
        if is_built_in(metric.name.lower()):
            raise OptionError(
                "metric",
                " ".join(config.metric),
                f"{metric.name} is a metric of exportbench; rename the function",
            )
        if metric.name.lower() in DEFAULTS:
            raise OptionError(
                "metric",
                " ".join(config.metric),
                f"{metric.name} is the name of a margin of the gate; rename the function",
            )
    return metrics
