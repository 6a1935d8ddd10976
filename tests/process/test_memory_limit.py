"""The memory limit counts all that a worker has started, and memory that is not its own alone."""

import pytest
from runs import left_behind
from test_process_group import LINUX_ONLY, loaded, project, worker  # noqa: F401 - fixtures

from infer.outcome import Failure, Outcome

pytestmark = LINUX_ONLY
LIMIT = 256 << 20
USES = "import mmap\nMIB = 1 << 20\n"
WAITS = "\ntime.sleep(600)\n"
CHILDREN = """
for _ in range(6):
    if not os.fork():
        held = bytearray(b"x") * (80 * MIB)
        time.sleep(600)
"""
FILE = """
file = os.memfd_create("x")
for _ in range(300):
    os.write(file, bytes(MIB))
"""
# Neither resident nor open; the second has no name at all.
CLOSED_FILE = FILE + "kept = mmap.mmap(file, 300 * MIB)\nos.close(file)"
SHARED = """
kept = mmap.mmap(-1, 300 * MIB)
for place in range(0, len(kept), 4096):
    kept[place] = 1
kept.madvise(mmap.MADV_DONTNEED)
"""
IN_A_CHILD = "if not os.fork():\n" + FILE.replace("\n", "\n    ") + "\n    time.sleep(600)\n"
# Resident in each of them, and there once.
COPIES = """
kept = bytearray(b"x") * (60 * MIB)
for _ in range(6):
    if not os.fork():
        time.sleep(600)
time.sleep(0.5)
"""
BOMB = """
while True:
    if not os.fork():
        time.sleep(600)
"""


@pytest.mark.parametrize(
    "code",
    [CHILDREN, FILE, CLOSED_FILE, SHARED, IN_A_CHILD],
    ids=["children", "file", "closed file", "shared", "file of a child"],
)
def test_all_memory_counts(worker, code):  # noqa: F811
    with worker(USES + code + WAITS) as process:
        process.start()
        process.memory_limit = LIMIT
        with pytest.raises(Failure, match="--memory-limit") as caught:
            loaded(process)

    assert caught.value.outcome == Outcome.OUT_OF_MEMORY


def test_what_processes_share_counts_once(worker):  # noqa: F811
    with worker(USES + COPIES) as process:
        process.memory_limit = LIMIT
        loaded(process)


def test_processes_without_end_are_a_crash(worker, tmp_path, monkeypatch):  # noqa: F811
    monkeypatch.setattr("infer.worker.process_failures.MOST_PROCESSES", 40)
    with worker(BOMB) as process:
        with pytest.raises(Failure, match="more than 40") as caught:
            loaded(process)
        assert left_behind(tmp_path) == []

    assert caught.value.outcome == Outcome.CRASH
