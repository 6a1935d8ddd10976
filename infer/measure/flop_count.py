"""Count the operations of a model, from its ONNX graph with `onnx_tool`."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

_CONTROL_FLOW = ("If", "Loop", "Scan")


def flops_per_sample(path: Path, inputs: Sequence[Mapping[str, Any]]) -> float | None:
    """Count floating-point operations for one sample; a multiplication and an addition are two.

    Args:
        path: an ONNX file.
        inputs: the inputs of the signature, as in its JSON; free sizes count as one.

    Returns:
        The number, or None if `onnx_tool` is not installed or cannot tell, as for a graph with
        branches or loops, whose bodies it does not count.
    """
    if importlib.util.find_spec("onnx_tool") is None:
        return None
    import onnx_tool

    arrays = {
        spec["name"]: np.zeros(
            [size if isinstance(size, int) else 1 for size in spec["shape"]], spec["dtype"]
        )
        for spec in inputs
    }
    try:
        # It prints operators that it does not know; the number is then missing.
        with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            graph = onnx_tool.Model(str(path)).graph
            if any(node.op_type in _CONTROL_FLOW for node in graph.nodemap.values()):
                return None
            graph.shape_infer(arrays)
            graph.profile()
            products = float(graph.macs[0])
    except Exception:
        return None  # it raises many types for graphs that it cannot handle
    batch = next(iter(arrays.values())).shape[:1] if arrays else ()
    return 2 * products / (batch[0] if batch else 1) if products else None
