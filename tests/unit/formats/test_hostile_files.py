"""Files that are made to keep a reader busy."""

import struct
import time

import pytest

from infer.errors import ArtifactError, DamagedError
from infer.formats.aotinductor.generated_code import find_inputs, find_outputs
from infer.formats.detection import detect
from infer.formats.flatbuffer import Table
from infer.formats.map_file import map_file
from infer.formats.openvino.reader import check_weights, describe, version_of
from infer.formats.protobuf import Message


@pytest.fixture
def soon():
    """Fails if the test takes longer than what is linear in its file."""
    began = time.process_time()
    yield
    assert time.process_time() - began < 10


COMMENTS = b"<!---->" * 200
HEADS = {
    "comments": COMMENTS,
    "comments without an end": COMMENTS + b"<!--" * 200,
    "comments and something else": COMMENTS + b"<other version='11'>",
    "spaces": b"<net" + b" " * 4000,
    "versions": b"<net " + b"version=" * 400,
}


@pytest.mark.parametrize("head", HEADS.values(), ids=HEADS)
@pytest.mark.usefixtures("soon")
def test_beginning_of_an_ir_with_many_parts(tmp_path, head):
    file = tmp_path / "model.xml"
    file.write_bytes(head)
    with pytest.raises(ArtifactError, match="not recognized"):
        detect(file)


@pytest.mark.parametrize(
    "head",
    [
        b'<?xml version="1.0"?>\n<!-- a --><!-- > --> <net name="m" version="11">',
        b"\xef\xbb\xbf<net version='11'/>",
        b'<!--<net version="7">--><net x=">"  version="11">',
    ],
)
def test_version_behind_declaration_and_comments(head):
    assert version_of(head) == (11 if b'x=">"' not in head else None)


@pytest.mark.usefixtures("soon")
def test_offsets_without_sizes(tmp_path):
    file = tmp_path / "model.xml"
    file.write_bytes(b"<net><data " + b'offset="1" ' * 300_000 + b"/></net>")
    with pytest.raises(DamagedError, match="not whole XML"):
        check_weights(file)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-8"])
@pytest.mark.parametrize("read", [check_weights, describe])
def test_entities_are_refused_however_they_are_written(tmp_path, read, encoding):
    file = tmp_path / "model.xml"
    entities = "".join(f"<!ENTITY e{i + 1} '{f'&e{i};' * 20}'>" for i in range(20))
    text = f"<!DOCTYPE net [<!ENTITY e0 'x'>{entities}]><net version='11'>&e20;</net>"
    file.write_bytes(text.encode(encoding))
    with pytest.raises(ArtifactError, match="entities"):
        read(file)


def test_elements_in_elements(tmp_path):
    file = tmp_path / "model.xml"
    file.write_bytes(b'<net version="11">' + b"<a>" * 300_000)
    with pytest.raises(DamagedError, match="not whole XML"):
        describe(file)


@pytest.mark.parametrize("field", [b"\x08\x01", b"\x3a\x00", b"\x72\x00"])
@pytest.mark.usefixtures("soon")
def test_many_tiny_fields(tmp_path, field):
    file = tmp_path / "model.onnx"
    file.write_bytes(field * 1_100_000)
    with pytest.raises(ArtifactError):
        detect(file)
    with pytest.raises(DamagedError, match="more than 1,000,000 fields"):
        Message(map_file(file))


def test_tables_that_lead_to_the_same_table(monkeypatch):
    """Each of 60 levels has two parts, which are one and the same: 2**60 leaves."""
    monkeypatch.setattr("infer.formats.flatbuffer._MOST_ITEMS", 10_000)
    # The first four bytes lead to the root. A level is a list of slots, the table, and its vector
    # of two offsets to the next level's table.
    level = struct.pack("<HHH2x iI III4x", 6, 8, 4, 8, 4, 2, 20, 16)
    data = struct.pack("<I", 12) + level * 60 + struct.pack("<HH4xi", 4, 4, 8)

    def leaves(table):
        return sum(map(leaves, table.tables(0))) or 1

    with pytest.raises(DamagedError, match="parts that repeat each other"):
        leaves(Table.root(memoryview(data)))


@pytest.mark.usefixtures("soon")
@pytest.mark.parametrize("part", ["static void check_input_1(", 'in_spec_ = R"(', "out_spec_ = "])
def test_generated_code_whose_parts_have_no_end(part):
    text = part * (8_000_000 // len(part))
    assert find_inputs(text)[0] == ()
    assert find_outputs(text) == ()
