"""The artifact contract: what is written is read back, what is damaged is refused."""

import json
import zipfile

import pytest

from infer.artifacts.artifact import open_artifact
from infer.artifacts.contents import contents_of
from infer.artifacts.discovery import discover, find, label_paths
from infer.artifacts.integrity import check_files
from infer.artifacts.manifest import MANIFEST, EvaluationInputs, Manifest, write_manifest
from infer.errors import ArtifactError


@pytest.fixture
def folder(tmp_path, fake_artifact):
    """An artifact whose payload is a folder of two files."""
    folder = fake_artifact(tmp_path, "artifact")
    payload = folder / "payload"
    (payload / "variables").mkdir(parents=True)
    (payload / "graph.bin").write_bytes(bytes(range(200)))
    (payload / "variables" / "data.bin").write_bytes(b"x" * 1000)
    manifest = open_artifact(folder).manifest
    assert manifest
    write_manifest(folder, Manifest(**vars(manifest) | {"payload": "payload"}))
    return folder


def refused(folder) -> str:
    """The message of the refusal, which is one line that names a file below the folder."""
    with pytest.raises(ArtifactError) as caught:
        check_files(open_artifact(folder))
    message = str(caught.value)
    assert str(folder) in message
    assert "\n" not in message
    return message


def spec(limit):
    return {"name": "x", "shape": [1], "dtype": "float32", "range": [0, limit]}


def change_manifest(folder, **values):
    """Replace entries of the manifest's JSON; nothing is hashed again."""
    path = folder / MANIFEST
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def test_manifest_is_read_as_it_was_written(tmp_path, fake_artifact, signature):
    stated = {
        "signature": signature(shape=(None, "height", 4, 3)),
        "framework": "torch",
        "native": True,
        "expires": "2027-01-01T00:00:00+00:00",
        "evaluation": EvaluationInputs("../inputs/test.npz", "1" * 64),
        "warnings": ("a warning",),
        "notices": ("a notice",),
    }
    folder = fake_artifact(tmp_path, "artifact", manifest=stated)

    artifact = open_artifact(folder)

    manifest = artifact.manifest
    assert manifest
    assert {name: getattr(manifest, name) for name in stated} == stated
    assert manifest.classes == ("first", "second", "third")
    assert artifact.label == "artifact"
    assert artifact.format == "fake"
    assert artifact.payload == folder / "model.json"
    assert artifact.weights == ("0" * 64, "made up")
    assert contents_of(artifact).bytes == (folder / "model.json").stat().st_size
    check_files(artifact)


def test_verification_is_kept(folder):
    manifest = open_artifact(folder).manifest
    assert manifest
    write_manifest(folder, manifest.with_verified({"largest_difference": 1e-7}))

    reread = open_artifact(folder).manifest

    assert reread and reread.verified == {"largest_difference": 1e-7}


def test_every_file_of_a_payload_folder_is_hashed(folder):
    artifact = open_artifact(folder)

    assert artifact.manifest
    assert artifact.manifest.files.keys() == {"payload/graph.bin", "payload/variables/data.bin"}
    assert contents_of(artifact).bytes == 1200
    check_files(artifact)


def test_whole_copy_elsewhere_is_as_good(folder, tmp_path):
    copy = folder.rename(tmp_path / "moved")

    check_files(open_artifact(copy))


def test_manifest_itself_can_be_named(folder):
    assert open_artifact(folder / MANIFEST).payload == open_artifact(folder).payload


@pytest.mark.parametrize("position", [0, 100, 199])
def test_flipped_byte(folder, position):
    file = folder / "payload" / "graph.bin"
    content = bytearray(file.read_bytes())
    content[position] ^= 1
    file.write_bytes(content)

    message = refused(folder)

    assert str(file) in message
    assert "altered" in message and "export it again" in message


@pytest.mark.parametrize("size", [0, 199])
def test_truncated_file(folder, size):
    file = folder / "payload" / "graph.bin"
    file.write_bytes(file.read_bytes()[:size])

    message = refused(folder)

    assert str(file) in message
    assert f"has {size} bytes, the manifest says 200" in message and "export it again" in message


def test_missing_file(folder):
    file = folder / "payload" / "variables" / "data.bin"
    file.unlink()

    message = refused(folder)

    assert f"{file}: missing" in message and "export it again" in message


def test_missing_payload(tmp_path, fake_artifact):
    folder = fake_artifact(tmp_path, "artifact")
    (folder / "model.json").unlink()

    assert "missing" in refused(folder)


def test_extra_file(folder):
    file = folder / "payload" / "variables" / "more.bin"
    file.write_bytes(b"")

    assert f"{file}: not in the manifest" in refused(folder)


@pytest.mark.parametrize("version", [0, 2, "1", None])
def test_other_manifest_version(folder, version):
    change_manifest(folder, manifest_version=version)

    message = refused(folder)

    assert f"manifest version {version}, this program reads 1" in message
    assert "export it again" in message


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"null", b'"text"', b"3", b"\xff\xfe\x00", b'{"a": 1}']
)
def test_manifest_that_is_no_object_of_json(folder, content):
    (folder / MANIFEST).write_bytes(content)

    assert str(folder / MANIFEST) in refused(folder)


@pytest.mark.parametrize("name", ["payload", "format", "signature", "weights", "created"])
def test_manifest_without_an_entry(folder, name):
    path = folder / MANIFEST
    value = json.loads(path.read_text())
    del value[name]
    path.write_text(json.dumps(value))

    assert name in refused(folder)


def test_manifest_with_an_unknown_entry(folder):
    change_manifest(folder, colour="red")

    assert "colour" in refused(folder)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("payload", None),
        ("payload", 3),
        ("payload", ["model.json"]),
        ("format", ["fake"]),
        ("weights", "abc"),
        ("weights", None),
        ("evaluation", "inputs.npz"),
        ("signature", []),
        ("signature", {"inputs": [{"name": "x"}], "outputs": []}),
        ("files", ["payload/graph.bin"]),
        ("files", {"payload/graph.bin": {}}),
        ("files", {"payload/graph.bin": "abc"}),
        ("files", {"payload/graph.bin": {"sha256": "0" * 64, "bytes": float("inf")}}),
        ("classes", 8),
    ],
)
def test_manifest_with_an_entry_of_another_type(folder, name, value):
    change_manifest(folder, **{name: value})

    refused(folder)


NESTED = 0
for _ in range(900):
    NESTED = {"a": NESTED}


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"payload": 3}, "'payload': expected `str`, got `int`"),
        ({"native": "yes"}, "'native': expected `bool`, got `str`"),
        ({"created": None}, "'created': expected `str`, got `null`"),
        ({"producer": {"torch": 2}}, "'producer[...]': expected `str`, got `int`"),
        ({"evaluation": {"file": "a.npz"}}, "'evaluation': object missing required field `sha256`"),
        ({"files": {"a": {"sha256": "0", "bytes": "1"}}}, "'files[...].bytes': expected `int`"),
        ({"files": {"a": {"sha256": "0", "bytes": 1, "x": 1}}}, "unknown field 'files.a.x'"),
        ({"signature": {"inputs": [], "outputs": 1}}, "'signature.outputs': expected `array`"),
        ({"weights": NESTED}, ""),
        ({"signature": {"inputs": [spec(10**400)], "outputs": []}}, ""),
    ],
)
def test_what_is_wrong_with_a_manifest_is_told_in_a_line_with_the_field(folder, values, problem):
    change_manifest(folder, **values)

    message = refused(folder)

    assert message.startswith(f"{folder / MANIFEST}: not a manifest ({problem}")
    assert message.endswith("); export it again")
    assert "\n" not in message


def test_manifest_is_the_text_that_its_schema_describes(folder, root):
    """Every entry that is written has its place in the schema, and the version comes first."""
    value = json.loads((folder / MANIFEST).read_text())
    schema = json.loads((root / "docs/schema/manifest.json").read_text())
    entries = schema["$defs"]["Manifest"]

    assert next(iter(value)) == "manifest_version"
    assert value.keys() == entries["properties"].keys() >= set(entries["required"])
    assert entries["additionalProperties"] is False


@pytest.mark.parametrize("payload", ["../outside.bin", "payload/../../outside.bin", "ABSOLUTE"])
def test_payload_that_escapes_its_folder(folder, tmp_path, payload):
    outside = tmp_path / "outside.bin"
    outside.write_bytes(b"secret")
    change_manifest(folder, payload=str(outside) if payload == "ABSOLUTE" else payload)

    assert "outside of its folder" in refused(folder)


def test_payload_that_escapes_by_a_link(folder, tmp_path):
    (tmp_path / "outside.bin").write_bytes(b"secret")
    (folder / "link").symlink_to(tmp_path / "outside.bin")
    change_manifest(folder, payload="link")

    assert "outside of its folder" in refused(folder)


def test_nothing_there(tmp_path):
    assert "no such file" in refused(tmp_path / "nothing")


def torchscript(path):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("model/code/__torch__.py", "")
        archive.writestr("model/constants.pkl", b"")
        archive.writestr("model/data.pkl", b"")


def saved_model(path):
    path.mkdir()
    (path / "saved_model.pb").write_bytes(b"\x08\x01")  # version 1, without a graph


def onnx(path):
    # Version 8, and a graph with one node of the kind "Abs".
    path.write_bytes(b"\x08\x08\x3a\x07\x0a\x05\x22\x03Abs")


def litert(path):
    path.write_bytes(b"\x1c\x00\x00\x00TFL3")


def openvino(path):
    path.write_text('<?xml version="1.0"?>\n<net name="model" version="11"></net>\n')


def anything(path):
    path.write_bytes(b"content")


@pytest.mark.parametrize(
    ("name", "write", "expected"),
    [
        ("folder", saved_model, "saved-model"),
        ("model.pt", torchscript, "torchscript"),
        ("model", torchscript, "torchscript"),
        ("model.onnx", onnx, "onnx"),
        ("model", onnx, "onnx"),
        ("model.tflite", litert, "litert"),
        ("model.bin", litert, "litert"),
        ("model.xml", openvino, "openvino"),
        ("model", openvino, "openvino"),
    ],
)
def test_bare_payload_is_recognized(tmp_path, name, write, expected):
    write(tmp_path / name)

    artifact = open_artifact(tmp_path / name)

    assert artifact.format == expected
    assert artifact.payload == tmp_path / name
    assert artifact.label == name
    assert artifact.manifest is None and artifact.weights == (None, None)
    assert contents_of(artifact).bytes > 0
    check_files(artifact)


def other_zip(path):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("weights.npy", b"")


def damaged_zip(path):
    torchscript(path)
    content = path.read_bytes()
    path.write_bytes(content.replace(b"PK\x01\x02", b"PK\x00\x00"))


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("model.bin", anything),
        ("model.onnx", anything),
        ("model.jax", anything),
        ("model.zip", other_zip),
        ("model.pt", damaged_zip),
        ("empty", lambda path: path.mkdir()),
    ],
)
def test_payload_that_is_not_recognized(tmp_path, name, write):
    write(tmp_path / name)

    refused(tmp_path / name)


def test_artifacts_are_found_at_any_depth(tmp_path, fake_artifact):
    made = [fake_artifact(tmp_path / "a", "two"), fake_artifact(tmp_path / "b" / "c", "one")]
    (tmp_path / "b" / "no_artifact").mkdir()

    assert discover(tmp_path) == made


def test_what_is_named_as_an_artifact_is_never_left_out(tmp_path):
    anything(tmp_path / "model.bin")
    named = ["a.onnx", "b.tflite", "c.pt2", "model.xml"]
    for name in (*named, "checkpoint.pt", "labels.xml", "notes.txt", "._a.onnx"):
        anything(tmp_path / name)
    (tmp_path / "empty.onnx").touch()

    assert [path.name for path in find(tmp_path)] == sorted([*named, "empty.onnx"])


@pytest.mark.parametrize(
    ("paths", "labels"),
    [
        (["a/onnx"], ["onnx"]),
        (["a/onnx", "a/jax"], ["onnx", "jax"]),
        (["a/onnx", "b/onnx", "b/jax"], ["a/onnx", "b/onnx", "jax"]),
        (["x/a/onnx", "y/a/onnx", "b/onnx"], ["x/a/onnx", "y/a/onnx", "b/onnx"]),
        (["onnx", "a/onnx"], None),
        (["a_b", "a/b", "c/b"], None),
    ],
)
def test_labels_are_short_and_no_two_are_equal(tmp_path, paths, labels):
    paths = [tmp_path / path for path in paths]

    labelled = list(label_paths(paths))

    assert [path for path, _ in labelled] == paths
    given = [label for _, label in labelled]
    assert len(set(given)) == len(given)
    if labels:
        assert given == labels
