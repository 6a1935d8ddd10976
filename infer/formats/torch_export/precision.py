"""Find the precision of an exported program of PyTorch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...tensors.precision import OutputSteps, Precision, Quantisation, bits_of, precision_from
from ..needed import needed
from ..output_steps import QUANTISED, SAME, SIGMOID, SOFTMAX, Producer, last_steps

_CHECKS = ("aten._assert_tensor_metadata", "aten.sym_size", "aten._assert_scalar")
_CONVERSIONS = ("aten.to.", "aten._to_copy.")
_SAME = (
    *("aten.to.", "aten._to_copy.", "aten.view.", "aten.reshape.", "aten.flatten.", "aten.relu."),
    *("aten.transpose.", "aten.permute.", "aten.squeeze.", "aten.unsqueeze.", "aten.clone."),
    *("aten.select.", "aten.slice.", "aten.max_pool2d.", "aten.hardtanh.", "aten.t."),
)
_FUNCTIONS = (
    *(("aten.softmax.", SOFTMAX), ("aten._softmax.", SOFTMAX)),
    *(("aten.sigmoid.", SIGMOID), ("aten.sigmoid", SIGMOID)),
)


def precision_of(
    graph: Mapping[str, Any],
    parameters: set[str],
    dtypes: Mapping[int, str],
    outputs: Mapping[str, str],
) -> Precision:
    """Find the precision of a graph.

    Args:
        graph: the graph of the program.
        parameters: names of parameters, buffers and constants.
        dtypes: names of types by their number.
        outputs: names of values by the name of the output.
    """
    types = {name: dtypes.get(meta["dtype"], "") for name, meta in graph["tensor_values"].items()}
    arithmetic: set[str] = set()
    stored: set[str] = set()
    converted: set[str] = set()
    small: set[str] = set()
    steps: list[int] = []
    dynamic = False
    producers: dict[str, Producer] = {}
    for node in _needed(graph):
        target = str(node["target"]).removeprefix("torch.ops.")
        if target.startswith(_CHECKS):
            continue
        taken = [name for part in node["inputs"] for name in _tensors(part["arg"])]
        given = [name for part in node["outputs"] for name in _tensors(part)]
        arithmetic.update(types.get(name, "") for name in given)
        if target.startswith(_CONVERSIONS) and taken and taken[0] in parameters | converted:
            stored.add(types.get(taken[0], ""))
            converted.update(given)
        else:
            arithmetic.update(types.get(name, "") for name in taken if name not in converted)
        small.update(
            name
            for name in taken
            if name in parameters & types.keys()
            and bits_of(types.get(name, "")) is not None
            and len(graph["tensor_values"][name].get("sizes", ())) > 1
        )
        name = target.partition(".")[2]
        if name.startswith("quantize_per_") and given and not set(taken[:1]) & parameters:
            steps.append(bits_of(types.get(given[0], "")) or 8)
        elif "fake_quant" in name:  # rounds to steps and back, weights and values alike
            steps.append(8)
        dynamic = dynamic or name.startswith(("choose_qparams", "quantize_per_token"))
        if given and taken:
            producers.update(_producer(target, name, node, taken[0], given[0]))
    quantisation = None
    if small or steps:
        outputs_steps: dict[str, OutputSteps] = {}
        for output, value in outputs.items():
            output_steps = last_steps(value, producers)
            if output_steps and not dynamic:
                outputs_steps[output] = output_steps
        quantisation = Quantisation(
            len(small),
            min((bits_of(types[name]) or 8 for name in small), default=8),
            len(steps),
            min(steps, default=8),
            dynamic,
            outputs_steps,
        )
    return precision_from(arithmetic, stored, quantisation)


def _needed(graph: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The nodes that the outputs depend on, and those that give nothing."""
    nodes = graph["nodes"]
    operators = [
        (
            [name for part in node["inputs"] for name in _names(part["arg"])],
            [name for part in node["outputs"] for name in _names(part)],
        )
        for node in nodes
    ]
    silent = [name for taken, given in operators if not given for name in taken]
    outputs = [name for part in graph["outputs"] for name in _names(part)]
    places = needed(operators, [*outputs, *silent])
    return [n for place, n in enumerate(nodes) if place in places or not operators[place][1]]


def _names(argument: Any) -> list[str]:
    """All names in an argument, also of sizes, scalars and lists of these."""
    if isinstance(argument, Mapping):
        own = argument.get("name")
        names = [name for value in argument.values() for name in _names(value)]
        return [own, *names] if isinstance(own, str) else names
    if isinstance(argument, list):
        return [name for value in argument for name in _names(value)]
    return [argument] if isinstance(argument, str) else []


def _tensors(argument: Mapping[str, Any]) -> list[str]:
    """Names of the tensors in an argument."""
    if "as_tensor" in argument:
        return [argument["as_tensor"]["name"]]
    if "as_tensors" in argument:
        return [tensor["name"] for tensor in argument["as_tensors"]]
    if "as_optional_tensors" in argument:
        return [name for tensor in argument["as_optional_tensors"] for name in _tensors(tensor)]
    return []


def _producer(
    target: str, name: str, node: Mapping[str, Any], source: str, given: str
) -> dict[str, Producer]:
    if name.startswith("dequantize_per_tensor"):
        scale = [part["arg"]["as_float"] for part in node["inputs"] if "as_float" in part["arg"]]
        return {given: Producer(QUANTISED, source, abs(float(scale[0])))} if scale else {}
    if name.startswith("quantize_per_tensor") or target.startswith(_SAME):
        return {given: Producer(SAME, source)}
    for start, kind in _FUNCTIONS:
        if target.startswith(start):
            return {given: Producer(kind, source)}
    return {}
