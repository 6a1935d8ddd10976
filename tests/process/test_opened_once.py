"""An artifact is opened and hashed once in a run, however many variants of it are measured."""

import hashlib
import shutil
from collections import Counter
from pathlib import Path

import pytest

from infer.artifacts.artifact import OpenedArtifacts
from infer.cli.main import main
from infer.diagnostics.self_test.known_artifacts import write_onnx
from infer.errors import ArtifactError
from infer.sandbox import reader_process


def test_an_artifact_is_opened_and_hashed_once_with_all_its_variants(
    tmp_path, monkeypatch, fake_artifact, inputs_file, capsys
):
    opened, hashed = Counter(), Counter()

    def digest(file, name, original=hashlib.file_digest):
        hashed[Path(file.name).name] += 1
        return original(file, name)

    def read_text(path, *arguments, original=Path.read_text, **options):
        opened[path.name] += 1
        return original(path, *arguments, **options)

    monkeypatch.chdir(tmp_path)
    fake_artifact(tmp_path, "model", call_s=0.001)
    inputs_file(tmp_path / "inputs.npz")
    monkeypatch.setattr(hashlib, "file_digest", digest)
    monkeypatch.setattr(Path, "read_text", read_text)

    status = main(
        [
            *("run", "model", "--inputs", "inputs.npz", "--device", "cpu", "--defaults"),
            *("--threads", "1", "--turns", "1", "--burst", "0.01s", "--budget", "1s"),
        ]
    )

    assert status == 0, capsys.readouterr()
    assert opened["manifest.json"] == 1
    assert hashed == {"model.json": 1, "inputs.npz": 1}


def test_a_file_is_described_once_whatever_its_labels(tmp_path, monkeypatch):
    described = []

    def describe(format_name, payload, original=reader_process.describe):
        described.append(payload.name)
        if payload.name == "damaged.onnx":
            raise ArtifactError("it seems damaged")
        return original(format_name, payload)

    monkeypatch.setattr(reader_process, "describe", describe)
    (_, model), *_ = write_onnx(tmp_path)
    damaged = shutil.copy(model, tmp_path / "damaged.onnx")
    opened = OpenedArtifacts()

    for label in ("one", "one (defaults)"):
        assert reader_process.describe_artifact(opened.open(model, label)).format == "onnx"
        with pytest.raises(ArtifactError, match="damaged"):
            reader_process.describe_artifact(opened.open(damaged, label))

    assert described == [model.name, "damaged.onnx"]
