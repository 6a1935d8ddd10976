"""Nothing that an artifact names, packs or links to lies outside of its folder."""

import json
import shutil
import struct
import zipfile

import numpy as np
import pytest

from infer.artifacts.artifact import open_artifact
from infer.artifacts.contents import contents_of
from infer.artifacts.files import files_of
from infer.artifacts.integrity import check_files
from infer.cli.inspect import inspect
from infer.errors import ArtifactError
from infer.sandbox.trust import require_trusted

pytest_plugins = ("third_party_fixtures",)

onnx = pytest.importorskip("onnx")


def write_onnx(path, location, *, in_branch=False, split=False):
    """A file whose weights are called by a name."""
    from onnx import TensorProto, helper, numpy_helper

    weights = numpy_helper.from_array(np.ones((4, 3), np.float32), "w")
    weights.ClearField("raw_data")
    weights.data_location = TensorProto.EXTERNAL
    for key, value in (("location", location), ("offset", "0"), ("length", "48")):
        weights.external_data.add(key=key, value=value)
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 4])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [None, 3])
    nodes = [helper.make_node("MatMul", ["x", "w"], ["y"])]
    graph = helper.make_graph(nodes, "graph", [x], [y], [weights])
    if in_branch:
        constant = helper.make_node("Constant", [], ["w"], value=weights)
        inner = helper.make_graph([constant], "inner", [], [])
        node = helper.make_node("If", ["c"], ["w"], then_branch=inner, else_branch=inner)
        graph = helper.make_graph([node, *nodes], "graph", [x], [y])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    content = model.SerializeToString()
    if split:  # as two parts of one message, which every parser puts together
        rest = onnx.ModelProto()
        rest.graph.name = "again"
        content += rest.SerializeToString()
    path.write_bytes(content)
    return path


@pytest.fixture
def folder(tmp_path):
    """An artifact's folder, and beside it a file of weights that is none of its own."""
    (tmp_path / "secret.bin").write_bytes(np.ones((4, 3), np.float32).tobytes())
    (tmp_path / "own").mkdir()
    return tmp_path / "own"


class TestNames:
    @pytest.mark.parametrize(
        "location",
        [
            "../secret.bin",
            "a/../../secret.bin",
            "{absolute}",
            "C:\\secret.bin",
            "\\\\host\\secret",
            "",
        ],
    )
    @pytest.mark.parametrize("where", [{}, {"in_branch": True}, {"split": True}], ids=str)
    def test_external_data_of_onnx(self, folder, location, where):
        location = location.format(absolute=folder.parent / "secret.bin")
        path = write_onnx(folder / "model.onnx", location, **where)

        for use in (files_of, inspect, lambda path: contents_of(open_artifact(path)).sha256):
            with pytest.raises(ArtifactError, match="outside of its folder"):
                use(path)

    def test_weights_that_are_an_address_in_memory(self, folder):
        path = write_onnx(folder / "model.onnx", "*/_ORT_MEM_ADDR_/*")

        with pytest.raises(ArtifactError, match="address in memory"):
            files_of(path)

    def test_run_does_not_open_it(self, folder, tmp_path, run_cli):
        path = write_onnx(folder / "model.onnx", "../secret.bin")

        done = run_cli("run", path, "--random", "0", "--device", "cpu", cwd=tmp_path)

        assert done.returncode == 3 and "Traceback" not in done.stderr
        assert "outside of its folder" in " ".join(done.stdout.split())
        assert not list(tmp_path.rglob("*.log"))

    def test_a_name_below_the_folder_is_taken(self, folder):
        (folder / "data").mkdir()
        shutil.copy(folder.parent / "secret.bin", folder / "data" / "w.bin")
        path = write_onnx(folder / "model.onnx", "data/w.bin")

        assert files_of(path) == [path, folder / "data" / "w.bin"]

    def test_assets_of_a_saved_model(self, third_party_models, tmp_path):
        def field(number, content):
            return bytes([number << 3 | 2, len(content)]) + content

        shutil.copytree(third_party_models("tensorflow") / "counter", tmp_path / "model")
        asset = field(2, field(6, field(2, b"../../secret.txt")))
        with (tmp_path / "model" / "saved_model.pb").open("ab") as file:
            file.write(asset)

        with pytest.raises(ArtifactError, match="outside of its folder"):
            open_and_hash(tmp_path / "model")

    def test_weights_of_litert_in_files_of_their_own(self, third_party_models, tmp_path):
        content = (third_party_models("tensorflow") / "int8.tflite").read_bytes()
        table = struct.unpack_from("<I", content)[0]
        slots = table - struct.unpack_from("<i", content, table)[0]
        size, whole = struct.unpack_from("<HH", content, slots)
        buffers = struct.unpack_from("<H", content, slots + 4 + 2 * 4)[0]
        assert buffers and size < 4 + 2 * 9
        # The same table with slots enough for the names of files, which are the buffers here.
        old = content[slots + 4 : slots + size].ljust(2 * 8, b"\0")
        moved = struct.pack("<HH", 4 + 2 * 9, whole) + old + struct.pack("<H", buffers)
        end = len(content) + -len(content) % 4
        changed = bytearray(content.ljust(end, b"\0") + moved)
        struct.pack_into("<i", changed, table, table - end)
        (tmp_path / "model.tflite").write_bytes(changed)

        with pytest.raises(ArtifactError, match="files of their own"):
            inspect(tmp_path / "model.tflite")
        with pytest.raises(ArtifactError, match="files of their own"):
            require_trusted(open_artifact(tmp_path / "model.tflite"), ("*",))

    def test_files_of_a_manifest(self, fake_artifact, tmp_path):
        folder = fake_artifact(tmp_path, "artifact")
        text = (folder / "manifest.json").read_text()
        (folder / "manifest.json").write_text(text.replace('"model.json": {', '"../secret": {'))

        with pytest.raises(ArtifactError, match="outside of its folder"):
            check_files(open_artifact(folder))

    def test_a_payload_that_is_another_format_than_its_manifest_says(self, fake_artifact, tmp_path):
        folder = fake_artifact(tmp_path, "artifact", manifest={"format": "onnx"})

        with pytest.raises(ArtifactError, match=r"says onnx, but .* is something else"):
            check_files(open_artifact(folder))


def open_and_hash(path):
    return contents_of(open_artifact(path)).sha256


class TestLinks:
    def test_a_link_out_of_the_folder(self, folder):
        (folder / "w.bin").symlink_to(folder.parent / "secret.bin")
        path = write_onnx(folder / "model.onnx", "w.bin")

        with pytest.raises(ArtifactError, match="link that leads out"):
            files_of(path)

    def test_a_folder_that_is_a_link(self, folder):
        (folder / "data").symlink_to(folder.parent)
        path = write_onnx(folder / "model.onnx", "data/secret.bin")

        with pytest.raises(ArtifactError, match="link that leads out"):
            files_of(path)

    def test_a_link_to_itself(self, folder):
        (folder / "w.bin").symlink_to("w.bin")
        path = write_onnx(folder / "model.onnx", "w.bin")

        with pytest.raises(ArtifactError, match="cannot be resolved"):
            files_of(path)

    def test_a_payload_that_is_a_link_to_itself(self, fake_artifact, tmp_path):
        folder = fake_artifact(tmp_path, "artifact")
        (folder / "model.json").unlink()
        (folder / "model.json").symlink_to("model.json")

        with pytest.raises(ArtifactError, match="cannot be resolved"):
            open_artifact(folder)

    @pytest.mark.parametrize("field", ["payload", "files"])
    def test_a_name_with_a_zero(self, fake_artifact, tmp_path, field):
        folder = fake_artifact(tmp_path, "artifact")
        value = json.loads((folder / "manifest.json").read_text())
        value[field] = "a\0b" if field == "payload" else {"a\0b": {"sha256": "", "bytes": 0}}
        (folder / "manifest.json").write_text(json.dumps(value))

        with pytest.raises(ArtifactError, match="cannot be resolved"):
            check_files(open_artifact(folder))

    def test_a_store_that_keeps_files_once(self, folder):
        """As Hugging Face's cache has them: links to one folder beside."""
        store = folder.parent / "blobs"
        store.mkdir()
        write_onnx(store / "1f", "w.bin")
        shutil.move(folder.parent / "secret.bin", store / "2e")
        (folder / "model.onnx").symlink_to("../blobs/1f")
        (folder / "w.bin").symlink_to("../blobs/2e")

        assert len(files_of(folder / "model.onnx")) == 2

    def test_weights_of_openvino(self, third_party_models, folder):
        shutil.copy(third_party_models("openvino") / "dense.xml", folder / "dense.xml")
        shutil.copy(third_party_models("openvino") / "dense.bin", folder.parent / "other.bin")
        (folder / "dense.bin").symlink_to("../other.bin")

        with pytest.raises(ArtifactError, match="link that leads out"):
            open_and_hash(folder / "dense.xml")

    @pytest.mark.parametrize("kind", ["file", "folder"])
    def test_saved_model(self, third_party_models, tmp_path, kind):
        model, elsewhere = tmp_path / "model", tmp_path / "elsewhere"
        shutil.copytree(third_party_models("tensorflow") / "counter", model)
        shutil.move(model / "variables", elsewhere)
        if kind == "folder":
            (model / "variables").symlink_to(elsewhere)
        else:
            (model / "variables").mkdir()
            for file in elsewhere.iterdir():
                (model / "variables" / file.name).symlink_to(file)

        with pytest.raises(ArtifactError, match="a link"):
            open_and_hash(model)


def test_names_in_an_archive_are_only_names(third_party_models, tmp_path):
    """TorchScript is read where it is packed; nothing of it is written anywhere."""
    with zipfile.ZipFile(third_party_models("torch") / "counter.pt") as source:
        parts = {name: source.read(name) for name in source.namelist()}
    (tmp_path / "below").mkdir()
    with zipfile.ZipFile(tmp_path / "below" / "model.pt", "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
        for name in ("../escaped.py", "/tmp/escaped.py", "counter/code/../../../escaped.py"):
            archive.writestr(name, b"x = 1\n")
    before = sorted(tmp_path.rglob("*"))

    assert inspect(tmp_path / "below" / "model.pt").description.format == "torchscript"
    assert sorted(tmp_path.rglob("*")) == before


def test_a_damaged_file_is_not_handed_to_its_runtime(folder):
    """What our reader cannot read to its end may name anything."""
    content = write_onnx(folder / "model.onnx", "w.bin").read_bytes()
    (folder / "model.onnx").write_bytes(content[:-30] + b"\x0b" * 30)

    with pytest.raises(ArtifactError):
        open_and_hash(folder / "model.onnx")
