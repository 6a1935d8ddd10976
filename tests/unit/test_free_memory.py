"""What is free is what the control groups above leave, in all versions and mounts."""

import numpy as np
import psutil
import pytest

from infer import free_memory
from infer.errors import InputError
from infer.inputs.loading import read_inputs
from infer.tensors.call_writer import write_calls
from infer.tensors.output_files import take_over
from infer.tensors.outputs import CallSamples
from infer.tensors.row_files import OutputError

GIB = 1 << 30
V2 = ("memory.max", "memory.current", "inactive_file")
V1 = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")


@pytest.fixture
def process(tmp_path):
    """Makes a process's folder of /proc."""

    def make(cgroup, *mounts):
        folder = tmp_path / "proc"
        folder.mkdir()
        (folder / "cgroup").write_text("\n".join(cgroup) + "\n")
        lines = ["22 1 0:21 / / rw,relatime shared:1 - ext4 /dev/vda rw", *mounts]
        (folder / "mountinfo").write_text("\n".join(lines) + "\n")
        return folder

    return make


def group(folder, names, limit, used, reclaimable=0):
    """Write what a control group tells."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / names[0]).write_text(f"{limit}\n")
    (folder / names[1]).write_text(f"{used}\n")
    (folder / "memory.stat").write_text(f"anon 1\n{names[2]} {reclaimable}\n")


def test_every_group_above_counts(process, tmp_path):
    root = tmp_path / "with space"
    group(root / "a", V2, 4 * GIB, 3 * GIB, GIB // 2)
    group(root / "a" / "b", V2, "max", GIB)
    group(root / "a" / "b" / "c", V2, 2 * GIB, GIB)
    place = str(root).replace(" ", "\\040")
    folder = process(["0::/a/b/c"], f"30 22 0:30 / {place} rw shared:2 - cgroup2 cgroup rw")

    assert free_memory.control_group_rooms(folder) == [GIB, GIB + GIB // 2]


def test_memory_high_is_a_limit_too(process, tmp_path):
    root = tmp_path / "unified"
    group(root, V2, 4 * GIB, GIB)
    (root / "memory.high").write_text(f"{2 * GIB}\n")
    folder = process(["0::/"], f"30 22 0:30 / {root} rw - cgroup2 cgroup rw")

    assert free_memory.control_group_rooms(folder) == [GIB]


def test_a_container_that_sees_its_own_group_only(process, tmp_path):
    """With a name of the host's: the mount begins at that group."""
    root = tmp_path / "memory"
    group(root, V1, 2 * GIB, GIB, 256)
    folder = process(
        ["5:cpu,cpuacct:/docker/0f", "4:memory:/docker/0f", "0::/"],
        f"30 22 0:30 /docker/0f {root} ro - cgroup cgroup rw,memory",
        f"31 22 0:31 /docker/0f {tmp_path / 'cpu'} ro - cgroup cgroup rw,cpu,cpuacct",
    )

    assert free_memory.control_group_rooms(folder) == [GIB + 256]


def test_a_group_outside_of_what_is_mounted(process, tmp_path):
    root = tmp_path / "memory"
    group(root, V2, 2 * GIB, GIB)
    folder = process(["0::/../other"], f"30 22 0:30 / {root} rw - cgroup2 cgroup rw")

    assert GIB in free_memory.control_group_rooms(folder)


def test_a_group_that_has_taken_more_than_it_may_has_no_room(process, tmp_path):
    group(tmp_path / "memory", V1, GIB, 2 * GIB)
    folder = process(
        ["4:memory:/"], f"30 22 0:30 / {tmp_path / 'memory'} rw - cgroup cgroup rw,memory"
    )

    assert free_memory.control_group_rooms(folder) == [0]


def test_nothing_is_told(process, tmp_path):
    assert free_memory.control_group_rooms(tmp_path / "none") == []
    folder = process(["0::/"], f"30 22 0:30 / {tmp_path / 'gone'} rw - cgroup2 cgroup rw")
    assert free_memory.control_group_rooms(folder) == []


def test_the_least_counts(monkeypatch, tmp_path):
    (tmp_path / "meminfo").write_text(f"MemTotal: 9 kB\nMemAvailable:  {3 * GIB // 1024} kB\n")
    monkeypatch.setattr(free_memory, "_MEMINFO", tmp_path / "meminfo")
    for rooms, expected in (([], 3 * GIB), ([2 * GIB, 5 * GIB], 2 * GIB)):
        monkeypatch.setattr(free_memory, "control_group_rooms", lambda _, rooms=rooms: rooms)
        assert free_memory.available_bytes() == expected


def test_a_machine_without_proc(monkeypatch, tmp_path):
    """As macOS: its command tells, else all memory counts."""
    monkeypatch.setattr(free_memory, "_MEMINFO", tmp_path / "none")
    monkeypatch.setattr(free_memory, "control_group_rooms", lambda _: [])
    program = tmp_path / "vm_stat"
    program.write_text(
        "#!/bin/sh\ncat <<END\n"
        "Mach Virtual Memory Statistics: (page size of 16384 bytes)\n"
        "Pages free:                               1000.\n"
        "Pages active:                           200000.\n"
        "Pages inactive:                            500.\nEND\n"
    )
    program.chmod(0o755)
    monkeypatch.setattr(free_memory, "_VM_STAT", str(program))
    assert free_memory.available_bytes() == 1500 * 16384
    monkeypatch.setattr(free_memory, "_VM_STAT", str(tmp_path / "none"))
    assert free_memory.available_bytes() == psutil.virtual_memory().total


@pytest.mark.parametrize("read", ["inputs", "outputs"])
def test_a_control_group_limits_what_is_read(monkeypatch, tmp_path, read):
    monkeypatch.setattr(free_memory, "control_group_rooms", lambda _: [1 << 16])
    values = np.zeros((1, 1 << 16), np.float32)
    if read == "inputs":
        np.savez_compressed(tmp_path / "x.npz", x=values)
        with pytest.raises(InputError, match="more than fits into memory"):
            read_inputs(tmp_path / "x.npz")
    else:
        write_calls(tmp_path, [{"y": values}], (CallSamples((0,), 1),))
        with pytest.raises(OutputError, match="bytes"):
            take_over(tmp_path, tmp_path, lambda calls: None)
