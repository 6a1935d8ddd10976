"""Workers that print without end, and disks that are full."""

import os
import shutil
from types import SimpleNamespace

import pytest

from infer.outcome import Failure, Outcome
from infer.worker import process_failures
from infer.worker.process_failures import check_disk, check_log


def test_what_is_printed_has_a_limit_and_is_cut(tmp_path, monkeypatch):
    monkeypatch.setattr(process_failures, "_LONGEST_LOG", 100)
    log = tmp_path / "log"
    log.write_bytes(b"x" * 150)
    check_log(log, 60, "load")
    with pytest.raises(Failure, match="printed more than") as caught:
        check_log(log, 10, "load")

    assert caught.value.outcome == Outcome.CRASH
    assert log.stat().st_size == 110


@pytest.fixture
def worker_folder(tmp_path):
    """A worker's folder with 100 KiB, and a file with holes, which take no room."""
    folder = tmp_path / "own"
    (folder / "in").mkdir(parents=True)
    (folder / "in" / "file").write_bytes(bytes(range(256)) * 400)
    (folder / "holes").touch()
    os.truncate(folder / "holes", 1 << 40)
    (folder / "link").symlink_to("/")
    return folder


def test_a_disk_that_takes_files_is_no_excuse(tmp_path, worker_folder):
    check_disk([tmp_path], worker_folder, 0)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["own"]


def test_a_full_disk_is_the_fault_of_who_filled_it(tmp_path, worker_folder, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=0))

    with pytest.raises(OSError, match="No space left"):
        check_disk([tmp_path], worker_folder, 200 << 10, only_full=True)
    with pytest.raises(OSError, match="outputs cannot be written"):
        check_disk([tmp_path], worker_folder, 200 << 10)
    with pytest.raises(Failure, match="filled the disk") as caught:
        check_disk([tmp_path], worker_folder, 50 << 10)
    assert caught.value.outcome == Outcome.CRASH


def test_a_disk_that_cannot_be_written_is_found_by_trying(tmp_path, worker_folder, monkeypatch):
    def refuse(folder):
        raise OSError(122, "Disk quota exceeded")

    monkeypatch.setattr(process_failures, "_try_to_write", refuse)
    check_disk([tmp_path], worker_folder, 200 << 10, only_full=True)
    with pytest.raises(OSError, match="outputs cannot be written"):
        check_disk([tmp_path], worker_folder, 200 << 10)
