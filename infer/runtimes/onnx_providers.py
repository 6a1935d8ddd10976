"""The execution providers of ONNX Runtime: their options, and the nodes that each took."""

from __future__ import annotations

from collections import Counter
from typing import Any

from onnxruntime.capi import onnxruntime_pybind11_state as state

from .base import TF32

PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}


def cuda_options(settings: dict[str, str]) -> dict[str, str]:
    """The CUDA provider's options; what is left as it comes is not named."""
    options = {"cudnn_conv_algo_search": settings["conv-search"].upper()}
    if settings["tf32"] != TF32.untuned:
        options["use_tf32"] = "1" if settings["tf32"] == "on" else "0"
    if settings["layout"] == "nhwc":
        options["prefer_nhwc"] = "1"
    if settings["cuda-graphs"] == "on":
        options["enable_cuda_graph"] = "1"
    return options


def allows_tf32(session: Any) -> bool | None:
    """What the CUDA provider says of itself; None where it does not."""
    value = session.get_provider_options().get(PROVIDERS["cuda"], {}).get("use_tf32")
    return None if value is None else value.lower() in ("1", "true")


def nodes_taken(session: Any) -> dict[str, Counter[str]] | None:
    """How many nodes of each kind each provider took; None before ONNX Runtime told."""
    try:
        parts = session.get_provider_graph_assignment_info()
    except (AttributeError, RuntimeError, state.Fail):
        return None
    taken: dict[str, Counter[str]] = {}
    for part in parts:
        kinds = taken.setdefault(part.ep_name, Counter())
        kinds.update(node.op_type for node in part.get_nodes())
    return taken
