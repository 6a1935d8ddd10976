"""Files that the tensors of an ONNX file name, found as protobuf itself reads the file."""

import random

import onnx
import pytest
from google.protobuf.message import DecodeError, Message
from onnx import TensorProto, helper

from infer.errors import ArtifactError, DamagedError
from infer.formats.onnx.external_weights import external_files

_LOCATION_FIELD = 14 << 3  # of TensorProto: data_location, a whole number


def tensor(name: str) -> TensorProto:
    """A tensor whose values are in the file NAME.bin."""
    value = TensorProto(name=name, dims=[4], data_type=TensorProto.FLOAT)
    value.data_location = TensorProto.EXTERNAL
    value.external_data.add(key="location", value=f"{name}.bin")
    return value


def graph(name: str, *nodes, **parts) -> onnx.GraphProto:
    """A graph with nodes and other parts."""
    return helper.make_graph(list(nodes), name, [], [], **parts)


def constant(**attributes) -> onnx.NodeProto:
    """A node with attributes of any type."""
    node = onnx.NodeProto(op_type="Constant", output=["c"])
    for name, value in attributes.items():
        attribute = node.attribute.add(name=name)
        getattr(attribute, name).CopyFrom(value)
    return node


def sparse(name: str) -> onnx.SparseTensorProto:
    """A sparse tensor whose values and indices are in files."""
    return onnx.SparseTensorProto(values=tensor(name), indices=tensor(f"{name}-at"), dims=[8])


def everywhere() -> onnx.ModelProto:
    """A model with an external tensor in each place that can hold one."""
    several = onnx.NodeProto(op_type="Own", output=["s"])
    several.attribute.add(name="tensors").tensors.append(tensor("tensors"))
    several.attribute.add(name="sparse").sparse_tensors.append(sparse("sparse-tensors"))
    several.attribute.add(name="graphs").graphs.append(graph("inner", constant(t=tensor("graphs"))))
    top = graph(
        "top",
        constant(t=tensor("t")),
        constant(sparse_tensor=sparse("sparse-tensor")),
        constant(g=graph("branch", constant(t=tensor("branch")), initializer=[tensor("deep")])),
        several,
        initializer=[tensor("initializer")],
        sparse_initializer=[sparse("sparse-initializer")],
    )
    model = helper.make_model(top)
    function = model.functions.add(name="f", domain="d")
    function.node.append(constant(t=tensor("function")))
    default = function.attribute_proto.add(name="default")
    default.t.CopyFrom(tensor("default"))
    training = model.training_info.add()
    training.initialization.CopyFrom(graph("start", initializer=[tensor("start")]))
    training.algorithm.CopyFrom(graph("step", constant(t=tensor("step"))))
    return model


def locations(message: Message) -> set[str]:
    """The files of all external tensors in a message, found by the schema alone."""
    names = set()
    if isinstance(message, TensorProto) and message.data_location == TensorProto.EXTERNAL:
        names |= {entry.value for entry in message.external_data if entry.key == "location"}
    for field, value in message.ListFields():
        if field.message_type is not None:
            for part in value if field.is_repeated else [value]:
                names |= locations(part)
    return names


def names_read(data: bytes, folder) -> set[str]:
    """The names that our reader finds; the reader must not need the files."""
    path = folder / "model.onnx"
    path.write_bytes(data)
    return {str(file.relative_to(folder)) for file in external_files(path)}


def test_every_place_that_can_hold_a_tensor_is_looked_into(tmp_path):
    model = everywhere()
    expected = locations(model)
    assert len(expected) == 16  # ten tensors, and three sparse ones of two tensors each
    assert names_read(model.SerializeToString(), tmp_path) == expected


def with_location(*encoded: bytes) -> bytes:
    """A model with one tensor, whose data_location is written in another way."""
    value = tensor("hidden")
    value.ClearField("data_location")
    data = value.SerializeToString() + b"".join(encoded)
    initializer = bytes([5 << 3 | 2, len(data)]) + data
    name = b"\x12\x01g"
    body = name + initializer
    return b"\x08\x0a" + bytes([7 << 3 | 2, len(body)]) + body


WAYS = {
    "33 bits": bytes([_LOCATION_FIELD]) + b"\x81\x80\x80\x80\x10",
    "64 bits": bytes([_LOCATION_FIELD]) + b"\x81\x80\x80\x80\xf0\xff\xff\xff\xff\x01",
    "65 bits": bytes([_LOCATION_FIELD]) + b"\x81\x80\x80\x80\x80\x80\x80\x80\x80\x7e",
    "a long way to write one": bytes([_LOCATION_FIELD]) + b"\x81\x80\x00",
    "a long way to write the field": bytes([_LOCATION_FIELD | 0x80, 0]) + b"\x01",
    "then bytes": bytes([_LOCATION_FIELD, 1, _LOCATION_FIELD | 2, 1, 0]),
    "then 32 bits": bytes([_LOCATION_FIELD, 1, _LOCATION_FIELD | 5, 0, 0, 0, 0]),
    "then 64 bits": bytes([_LOCATION_FIELD, 1, _LOCATION_FIELD | 1, *bytes(8)]),
    "a field of 33 bits": bytes([_LOCATION_FIELD | 0x80, 0x80, 0x80, 0x80, 0x10, 1]),
    "not said": b"",
}


@pytest.mark.parametrize("way", WAYS)
def test_location_that_is_written_in_an_unusual_way_hides_no_file(tmp_path, way):
    data = with_location(WAYS[way])
    try:
        names = names_read(data, tmp_path)
    except DamagedError:
        return  # it is not opened
    assert names == {"hidden.bin"}


def test_name_that_is_not_utf8_is_refused(tmp_path):
    data = with_location(WAYS["not said"]).replace(b"hidden.bin", b"hidde\xff.bin")
    with pytest.raises(DamagedError, match="not UTF-8"):
        names_read(data, tmp_path)


def mutations(data: bytes, count: int):
    """Changed bytes, parts that are removed, repeated or moved."""
    draw = random.Random(7)
    for _ in range(count):
        changed = bytearray(data)
        for _ in range(draw.randint(1, 3)):
            start = draw.randrange(len(changed))
            end = start + draw.choice((1, 1, 1, 2, 5, 30))
            kind = draw.randrange(4)
            if kind == 0:
                changed[start] = draw.randrange(256)
            elif kind == 1:
                changed[start] ^= 1 << draw.randrange(8)
            elif kind == 2:
                changed[start:end] = changed[start:end] * 2
            else:
                del changed[start:end]
        yield bytes(changed)


def test_nothing_that_protobuf_finds_in_a_changed_file_is_missed(tmp_path):
    """A file that the reader refuses is not opened; of all others it must find every name."""
    compared = 0
    for data in mutations(everywhere().SerializeToString(), 2000):
        parsed = onnx.ModelProto()
        try:
            parsed.ParseFromString(data)
            expected = locations(parsed)
        except (DecodeError, UnicodeDecodeError):
            continue
        try:
            names = names_read(data, tmp_path)
        except ArtifactError:
            continue
        assert expected <= names, data
        compared += 1
    assert compared > 100
