"""Count the floating-point operations of an ONNX graph, in a separate process with limits.

`onnx_tool` loads the file and evaluates parts of it: a damaged or hostile one may take unlimited
memory or time, or end the process.
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import json
import math
import warnings
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..codec import DecodeError
from ..profiling.operator_classes import OperatorClass, class_of
from ..sandbox.reader_limits import TIME_S, limited_process, run_limited, with_folder
from ..system.process_answer import AnswerTooLongError
from ..tensors.dtypes import dtype_of

_CONTROL_FLOW = ("If", "Loop", "Scan")
_RECURRENT = ("GRU", "LSTM", "RNN")


def flops_per_sample(
    path: Path, inputs: Sequence[Mapping[str, Any]], timeout_s: float = TIME_S
) -> float | None:
    """Count floating-point operations for one sample: see `flops_by_class`, all together.

    The first axis of the first input counts samples.
    """
    sizes = inputs[0]["shape"] if inputs else None
    samples = sizes[0] if sizes and isinstance(sizes[0], int) else 1
    count = sum(flops_by_class(path, inputs, timeout_s).values()) / max(samples, 1)
    return count if math.isfinite(count) and count > 0 else None


def flops_by_class(
    path: Path, inputs: Sequence[Mapping[str, Any]], timeout_s: float = TIME_S
) -> dict[str, float]:
    """Count floating-point operations of a call; a multiplication and an addition are two.

    Args:
        path: an ONNX file.
        inputs: what a call gets, as in the JSON of a signature; free sizes count as one.
        timeout_s: seconds after which the process is ended.

    Returns:
        The numbers by class of operators; none if `onnx_tool` is not installed or cannot tell, as
        for a graph with branches or loops, whose bodies it does not count, or with an input of
        unknown rank.
    """
    if importlib.util.find_spec("onnx_tool") is None:
        return {}
    if any(spec["shape"] is None for spec in inputs):
        return {}
    arguments = (str(path), json.dumps([*inputs]))
    try:
        answered = run_limited(
            "measure.flop_count", *arguments, reads=with_folder(path), timeout_s=timeout_s
        )
        counts: dict[str, float] = answered.decoded(dict[str, float], "operations")
    except (TimeoutError, AnswerTooLongError, DecodeError):
        return {}
    known = {kind.value for kind in OperatorClass}
    if not all(math.isfinite(count) and count >= 0 for count in counts.values()):
        return {}
    return {kind: count for kind, count in counts.items() if kind in known}


def main(arguments: list[str]) -> None:
    """Count, and write the numbers as JSON; runs in the separate process."""
    path, inputs = arguments
    with limited_process() as result:
        json.dump(_count(Path(path), json.loads(inputs)), result)


def _count(path: Path, inputs: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    import onnx_tool

    try:
        arrays = {spec["name"]: _zeros(spec) for spec in inputs}
        with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            graph = onnx_tool.Model(str(path)).graph
            if any(node.op_type in _CONTROL_FLOW for node in graph.nodemap.values()):
                return {}
            graph.shape_infer(arrays)
            graph.profile()
            nodes = list(graph.nodemap.values())
    except Exception:
        return {}  # it raises many types for graphs that it cannot handle
    counts: defaultdict[str, float] = defaultdict(float)
    for node in nodes:
        counts[class_of(node.op_type)] += 2 * float(node.macs[0])
    if any(node.op_type in _RECURRENT for node in nodes):
        # Of these it counts what is no product too: a quarter more, in an LSTM.
        counts[OperatorClass.OTHER] += counts.pop(OperatorClass.MATRIX_PRODUCT, 0.0)
    return counts


def _zeros(spec: Mapping[str, Any]) -> np.ndarray:
    shape = [size if isinstance(size, int) else 1 for size in spec["shape"]]
    dtype = dtype_of(spec["dtype"])
    return np.full(shape, "", dtype) if dtype.kind == "O" else np.zeros(shape, dtype)
