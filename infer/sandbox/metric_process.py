"""Calculate a metric of the user's own, or of a plug-in, in a separate process with limits.

What the function returns for each sample is resampled by the controller. Where it returns one
number for all, the process calls it again on each resample, as long as its time allows.
"""

from __future__ import annotations

import importlib.util
import json
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from ..codec import DecodeError, Record
from ..errors import MetricError
from ..external_module import ExternalModule
from ..metrics.metric import mean, share
from ..metrics.own_metric import OwnMetric, code_sha256
from ..metrics.score import Score, scores_of_parts
from ..stats.resampling import resamples_of
from ..system.process_answer import AnswerTooLongError
from ..tensors.dtypes import kind_of
from ..tensors.ragged import Ragged, SampleValues
from ..tensors.text import pack_all, unpack_all
from .reader_limits import TIME_S, limited_process, run_limited

# For calls on resamples, of the time of the process; the first call takes what it takes.
_RESAMPLING_S = 20.0
_MOST_SAMPLES = 500_000  # numbers that are answered


# An array of each name, or a list with an array for each sample.
_Given = dict[str, np.ndarray | list[np.ndarray]]


class _Answer(Record, frozen=True):
    samples: int = 0
    values: tuple[float, ...] = ()
    value: float | None = None
    replicates: tuple[float, ...] = ()
    error: str | None = None


def evaluate(
    metric: OwnMetric,
    outputs: Mapping[str, SampleValues],
    truth: Mapping[str, SampleValues],
    samples: int,
    timeout_s: float = TIME_S,
) -> Score:
    """Calculate a metric.

    Args:
        metric: the metric.
        outputs: outputs by the reference's names, N x anything or rows of each sample.
        truth: the truth by name.
        samples: number of samples, N.
        timeout_s: seconds after which the process is ended.

    Raises:
        MetricError: the metric fails, is not a finite number, or exceeds a limit.
        OSError: the outputs cannot be written for it.
    """
    if metric.sha256 and _sha256(metric) != metric.sha256:
        raise MetricError(
            f"metric {metric.name}: {metric.file} was altered since the run began, and all "
            "artifacts of a run are held to one metric; start a new run"
        )
    with tempfile.TemporaryDirectory(prefix="exportbench-") as name:
        folder = Path(name)
        index = {
            "outputs": _write(folder, "outputs", outputs),
            "truth": _write(folder, "truth", truth),
            "samples": samples,
            "resampling_s": min(_RESAMPLING_S, timeout_s / 3),
        }
        (folder / "index.json").write_text(json.dumps(index))
        arguments = (json.dumps(asdict(metric)), name)
        try:
            answered = run_limited(
                "sandbox.metric_process",
                *arguments,
                reads=[folder, metric.folder],
                timeout_s=timeout_s,
            )
        except TimeoutError:
            raise MetricError(f"metric {metric.name}: no end within {timeout_s:g} s") from None
        except AnswerTooLongError:
            raise MetricError(f"metric {metric.name}: an answer without end") from None
    try:
        answer: _Answer = answered.decoded(_Answer, f"metric {metric.name}")
    except DecodeError:
        raise MetricError(
            f"metric {metric.name}: its process ended with status {answered.status}"
        ) from None
    return _score(metric, answer, samples)


def _sha256(metric: OwnMetric) -> str | None:
    try:
        return code_sha256(Path(metric.file))
    except OSError:
        return None  # it is gone


def _score(metric: OwnMetric, answer: _Answer, samples: int) -> Score:
    name, lower = metric.name, metric.lower_is_better
    if answer.error is not None:
        raise MetricError(f"metric {name}: {answer.error}")
    if answer.value is not None:
        if not np.isfinite(answer.value):
            raise MetricError(f"metric {name}: gives {answer.value}")
        return Score(answer.value, samples, lower, None, np.array(answer.replicates))
    values = np.array(answer.values)
    if len(values) != samples or not np.isfinite(values).all():
        raise MetricError(f"metric {name}: not a finite number for each of {samples} samples")
    if np.isin(values, (0, 1)).all():
        # Tango's interval is of the share that is better if it is higher; the sign decides later.
        of_values = share(name, "values", "own")
        score = scores_of_parts([of_values], {"values": values.astype(bool)})[name]
        return Score(score.value, samples, lower, score.flags)
    of_values = mean(name, "values", "own", lower_is_better=lower)
    return scores_of_parts([of_values], {"values": values})[name]


def _write(folder: Path, kind: str, values: Mapping[str, SampleValues]) -> dict[str, Any]:
    """Write values: the file of each array by name, and where the rows of each sample end."""
    rows = {name: value for name, value in values.items() if isinstance(value, Ragged)}
    arrays = {
        name: value.values if isinstance(value, Ragged) else value for name, value in values.items()
    }
    files = {}
    for number, (name, array) in enumerate(pack_all(arrays).items()):
        if array.dtype.type.__module__ != "numpy":  # bfloat16 and the like
            array = array.astype(np.float32)
        files[name] = f"{kind}_{number}.npy"
        np.save(folder / files[name], array, allow_pickle=False)
    ends = {}
    for number, (name, value) in enumerate(rows.items()):
        ends[name] = f"{kind}_ends_{number}.npy"
        np.save(folder / ends[name], value.offsets[1:-1], allow_pickle=False)
    return {"files": files, "ends": ends}


def main(arguments: list[str]) -> None:
    """Calculate the metric, and write it as JSON; runs in the separate process."""
    metric, folder = arguments
    with limited_process() as result:
        json.dump(_answer(json.loads(metric), Path(folder)), result)


def _answer(metric: dict[str, Any], folder: Path) -> dict[str, object]:
    try:
        index = json.loads((folder / "index.json").read_text())
        function = _function(metric)
        returned = np.asarray(function(*_arrays(folder, index)))
        if kind_of(returned.dtype) not in ("float", "int", "bool"):
            return {"error": f"gives {returned.dtype}, which is no number"}
        found = returned.astype(np.float64)
        samples = index["samples"]
        if found.shape == (samples,) and samples <= _MOST_SAMPLES:
            return {"samples": samples, "values": found.tolist()}
        if found.size != 1:
            return {"error": f"gives {found.shape}, not one number or one for each of {samples}"}
        value = float(found.reshape(()))
        until = time.monotonic() + index["resampling_s"]
        # Read anew, since the function may have changed what it was given.
        replicates = _replicates(function, *_arrays(folder, index), samples, until)
        return {"samples": samples, "value": value, "replicates": replicates}
    except Exception as error:  # the user's code may raise anything
        return {"error": f"{type(error).__name__}: {error}"[:300]}


def _arrays(folder: Path, index: dict[str, Any]) -> tuple[_Given, _Given]:
    """The outputs and the truth."""
    outputs, truth = (_read(folder, **index[kind]) for kind in ("outputs", "truth"))
    return outputs, truth


def _read(folder: Path, files: dict[str, str], ends: dict[str, str]) -> _Given:
    """What `_write` wrote; rows of samples as a list with an array for each."""
    arrays = unpack_all({name: _loaded(folder / file) for name, file in files.items()})
    rows = {name: np.split(arrays[name], _loaded(folder / file)) for name, file in ends.items()}
    return {**arrays, **rows}


def _loaded(file: Path) -> np.ndarray:
    array: np.ndarray = np.load(file, allow_pickle=False)
    return array


def _replicates(
    function: Callable[..., Any],
    outputs: _Given,
    truth: _Given,
    samples: int,
    until: float,
) -> list[float]:
    """The metric on each resample, until the time is over."""
    values: list[float] = []
    for batch in resamples_of(samples):
        for drawn in batch:
            if time.monotonic() > until:
                return values
            cut = (
                {name: _drawn(value, drawn, samples) for name, value in given.items()}
                for given in (outputs, truth)
            )
            try:
                values.append(float(function(*cut)))
            except Exception:  # of a resample without a class, for example
                values.append(float("nan"))
    return values


def _drawn(
    value: np.ndarray | list[np.ndarray], drawn: np.ndarray, samples: int
) -> np.ndarray | list[np.ndarray]:
    """The samples that are drawn; copies, which the function may change."""
    if isinstance(value, list):
        return [value[number].copy() for number in drawn]
    return value[drawn] if value.ndim and len(value) == samples else value.copy()


def _function(metric: dict[str, Any]) -> Callable[..., Any]:
    if metric["external"]:
        module = ExternalModule(**metric["external"]).load()
    else:
        file = Path(metric["file"])
        sys.path.insert(0, str(file.parent))  # as of a script
        spec = importlib.util.spec_from_file_location(f"exportbench_metric_{file.stem}", file)
        if spec is None or spec.loader is None:
            raise ImportError(f"{file} is no Python file")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    function: Callable[..., Any] = getattr(module, metric["function"])
    return function
