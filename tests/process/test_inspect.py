"""The commands `inspect` and `doctor`, on whole artifacts and on damaged ones."""

from __future__ import annotations

import json
import os
import pickle
import random
import shutil
import struct
import time
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import flatbuffers
import pytest

from infer.artifacts.artifact import open_artifact
from infer.cli.inspect import inspect
from infer.errors import ArtifactError
from infer.sandbox import artifact_reader, reader_server

pytest_plugins = ("third_party_fixtures",)


@pytest.fixture(scope="module")
def every(third_party_models, tmp_path_factory):
    """One artifact of every format in one folder."""
    folder = tmp_path_factory.mktemp("every")
    (folder / "onnx").mkdir()
    for name in ("outside.onnx", "weights.bin"):
        shutil.copy(third_party_models("onnx") / name, folder / "onnx" / name)
    (folder / "openvino").mkdir()
    for name in ("dense.xml", "dense.bin"):
        shutil.copy(third_party_models("openvino") / name, folder / "openvino" / name)
    shutil.copytree(third_party_models("tensorflow") / "several", folder / "several")
    shutil.copy(third_party_models("tensorflow") / "int8.tflite", folder / "int8.tflite")
    shutil.copy(third_party_models("torch") / "scalars.pt", folder / "scalars.pt")
    shutil.copy(third_party_models("torch") / "pairs.pt2", folder / "pairs.pt2")
    shutil.copy(third_party_models("jax") / "tree.jax", folder / "tree.jax")
    return folder


PAYLOADS = {
    "onnx/outside.onnx": "onnx",
    "openvino/dense.xml": "openvino",
    "several": "saved-model",
    "int8.tflite": "litert",
    "scalars.pt": "torchscript",
    "pairs.pt2": "torch-export",
    "tree.jax": "jax-export",
}


def inspected(path):
    """What the command gives as JSON, without the second that starting it takes."""
    return json.loads(json.dumps(inspect(path).describe()))


def names(signature, kind):
    return [spec["name"] for spec in signature[kind]]


class TestInspect:
    @pytest.mark.parametrize(("name", "expected"), PAYLOADS.items())
    def test_format_is_told_by_content(self, every, tmp_path, name, expected):
        # Under a name that says nothing, in the company that it needs.
        source = every / name
        target = tmp_path / "model"
        if source.is_dir():
            shutil.copytree(source, target)
        else:
            shutil.copy(source, target)

        assert open_artifact(target).format == expected

    def test_onnx(self, every):
        description = inspected(every / "onnx" / "outside.onnx")

        assert description["format"] == "onnx" and description["version"] == "IR 8, opset 17"
        assert description["operators"] == {"MatMul": 1}
        assert description["weights"] == {"float32": 48} and description["precision"] == "float32"
        assert description["files"] == 2  # the weights are beside it
        assert description["bytes"] == sum(f.stat().st_size for f in (every / "onnx").iterdir())
        assert description["executes_code"] is None
        (signature,) = description["signatures"].values()
        assert signature["inputs"][0]["shape"] == [None, 4]
        assert [runtime["name"] for runtime in description["runtimes"]] == ["onnx", "openvino"]
        assert "onnxruntime" in description["runtimes"][0]["versions"]
        assert description["runtimes"][1]["install"] == "pip install '.[openvino]'"

    def test_saved_model(self, every):
        description = inspected(every / "several")

        assert description["version"] == "TensorFlow 2, tags serve"
        assert description["producer"].startswith("tensorflow 2")
        assert list(description["signatures"]) == ["both", "score"]
        assert names(description["signatures"]["both"], "outputs") == ["difference", "sum"]
        # The matrix of 4 x 3, and the square of 300 that only an optimizer would need.
        assert description["weights"]["float32"] == 4 * (4 * 3 + 300 * 300)
        assert "read and write files" in description["executes_code"]

    def test_saved_model_of_tensorflow_1(self, third_party_models):
        description = inspected(third_party_models("tensorflow") / "tf1-unfed")

        assert description["version"] == "TensorFlow 1, tags serve"
        assert list(description["signatures"]) == ["loss", "predict"]
        assert description["weights"]["float32"] >= 48

    def test_litert(self, every):
        description = inspected(every / "int8.tflite")

        assert description["precision"] == "int8"
        assert description["operators"]["CONV_2D"] == description["operators"]["SOFTMAX"] == 1
        assert description["signatures"]["serving_default"]["inputs"][0] | {"range": None} == {
            "name": "image",
            "shape": [1, 8, 8, 1],
            "dtype": "int8",
            "range": None,
        }

    def test_torchscript(self, every, third_party_models):
        description = inspected(every / "scalars.pt")

        assert [(s["name"], s["dtype"]) for s in description["signatures"][""]["inputs"]] == [
            ("x", "any"),
            ("scale", "float64"),
            ("state", "Tuple[Tensor, Tensor]"),
            ("flip", "bool"),
        ]
        assert description["operators"] == {"add": 2, "mul": 1, "sum": 1}
        assert "program" in description["executes_code"]
        description = inspected(third_party_models("torch") / "words.pt")
        assert description["weights"]["float32"] == 4 * (10 * 4 + 4 * 4)
        assert set(description["signatures"]) == {"", "size"}

    def test_torch_export(self, every, third_party_models):
        description = inspected(every / "pairs.pt2")

        signature = description["signatures"][""]
        assert [(s["name"], s["dtype"]) for s in signature["inputs"]] == [
            ("x", "float32"),
            ("pair_0", "float32"),
            ("pair_1", "int64"),
        ]
        assert names(signature, "outputs") == ["y", "z.0", "z.1"]
        assert signature["outputs"][0]["shape"] == signature["inputs"][0]["shape"]
        assert description["operators"] == {"aten.mul.Tensor": 1, "aten.add.Tensor": 1}
        assert description["notes"] == ["scale: always 2.0"]
        assert "PyTorch" in description["executes_code"]
        counter = inspected(third_party_models("torch") / "counter.pt2")
        assert counter["weights"] == {"float32": 4}
        assert counter["notes"] == ["keeps state from call to call"]

    def test_jax_export(self, every):
        description = inspected(every / "tree.jax")

        assert description["platforms"] == ["cpu", "tpu"] and description["devices"] == 1
        assert names(description["signatures"][""], "inputs") == [
            "input_0.x",
            "input_1.0",
            "input_1.1",
            "scale",
        ]
        assert names(description["signatures"][""], "outputs") == ["rest.0", "rest.1", "y"]
        assert description["producer"].startswith("StableHLO")

    def test_openvino(self, every):
        description = inspected(every / "openvino" / "dense.xml")

        assert description["version"] == "IR 11" and description["files"] == 2
        assert description["weights"] == {"float32": 48}
        assert names(description["signatures"][""], "inputs") == ["x"]
        assert names(description["signatures"][""], "outputs") == ["y"]

    def test_json(self, every, run_cli):
        path = every / "several"
        done = run_cli("inspect", path, "--json", "-", cwd=every)

        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout) == inspected(path)

    def test_table(self, every, run_cli):
        done = run_cli("inspect", every / "several", cwd=every)

        assert done.returncode == 0
        for text in ("TensorFlow 2", "executes code  yes", "runs here in", "both", "difference"):
            assert text in done.stdout

    def test_manifest_of_an_altered_artifact(self, fake_artifact, run_cli, tmp_path):
        folder = fake_artifact(tmp_path, "altered")
        (folder / "model.json").write_text("{}")

        done = run_cli("inspect", folder, cwd=tmp_path)

        assert done.returncode == 2 and "model.json" in one_line(done)


def one_line(done):
    """The one line of an error; never a traceback."""
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: ")
    return line


def truncated(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 2 // 3])


def _tflite(weights: bytes) -> bytes:
    """A LiteRT file of one graph with one constant, whose bytes end with the file."""
    builder = flatbuffers.Builder()

    def vector(items):
        builder.StartVector(4, len(items), 4)
        for item in reversed(items):
            builder.PrependUOffsetTRelative(item)
        return builder.EndVector()

    def table(slots, fields):
        builder.StartObject(slots)
        for slot, (prepend, value, default) in fields.items():
            getattr(builder, f"Prepend{prepend}Slot")(slot, value, default)
        return builder.EndObject()

    # Built from the end of the file to its beginning.
    data = builder.CreateByteVector(weights)
    buffers = vector([table(1, {}), table(1, {0: ("UOffsetTRelative", data, 0)})])
    tensor = table(5, {2: ("Uint32", 1, 0)})
    graph = table(4, {0: ("UOffsetTRelative", vector([tensor]), 0)})
    graphs = vector([graph])
    fields = {0: ("Uint32", 3, 0), 2: ("UOffsetTRelative", graphs, 0)}
    root = table(5, fields | {4: ("UOffsetTRelative", buffers, 0)})
    builder.Finish(root, file_identifier=b"TFL3")
    return bytes(builder.Output())


def test_weights_of_litert_that_end_with_the_file(tmp_path):
    (tmp_path / "m.tflite").write_bytes(_tflite(bytes(4000)))

    assert inspected(tmp_path / "m.tflite")["weights"] == {"float32": 4000}


class TestDamaged:
    @pytest.mark.parametrize("name", PAYLOADS)
    def test_truncated(self, every, tmp_path, name):
        source = every / name
        if source.is_dir():
            shutil.copytree(source, tmp_path / source.name)
            victim = tmp_path / source.name / "saved_model.pb"
        else:
            shutil.copy(source, tmp_path / source.name)
            victim = tmp_path / source.name
        truncated(victim)

        with pytest.raises(ArtifactError, match=f"{source.name}.*: ") as caught:
            inspect(tmp_path / source.name)
        assert "\n" not in str(caught.value)

    def test_nothing_there(self, run_cli, tmp_path):
        done = run_cli("inspect", "nothing", cwd=tmp_path)

        assert done.returncode == 2 and "no such file" in one_line(done)

    def test_what_is_no_artifact_is_named(self, third_party_models):
        with pytest.raises(ArtifactError, match="export"):
            inspect(third_party_models("torch") / "state.pt")

    def test_a_pickle_is_never_run(self, every, tmp_path):
        class Trap:
            def __reduce__(self):
                return os.mkdir, (str(tmp_path / "sprung"),)

        trap = pickle.dumps(Trap())
        (tmp_path / "trap.pkl").write_bytes(trap)
        with zipfile.ZipFile(every / "scalars.pt") as source:
            parts = {name: source.read(name) for name in source.namelist()}
        with zipfile.ZipFile(tmp_path / "trap.pt", "w") as archive:
            for name, content in parts.items():
                archive.writestr(name, trap if name.endswith(".pkl") else content)

        for name in ("trap.pkl", "trap.pt"):
            with pytest.raises(ArtifactError):
                inspect(tmp_path / name)
        assert not (tmp_path / "sprung").exists()

    def test_weights_outside_of_the_folder(self, every, tmp_path):
        content = (every / "onnx" / "outside.onnx").read_bytes()
        # The name of the same length, so that all sizes hold.
        assert content.count(b"weights.bin") == 1
        (tmp_path / "model.onnx").write_bytes(content.replace(b"weights.bin", b"../ghts.bin"))

        with pytest.raises(ArtifactError, match="outside of its folder"):
            inspect(tmp_path / "model.onnx")

    def test_weights_that_are_missing(self, every, tmp_path):
        shutil.copy(every / "onnx" / "outside.onnx", tmp_path)
        shutil.copy(every / "openvino" / "dense.xml", tmp_path)

        for name, missing in (("outside.onnx", "weights.bin"), ("dense.xml", "dense.bin")):
            description = inspected(tmp_path / name)
            assert f"{missing} is missing" in description["notes"][0]

    def test_a_model_of_core_ml_is_named(self, tmp_path):
        package = tmp_path / "model.mlpackage"
        (package / "Data" / "com.apple.CoreML").mkdir(parents=True)
        (package / "Manifest.json").write_text("{}")
        (package / "Data" / "com.apple.CoreML" / "model.mlmodel").write_bytes(b"x")

        with pytest.raises(ArtifactError, match="Core ML"):
            inspect(package)

    def test_huge_sizes_that_are_declared(self, run_cli, tmp_path):
        # A field of 2**60 bytes, and a vector of 2**31 items.
        huge = b"\x08\x08\x3a" + bytes([0xFF] * 8 + [0x0F])
        (tmp_path / "model.onnx").write_bytes(huge)
        (tmp_path / "model.tflite").write_bytes(
            struct.pack("<I4sHHHHHHiI", 20, b"TFL3", 12, 8, 0, 0, 4, 0, 12, 0x7FFFFFFF) + bytes(8)
        )

        for name in ("model.onnx", "model.tflite"):
            done = run_cli("inspect", tmp_path / name, cwd=tmp_path)
            assert done.returncode == 2
            one_line(done)

    @pytest.mark.parametrize("name", [name for name in PAYLOADS if name != "several"])
    def test_flipped_bits(self, every, tmp_path, name):
        """A reader comes to an answer or to an error that it knows, and soon."""
        content = (every / name).read_bytes()
        draw = random.Random(name)
        path = tmp_path / Path(name).name
        begin = time.monotonic()
        for _ in range(150):
            damaged = bytearray(content)
            for _ in range(draw.randint(1, 8)):
                damaged[draw.randrange(len(damaged))] = draw.randrange(256)
            if draw.random() < 0.2:
                del damaged[draw.randrange(len(damaged)) :]
            path.write_bytes(damaged)
            try:
                artifact = open_artifact(path)
            except ArtifactError:
                continue
            question = {"path": str(artifact.payload), "format_name": artifact.format}
            request = {"action": "describe", "folder": None, "arguments": question}
            assert json.dumps(reader_server.answer(request, lambda more_s: None))
        assert time.monotonic() - begin < 20

    def test_a_reader_that_takes_too_long_is_ended(self, tmp_path):
        # The reader counts all of its fields, which takes longer.
        path = tmp_path / "long.onnx"
        path.write_bytes(b"\x08\x01" * 900_000)
        with pytest.raises(ArtifactError, match="not read within"):
            artifact_reader.describe("onnx", path, timeout_s=0.001)


class TestDoctor:
    def test_it_all(self, every, third_party_models, fake_artifact, run_cli, tmp_path):
        folder = tmp_path / "some"
        folder.mkdir()
        shutil.copytree(every / "onnx", folder / "onnx")
        truncated(folder / "onnx" / "weights.bin")
        shutil.copy(every / "tree.jax", folder / "old.jax")
        shutil.copy(third_party_models("jax") / "tpu.jax", folder / "tpu.jax")
        shutil.copytree(every / "several", folder / "several")
        (folder / "notes.txt").write_text("of no interest\n")
        past = (datetime.now(UTC) - timedelta(days=170)).timestamp()
        os.utime(folder / "old.jax", (past, past))
        ago = (datetime.now(UTC) - timedelta(days=1)).isoformat()
        fake_artifact(folder, "late", manifest={"expires": ago})

        done = run_cli("doctor", folder, "--trust", "--json", "-", cwd=tmp_path)

        assert done.returncode == 3, done.stderr
        result = json.loads(done.stdout)
        runtimes = {runtime["name"]: runtime for runtime in result["runtimes"]}
        assert set(runtimes) == {
            *("saved-model", "torchscript", "torch-export", "aotinductor", "jax-export"),
            *("onnx", "litert", "openvino"),
        }
        for runtime in runtimes.values():
            assert runtime["versions"] and runtime["devices"] and not runtime["problem"]
        artifacts = {Path(artifact["path"]).name: artifact for artifact in result["artifacts"]}
        assert set(artifacts) == {"late", "outside.onnx", "old.jax", "tpu.jax", "several"}
        assert artifacts["several"]["outcome"] == "ok"
        assert artifacts["old.jax"]["outcome"] == "ok" and artifacts["old.jax"]["expiry"] == "soon"
        assert artifacts["late"]["outcome"] == "ok" and artifacts["late"]["expiry"] == "expired"
        assert "export it again" in artifacts["late"]["remedy"]
        assert artifacts["tpu.jax"]["outcome"] == "unsupported"
        assert artifacts["outside.onnx"]["outcome"] == "load_error"

    def test_no_such_folder(self, run_cli, tmp_path):
        done = run_cli("doctor", "nothing", cwd=tmp_path)

        assert done.returncode == 2 and "no such folder" in one_line(done)
