"""Calculate a plug-in's metric in a separate process with limits."""

from __future__ import annotations

import json
import math
import tempfile
from dataclasses import asdict
from pathlib import Path

import numpy as np

from ..codec import DecodeError, Record
from ..errors import ArtifactError
from ..external_module import ExternalModule
from ..parity.metric_registry import Metric
from ..system.process_answer import AnswerTooLongError
from .reader_limits import TIME_S, limited_process, run_limited


class _Answer(Record, frozen=True):
    value: float | None = None
    error: str | None = None


def evaluate(
    metric: Metric, scores: np.ndarray, labels: np.ndarray, timeout_s: float = TIME_S
) -> float:
    """Calculate the metric of a classifier's scores.

    Args:
        metric: metric of a plug-in.
        scores: scores, N x classes.
        labels: true classes, N.
        timeout_s: seconds after which the process is ended.

    Raises:
        ArtifactError: the metric fails, is not a finite number, or exceeds a limit.
    """
    with tempfile.TemporaryDirectory(prefix="exportbench-") as name:
        folder = Path(name)
        np.save(folder / "scores.npy", scores, allow_pickle=False)
        np.save(folder / "labels.npy", labels, allow_pickle=False)
        arguments = (metric.function, json.dumps(asdict(metric.external)), name)
        reads = [folder, *([Path(metric.external.folder)] if metric.external else [])]
        try:
            answered = run_limited(
                "sandbox.metric_process", *arguments, reads=reads, timeout_s=timeout_s
            )
        except TimeoutError:
            raise ArtifactError(f"metric {metric.name}: no end within {timeout_s:g} s") from None
        except AnswerTooLongError:
            raise ArtifactError(f"metric {metric.name}: an answer without end") from None
    try:
        answer: _Answer = answered.decoded(_Answer, f"metric {metric.name}")
    except DecodeError:
        raise ArtifactError(
            f"metric {metric.name}: its process ended with status {answered.status}"
        ) from None
    if answer.value is None or not math.isfinite(answer.value):
        raise ArtifactError(f"metric {metric.name}: {answer.error or f'gives {answer.value}'}")
    return answer.value


def main(arguments: list[str]) -> None:
    """Calculate the metric, and write it as JSON; runs in the separate process."""
    function, external, folder = arguments
    with limited_process() as result:
        json.dump(_answer(function, external, Path(folder)), result)


def _answer(function: str, external: str, folder: Path) -> dict[str, object]:
    try:
        scores, labels = (
            np.load(folder / f"{name}.npy", allow_pickle=False) for name in ("scores", "labels")
        )
        module = ExternalModule(**json.loads(external)).load()
        value = float(getattr(module, function)(scores, labels))
    except Exception as error:  # a plug-in may raise anything
        return {"error": f"{type(error).__name__}: {error}"[:300]}
    return {"value": value} if math.isfinite(value) else {"error": f"gives {value}"}
