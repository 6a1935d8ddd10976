"""Find the precision of an OpenVINO graph: its floating-point types and its quantised values."""

from __future__ import annotations

import math
import struct
import xml.etree.ElementTree as ET
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ...tensors.precision import (
    OutputSteps,
    Precision,
    Quantisation,
    bits_of,
    coarsest,
    precision_from,
)
from ..needed import needed
from ..output_steps import QUANTISED, SAME, SIGMOID, SOFTMAX, Producer, last_steps

_SAME = {
    *("Reshape", "Squeeze", "Unsqueeze", "Transpose", "ReLU", "Clamp", "Convert", "MaxPool"),
    *("StridedSlice", "Slice", "Gather", "Split", "VariadicSplit", "Pad", "Result"),
}
_FUNCTIONS = {"SoftMax": SOFTMAX, "Softmax": SOFTMAX, "Sigmoid": SIGMOID}
_ENDS = {"Result", "Assign"}
_KINDS = {"float32": "f", "float16": "e", "float64": "d"}
_MOST_NUMBERS = 1 << 16


@dataclass(frozen=True)
class _Layer:
    kind: str
    data: Mapping[str, str]
    given: tuple[str, ...]
    sources: tuple[str, ...]


def precision_of(
    net: ET.Element, weights: Path, dtype: Callable[[str], str], port_type: Callable[[str], str]
) -> Precision:
    """Find the precision of a graph, and of the bodies in it.

    Args:
        net: the graph.
        weights: the file of its constants; it may be missing.
        dtype: name of a type, as constants name it.
        port_type: name of a type, as ports name it.
    """
    arithmetic: set[str] = set()
    stored: set[str] = set()
    small: list[int] = []
    quantised: list[int] = []
    outputs: dict[str, OutputSteps] = {}
    for graph in (net, *net.iter("body")):
        layers = _needed(_layers(graph, port_type))
        consumers: dict[str, list[_Layer]] = {}
        for layer in layers.values():
            for source in layer.sources:
                consumers.setdefault(source, []).append(layer)
        for number, layer in layers.items():
            if layer.kind == "Const":
                kind = dtype(layer.data.get("element_type", ""))
                used = consumers.get(number, [])
                converted = bool(used) and all(consumer.kind == "Convert" for consumer in used)
                to = [dtype(consumer.data.get("destination_type", "")) for consumer in used]
                has_rank = layer.data.get("shape", "").count(",") > 0
                if converted and bits_of(kind) and coarsest(to) and has_rank:
                    small.append(bits_of(kind) or 8)
                elif converted and coarsest([kind]) and coarsest([kind, *to]) == kind:
                    stored.add(kind)
                elif used:
                    arithmetic.add(kind)
                continue
            if layer.kind == "FakeQuantize":
                bits = max(1, math.ceil(math.log2(max(2, int(layer.data.get("levels", "256"))))))
                first = layers.get(layer.sources[0]) if layer.sources else None
                (small if first and first.kind == "Const" else quantised).append(bits)
            elif not _only_converts(layer, layers):
                arithmetic.update(layer.given)
        if graph is net:
            outputs = _outputs(layers, weights, dtype, net)
    quantisation = None
    if small or quantised:
        quantisation = Quantisation(
            len(small),
            min(small, default=8),
            len(quantised),
            min(quantised, default=8),
            outputs=outputs,
        )
    return precision_from(arithmetic, stored, quantisation)


def _layers(graph: ET.Element, port_type: Callable[[str], str]) -> dict[str, _Layer]:
    sources: dict[str, list[tuple[int, str]]] = {}
    for edge in graph.findall("edges/edge"):
        place = int(edge.get("to-port", "0"))
        sources.setdefault(edge.get("to-layer", ""), []).append((place, edge.get("from-layer", "")))
    layers = {}
    for layer in graph.findall("layers/layer"):
        data, number = layer.find("data"), layer.get("id", "")
        layers[number] = _Layer(
            layer.get("type", ""),
            {} if data is None else data.attrib,
            tuple(port_type(p.get("precision", "")) for p in layer.findall("output/port")),
            tuple(source for _, source in sorted(sources.get(number, []))),
        )
    return layers


def _needed(layers: Mapping[str, _Layer]) -> dict[str, _Layer]:
    """The layers that a result depends on, or a state."""
    taken = {source for layer in layers.values() for source in layer.sources}
    operators = [(layer.sources, (number,)) for number, layer in layers.items()]
    ends = [
        number for number, layer in layers.items() if layer.kind in _ENDS and number not in taken
    ]
    places = needed(operators, ends)
    return {n: layer for place, (n, layer) in enumerate(layers.items()) if place in places}


def _only_converts(layer: _Layer, layers: Mapping[str, _Layer]) -> bool:
    """Whether a layer only converts a constant."""
    source = layers.get(layer.sources[0]) if layer.sources else None
    return layer.kind == "Convert" and source is not None and source.kind == "Const"


def _outputs(
    layers: Mapping[str, _Layer], weights: Path, dtype: Callable[[str], str], net: ET.Element
) -> dict[str, OutputSteps]:
    """The last steps of each output, by the name of the port that it comes from."""
    producers = {}
    for number, layer in layers.items():
        if not layer.sources:
            continue
        if layer.kind == "FakeQuantize" and len(layer.sources) == 5:
            low, high = (
                _numbers(layers.get(source), weights, dtype) for source in layer.sources[3:]
            )
            levels = int(layer.data.get("levels", "256"))
            if low and high and levels > 1:
                step = max(b - a for a, b in zip(low, high, strict=False)) / (levels - 1)
                limits = (low[0], high[0]) if len(low) == len(high) == 1 else (None, None)
                producers[number] = Producer(QUANTISED, layer.sources[0], step, *limits)
        elif layer.kind in _FUNCTIONS:
            producers[number] = Producer(_FUNCTIONS[layer.kind], layer.sources[0])
        elif layer.kind in _SAME:
            producers[number] = Producer(SAME, layer.sources[0])
    names = {}
    for layer_element in net.findall("layers/layer"):
        port = layer_element.find("output/port")
        if port is not None:
            names[layer_element.get("id", "")] = port.get("names", "").split(",")[0]
    steps = {}
    for number, layer in layers.items():
        if layer.kind == "Result" and layer.sources:
            output_steps = last_steps(number, producers)
            if output_steps:
                steps[names.get(layer.sources[0], "")] = output_steps
    return steps


def _numbers(layer: _Layer | None, weights: Path, dtype: Callable[[str], str]) -> list[float]:
    """The values of a small constant; empty if they cannot be read."""
    if layer is None or layer.kind != "Const":
        return []
    kind = _KINDS.get(dtype(layer.data.get("element_type", "")))
    offset, size = int(layer.data.get("offset", "0")), int(layer.data.get("size", "0"))
    if kind is None or not 0 < size <= _MOST_NUMBERS or offset < 0:
        return []
    try:
        with weights.open("rb") as file:
            file.seek(offset)
            data = file.read(size)
    except OSError:
        return []
    if len(data) != size or size % struct.calcsize(kind):
        return []
    values = [float(value) for (value,) in struct.iter_unpack(f"<{kind}", data)]
    return values if all(map(math.isfinite, values)) else []
