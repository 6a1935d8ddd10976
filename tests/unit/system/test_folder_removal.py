"""Removal of folders that a stranger has filled."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from infer.system.folder_removal import remove_folder


@pytest.fixture
def folder():
    """A folder in memory, where nothing waits for a disk, and that every user may enter."""
    memory = Path("/dev/shm")
    made = Path(tempfile.mkdtemp(dir=memory if memory.is_dir() else None))
    made.chmod(0o777)
    yield made / "folder"
    shutil.rmtree(made)


def deep(folder, levels):
    """Folders in folders, whose path no system call takes."""
    folder.mkdir()
    where = os.open(folder, os.O_RDONLY)
    for _ in range(levels):
        os.mkdir("d" * 40, dir_fd=where)
        inner = os.open("d" * 40, os.O_RDONLY, dir_fd=where)
        os.close(os.open("file", os.O_CREAT | os.O_WRONLY, dir_fd=inner))
        os.close(where)
        where = inner
    os.close(where)


def test_deep_folders_are_removed(folder):
    deep(folder, 3000)

    assert remove_folder(folder)
    assert not folder.exists()


def test_links_are_not_followed(tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "precious").write_text("kept")
    folder = tmp_path / "folder"
    (folder / "in").mkdir(parents=True)
    (folder / "link").symlink_to(outside)
    (folder / "in" / "link").symlink_to(outside)
    (folder / "itself").symlink_to(folder)
    (tmp_path / "as a whole").symlink_to(outside)

    assert remove_folder(folder)
    assert remove_folder(tmp_path / "as a whole")
    assert (outside / "precious").read_text() == "kept"
    assert list(tmp_path.iterdir()) == [outside]
    assert remove_folder(tmp_path / "missing")


AS_A_USER = """
import os, sys
from pathlib import Path
from infer.system.folder_removal import remove_folder
if os.getuid() == 0:
    os.setgid(65534)
    os.setuid(65534)
folder = Path(sys.argv[1])
for name in ("none", "in/none", "in/read"):
    (folder / name / "deeper").mkdir(parents=True)
    (folder / name / "file").write_text("")
for name, mode in (("none", 0), ("in/none", 0), ("in/read", 0o500), ("in", 0o100)):
    (folder / name).chmod(mode)
print(remove_folder(folder), folder.exists())
"""


def test_folders_that_may_not_be_read_are_removed(folder, root):
    done = subprocess.run(
        [sys.executable, "-c", AS_A_USER, folder], cwd=root, capture_output=True, text=True
    )

    assert done.stdout.split() == ["True", "False"], done.stderr


def test_it_ends_in_time_and_says_what_stays(folder):
    folder.mkdir()
    for number in range(2000):
        (folder / str(number)).touch()

    begin = time.monotonic()
    assert not remove_folder(folder, limit_s=0.0)
    assert time.monotonic() - begin < 1
    assert remove_folder(folder)


def test_a_mount_stays_and_the_rest_goes(tmp_path):
    folder = tmp_path / "folder"
    (folder / "mount").mkdir(parents=True)
    (folder / "file").touch()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "tmpfs", folder / "mount"])
    if mounted.returncode:
        pytest.skip("nothing can be mounted here, root may")
    try:
        (folder / "mount" / "inner").mkdir()
        assert not remove_folder(folder)
        assert list(folder.iterdir()) == [folder / "mount"]
    finally:
        subprocess.run(["umount", "--lazy", folder / "mount"], check=True)
    assert remove_folder(folder)
