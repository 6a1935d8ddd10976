"""An artifact is opened and hashed once in a run, however many variants of it are measured."""

from dataclasses import replace

import pytest

from infer.cli.main import main
from infer.diagnostics.self_test.known_artifacts import write_onnx
from infer.errors import ArtifactError
from infer.sandbox import artifact_reader, reader_process


@pytest.fixture
def asked(monkeypatch):
    """Action and file of each question to the reader."""
    questions = []

    def ask(action, subject, *arguments, original=reader_process.ask, **options):
        questions.append((action, subject))
        return original(action, subject, *arguments, **options)

    monkeypatch.setattr(reader_process, "ask", ask)
    return questions


def test_an_artifact_is_opened_and_hashed_once_with_all_its_variants(
    tmp_path, monkeypatch, fake_artifact, inputs_file, capsys, asked
):
    monkeypatch.chdir(tmp_path)
    # Small files are hashed again at each load, besides.
    monkeypatch.setattr(artifact_reader, "_HASHED_AGAIN_BYTES", 0)
    fake_artifact(tmp_path, "model", call_s=0.001)
    inputs_file(tmp_path / "inputs.npz")

    status = main(
        [
            *("run", "model", "--inputs", "inputs.npz", "--device", "cpu", "--defaults"),
            *("--threads", "1", "--turns", "1", "--burst", "0.01s", "--budget", "1s"),
        ]
    )

    assert status == 0, capsys.readouterr()
    assert asked == [("find", "model"), ("open", "model"), ("contents", "model")]


def test_a_file_is_described_once_whatever_its_labels(tmp_path, asked):
    (_, model), *_ = write_onnx(tmp_path)
    opened = artifact_reader.OpenedArtifacts()

    for label in ("one", "one (defaults)"):
        assert artifact_reader.describe_artifact(opened.open(model, label)).format == "onnx"
    artifact = opened.open(model).labelled("two")
    model.unlink()
    damaged = replace(artifact, readings={})
    for label in ("one", "one (defaults)"):
        with pytest.raises(ArtifactError, match="cannot be read"):
            artifact_reader.describe_artifact(damaged.labelled(label))

    assert [action for action, _ in asked] == ["open", "describe", "describe"]
