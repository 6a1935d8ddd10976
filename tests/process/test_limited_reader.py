"""Files of strangers are read in a process with limits, and what is no file ends in a line."""

import os
import signal
import socket
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT

from infer.cli.main import main
from infer.errors import AlteredError, ArtifactError, InputError
from infer.inputs import loading
from infer.inputs.loading import array_names, read_inputs
from infer.sandbox import artifact_reader, reader_process
from infer.sandbox.artifact_reader import describe, find, open_artifact
from infer.sandbox.reader_server import ACTIONS

IR = b'<net version="11"><layers></layers></net>'


@pytest.fixture
def model(tmp_path):
    """A small file that a reader takes."""
    path = tmp_path / "model.xml"
    path.write_bytes(IR)
    (tmp_path / "model.bin").write_bytes(b"")
    return path


def shared():
    """The process that reads for this one."""
    return reader_process._shared._process._process


def test_one_process_reads_all_files(model):
    open_artifact(model)
    pid = shared().pid
    assert describe("openvino", model).format == "openvino"
    assert find(model.parent) == [model]
    assert shared().pid == pid


def test_a_reader_that_was_ended_is_replaced(model):
    open_artifact(model)
    os.kill(shared().pid, signal.SIGKILL)
    shared().wait()
    assert open_artifact(model).format == "openvino"

    os.kill(shared().pid, signal.SIGSTOP)
    with pytest.raises(ArtifactError, match="not read within"):
        reader_process.ask("open", str(model), timeout_s=0.5, path=str(model))
    assert open_artifact(model).format == "openvino"


def test_errors_keep_their_type(tmp_path, fake_artifact):
    folder = fake_artifact(tmp_path, "model")
    artifact = open_artifact(folder)
    (folder / "model.json").write_bytes((folder / "model.json").read_bytes().replace(b"0", b"1"))
    with pytest.raises(AlteredError, match="altered"):
        artifact_reader.check_files(artifact)


def test_a_reader_ends_with_its_controller(model):
    code = (
        "from pathlib import Path\nfrom infer.sandbox import artifact_reader, reader_process\n"
        f"artifact_reader.open_artifact(Path({str(model)!r}))\n"
        "print(reader_process._shared._process._process.pid, flush=True)\n"
        "import os, signal; os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    pid = int(done.stdout)
    for _ in range(100):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return
        if " Z " in Path(f"/proc/{pid}/stat").read_text():  # nobody waits for it here
            return
        signal.sigtimedwait([], 0.1)
    pytest.fail("it goes on")


def test_every_question_is_known():
    assert set(ACTIONS) == {"open", "find", "contents", "describe"}


SPECIAL = {
    "a pipe": os.mkfifo,
    "a socket": lambda path: socket.socket(socket.AF_UNIX).bind(str(path)),
    "a folder": lambda path: path.mkdir(),
    "a link to itself": lambda path: path.symlink_to(path),
    "a device": lambda path: path.symlink_to("/dev/zero"),
    "a terminal": lambda path: path.symlink_to("/dev/tty"),
}
PLACES = {
    "inputs": ("run", "model.xml", "--inputs", "x"),
    "artifact": ("inspect", "x"),
    "artifact of a run": ("run", "x", "--random", "0"),
    "baseline": ("gate", "model.xml", "--random", "0", "--baseline", "x"),
    "former artifact": (
        *("gate", "model.xml", "--random", "0", "--update", "--baseline", "b.json"),
        *("--against", "x"),
    ),
    "rules": ("run", "model.xml", "--random", "0", "--map", "x"),
    "run": ("show", "x"),
    "resumed run": ("run", "--resume", "x"),
    "folder": ("doctor", "x/x"),
}


@pytest.mark.parametrize("make", SPECIAL.values(), ids=SPECIAL)
@pytest.mark.parametrize("place", PLACES)
def test_what_is_no_file_ends_in_a_line(model, monkeypatch, capsys, make, place):
    monkeypatch.chdir(model.parent)
    make(model.parent / "x")
    signal.alarm(60)
    try:
        status = main([*PLACES[place], *(("--device", "cpu") if "run" in PLACES[place] else ())])
    finally:
        signal.alarm(0)
    error = capsys.readouterr().err
    assert status in (2, 3), error
    assert "Traceback" not in error


@pytest.mark.parametrize("name", ["manifest.json", "model.json"])
@pytest.mark.parametrize("make", SPECIAL.values(), ids=SPECIAL)
def test_what_is_no_file_in_an_artifact(tmp_path, fake_artifact, make, name):
    folder = fake_artifact(tmp_path, "model")
    (folder / name).unlink()
    make(folder / name)
    with pytest.raises(ArtifactError):
        artifact_reader.check_files(open_artifact(folder))


def test_inputs_that_unpack_to_more_than_there_is(tmp_path, monkeypatch):
    path = tmp_path / "x.npz"
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("x.npy", "w", force_zip64=True) as file,
    ):
        np.lib.format.write_array_header_1_0(
            file, {"descr": "<f4", "fortran_order": False, "shape": (8 << 20,)}
        )
        for _ in range(32):
            file.write(bytes(1 << 20))
    monkeypatch.setattr(loading, "available_bytes", lambda: 16 << 20)
    with pytest.raises(InputError, match="more than fits into memory"):
        read_inputs(path)
    assert array_names(path) == ["x"]


def test_keys_whose_parsing_grows_with_the_square_of_their_parts(model, monkeypatch, capsys):
    monkeypatch.chdir(model.parent)
    (model.parent / "rules.toml").write_text("a." * 30_000 + "a = 'b'\n")
    run = ("run", "model.xml", "--random", "0", "--map", "rules.toml", "--device", "cpu")
    assert main(list(run)) == 2
    assert "more than 400 dots" in capsys.readouterr().err


@pytest.mark.parametrize("locale", [{"LC_ALL": "C", "PYTHONUTF8": "0"}, {"LC_ALL": "C.UTF-8"}])
@pytest.mark.parametrize("name", [b"caf\xc3\xa9.xml", b"caf\xe9.xml"])
def test_names_in_any_locale(tmp_path, locale, name):
    path = Path(tmp_path, os.fsdecode(name))
    path.write_bytes(IR)
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("LC_", "LANG"))}
    for command in (("inspect",), ("run", tmp_path, "--inputs")):
        done = subprocess.run(
            [sys.executable, "-m", "infer", *command, path],
            capture_output=True,
            cwd=ROOT,
            env=environment | locale,
            timeout=120,
        )
        assert b"Traceback" not in done.stderr, done.stderr
        assert done.returncode in (0, 2), done.stderr
        assert len(done.stderr.splitlines()) <= 1
