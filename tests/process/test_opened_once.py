"""An artifact is opened and hashed once in a run, however many variants of it are measured."""

import hashlib
from collections import Counter
from pathlib import Path

from infer.cli.main import main


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
