"""A file that is exchanged after it was hashed is not measured."""

import json
import os

import pytest
from runs import SMALL, records_of, results_of

from infer.cli.main import main
from infer.outcome import Failure, Outcome
from infer.sandbox import artifact_reader
from infer.sandbox.artifact_reader import contents, open_artifact, unaltered
from infer.worker.client import WorkerProcess


@pytest.fixture
def artifact(tmp_path, fake_artifact):
    """An artifact that was opened and hashed."""
    opened = open_artifact(fake_artifact(tmp_path, "model"))
    contents(opened)
    return opened


def alter(path):
    """Other bytes of the same number, and the times that the file had."""
    before = path.stat()
    path.write_bytes(path.read_bytes().replace(b"0", b"1"))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def exchange(path):
    """Another file in its place."""
    (path.parent / "other").write_bytes(path.read_bytes() + b" ")
    (path.parent / "other").rename(path)


@pytest.mark.parametrize("how", [alter, exchange])
@pytest.mark.parametrize("hashed_again_bytes", [0, 1 << 20])
@pytest.mark.parametrize("when", ["before", "while"])
def test_altered_files_are_noticed(artifact, monkeypatch, how, hashed_again_bytes, when):
    """Large files, which are not hashed again each time, as well as small ones."""
    monkeypatch.setattr(artifact_reader, "_HASHED_AGAIN_BYTES", hashed_again_bytes)
    if when == "before":
        how(artifact.payload)
    with pytest.raises(Failure, match="altered since it was opened") as caught, unaltered(artifact):
        if when == "while":
            how(artifact.payload)
    assert caught.value.outcome is Outcome.LOAD_ERROR
    assert "\n" not in caught.value.reason


@pytest.mark.parametrize("hashed_again_bytes", [0, 1 << 20])
def test_files_that_are_only_touched_are_loaded(artifact, monkeypatch, hashed_again_bytes):
    monkeypatch.setattr(artifact_reader, "_HASHED_AGAIN_BYTES", hashed_again_bytes)
    artifact.payload.touch()
    artifact.payload.write_bytes(artifact.payload.read_bytes())
    with unaltered(artifact):
        artifact.payload.chmod(0o600)


def test_files_that_are_gone_end_in_a_line(artifact):
    artifact.payload.unlink()
    with pytest.raises(Failure, match="altered since it was opened"), unaltered(artifact):
        pass


def test_large_files_are_not_read_again(artifact, monkeypatch):
    monkeypatch.setattr(artifact_reader, "_HASHED_AGAIN_BYTES", 0)
    monkeypatch.setattr(artifact_reader, "_hash_again", lambda _: pytest.fail("hashed again"))
    with unaltered(artifact):
        pass


def test_what_was_measured_before_is_kept(
    tmp_path, monkeypatch, fake_artifact, inputs_file, capsys
):
    """In a run, and where it is made longer."""
    monkeypatch.chdir(tmp_path)
    for name in ("one", "two"):
        fake_artifact(tmp_path / "a", name, call_s=0.001)
    inputs_file(tmp_path / "inputs.npz")
    loads = []

    def load(worker, original=WorkerProcess.load):
        loads.append(worker)
        if len(loads) == 4:  # the first generation, after two preflights
            exchange(tmp_path / "a" / "two" / "model.json")
        return original(worker)

    monkeypatch.setattr(WorkerProcess, "load", load)
    status = main(["run", "a", *SMALL])
    rows = {row["artifact"]: row for row in json.loads((tmp_path / "out.json").read_text())["rows"]}
    assert status == 3, capsys.readouterr().err
    assert rows["one"]["outcome"] == "ok"
    assert rows["two"]["outcome"] == "load_error"
    assert "altered since it was opened" in rows["two"]["reason"]
    records = records_of(results_of(tmp_path))
    assert any(r["kind"] == "preflight" and r["artifact"] == "two" for r in records)
    hashes = {r["artifact"]: r["sha256"] for r in records if r["kind"] == "artifact"}
    starts = [r for r in records if r["kind"] == "start"]
    assert starts
    assert all(r["sha256"] == hashes[r["artifact"]] for r in starts)

    exchange(tmp_path / "a" / "one" / "model.json")
    folder = results_of(tmp_path).parent
    main(["run", "--resume", str(folder), "--budget", "1s", "--json", "out.json"])
    assert "Traceback" not in capsys.readouterr().err
    rows = {row["artifact"]: row for row in json.loads((tmp_path / "out.json").read_text())["rows"]}
    assert rows["one"]["outcome"] == "ok"
    assert rows["one"]["timings"]
