"""Describe an OpenVINO intermediate representation (.xml beside .bin)."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections import Counter
from pathlib import Path

from ...errors import ArtifactError, DamagedError
from ...tensors.signature import Signature, TensorSpec
from ..description import Description
from ..safe_paths import beside
from ..weights_file import check_weights_file
from .precision import precision_of

_DTYPES = {
    "f16": "float16",
    "f32": "float32",
    "f64": "float64",
    "bf16": "bfloat16",
    "boolean": "bool",
    "string": "string",
    "i4": "int4",
    "i8": "int8",
    "i16": "int16",
    "i32": "int32",
    "i64": "int64",
    "u1": "uint1",
    "u4": "uint4",
    "u8": "uint8",
    "u16": "uint16",
    "u32": "uint32",
    "u64": "uint64",
}
# The same types, as the ports of a layer name them.
_PRECISIONS = {
    "FP16": "float16",
    "FP32": "float32",
    "FP64": "float64",
    "BF16": "bfloat16",
    "BOOL": "bool",
    "BOOLEAN": "bool",
    "STRING": "string",
} | {
    f"{letter}{bits}": f"{kind}{bits}"
    for letter, kind in (("I", "int"), ("U", "uint"))
    for bits in (4, 8, 16, 32, 64)
}
_INPUT, _OUTPUT, _CONSTANT = "Parameter", "Result", "Const"
_HEAD = 4096
_OLDEST = 10
_NUMBER = re.compile(r"\d{1,19}", re.ASCII)


def weights_of(path: Path) -> Path:
    """Find the weights file that belongs to an .xml file.

    Raises:
        ArtifactError: it is a link that leads out of the folder.
    """
    return beside(path, path.with_suffix(".bin").name)


def version_of(head: bytes) -> int | None:
    """Read the version of the IR from the beginning of a file; None if it is no IR.

    What may stand before the first element, a declaration and comments, is skipped part by part: an
    expression for all of it could be tried in exponentially many ways.
    """
    text = head[:_HEAD].removeprefix(b"\xef\xbb\xbf").lstrip()
    while text.startswith((b"<?", b"<!--")):
        _, end, text = text.partition(b"?>" if text.startswith(b"<?") else b"-->")
        text = text.lstrip() if end else b""
    element = text[: text.find(b">")]
    if not re.match(rb"<net\b", element):
        return None
    match = re.search(rb"\sversion=[\"'](\d{1,6})[\"']", element)
    return int(match[1]) if match else None


def check_weights(path: Path) -> None:
    """Check that the .bin file has all constants of a graph.

    Raises:
        ArtifactError: it is missing or cut short, or the graph is damaged.
    """
    ends = []
    for data in _read(path).iter("data"):
        numbers = [data.get("offset", ""), data.get("size", "")]
        if all(_NUMBER.fullmatch(number) for number in numbers):
            ends.append(sum(map(int, numbers)))
    if ends:
        check_weights_file(path, weights_of(path), max(ends))


# How a file writes the shape of an unknown rank.
_ANY_RANK = "..."


def describe(path: Path) -> Description:
    """Read the graph of an IR.

    Raises:
        ArtifactError: it is damaged, or its weights are missing.
    """
    net = _read(path)
    try:
        return _describe(net, path)
    except (ValueError, KeyError, AttributeError) as error:
        raise DamagedError(f"a layer that cannot be read ({error})") from None


def _read(path: Path) -> ET.Element:
    """Read the XML of an IR.

    Raises:
        ArtifactError: it is not whole, or declares entities.
    """
    text = path.read_bytes()
    # In UTF-16, where every other byte is zero, the words that are looked for would not be found.
    if b"<!DOCTYPE" in text or b"<!ENTITY" in text or b"\0" in text:
        raise ArtifactError(f"{path}: declares entities or is not UTF-8, unlike every IR")
    try:
        return ET.fromstring(text)  # noqa: S314 - entities were refused, and expat limits the rest
    except (ET.ParseError, ValueError, LookupError) as error:  # an encoding that is not known
        raise DamagedError(f"not whole XML ({error})") from None


def _describe(net: ET.Element, path: Path) -> Description:
    version = int(net.get("version", "0"))
    layers = {layer.get("id", ""): layer for layer in net.findall("layers/layer")}
    operators: Counter[str] = Counter()
    weights: Counter[str] = Counter()
    custom = set()
    for layer in net.iter("layer"):  # those of bodies too
        kind, data = layer.get("type", ""), layer.find("data")
        if kind == _CONSTANT and data is not None:
            dtype = _dtype(data.get("element_type", ""))
            weights[dtype] += int(data.get("size", "0"))
        elif kind not in (_INPUT, _OUTPUT):
            operators[kind] += 1
        if not re.fullmatch(r"opset\d+|ie_internal_opset|", layer.get("version", "")):
            custom.add(layer.get("version", ""))
    sources = {
        (edge.get("to-layer", ""), edge.get("to-port", "")): (
            edge.get("from-layer", ""),
            edge.get("from-port", ""),
        )
        for edge in net.findall("edges/edge")
    }
    inputs, outputs = [], []
    for number, layer in layers.items():
        if layer.get("type") == _INPUT:
            data = layer.find("data")
            inputs.append(_input(layer, {} if data is None else dict(data.attrib)))
        elif layer.get("type") == _OUTPUT:
            outputs.append(_output(number, layers, sources))
    notes = []
    if not weights_of(path).is_file():
        notes.append(f"{weights_of(path).name} is missing, which holds the weights")
    if version < _OLDEST:
        notes.append(f"IR {version} is older than what OpenVINO still takes ({_OLDEST})")
    notes += [f"operators of {name}, which need a library of their own" for name in sorted(custom)]
    return Description(
        "openvino",
        f"IR {version}",
        _producer(net),
        {"": Signature(tuple(inputs), tuple(outputs))},
        dict(weights.most_common()),
        dict(operators.most_common()),
        notes=tuple(notes),
        graph_precision=precision_of(net, weights_of(path), _dtype, _port_dtype),
    )


def _producer(net: ET.Element) -> str:
    for name in ("Runtime_version", "MO_version"):
        element = net.find(f".//{name}")
        if element is not None:
            return f"openvino {element.get('value', '')}".strip()
    return ""


def _input(layer: ET.Element, data: dict[str, str]) -> TensorSpec:
    stated = data.get("shape", "").strip()
    shape = None
    if stated != _ANY_RANK:
        shape = tuple(_size(part) for part in stated.split(",") if part.strip())
    port = layer.find("output/port")
    return TensorSpec(_port_name(port, layer), shape, _dtype(data.get("element_type", "")))


def _output(
    number: str,
    layers: dict[str, ET.Element],
    sources: dict[tuple[str, str], tuple[str, str]],
) -> TensorSpec:
    """The value that flows into a result, named after the port that it comes from."""
    layer = layers[number]
    entry = layer.find("input/port")
    if entry is None:
        raise DamagedError(f"the output {layer.get('name')} is not connected")
    from_layer, from_port = sources[number, entry.get("id", "")]
    source = layers[from_layer]
    for port in source.findall("output/port"):
        if port.get("id") == from_port:
            # A port without sizes may be a single value or of any rank.
            shape = tuple(_size(part.text or "") for part in port.findall("dim")) or None
            precision = port.get("precision", "")
            name = _port_name(port, layer)
            return TensorSpec(name, shape, _port_dtype(precision))
    raise DamagedError(f"the output {layer.get('name')} comes from no port")


def _port_name(port: ET.Element | None, layer: ET.Element) -> str:
    """The first name of a port; a comma within a name is escaped."""
    names = port.get("names", "") if port is not None else ""
    first = re.split(r"(?<!\\),", names)[0].replace("\\,", ",")
    return first or layer.get("name", "")


def _size(text: str) -> int | None:
    """A size; "?", "-1" and ranges such as "1..8" are free."""
    text = text.strip()
    return int(text) if re.fullmatch(r"\d{1,18}", text) else None


def _port_dtype(name: str) -> str:
    return _PRECISIONS.get(name, name.lower())


def _dtype(name: str) -> str:
    return _DTYPES.get(name, name)
