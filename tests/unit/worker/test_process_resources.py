"""The peak of memory is what a process holds by itself: calls count, and files that it maps do not.

Each is tried in a process of its own, whose peak nothing else has raised.
"""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/status").exists(), reason="only Linux tells of it"
)
MIB = 1 << 20
HEAD = """
import sys
from pathlib import Path
import numpy as np
from infer.inputs.batching import Batcher
from infer.inputs.lazy_array import LazyArray
from infer.inputs.npy import MappedArray
from infer.worker.process_resources import PeakMemory, peak_resident_bytes
memory = PeakMemory()
before, resident = memory.bytes, peak_resident_bytes()
"""
TAIL = "\nprint(memory.look() - before, peak_resident_bytes() - resident)"


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """64 MiB of bytes, as 64 samples."""
    path = tmp_path_factory.mktemp("inputs") / "x.npy"
    np.save(path, np.ones((64, MIB), np.uint8))
    return path


def grown(program, *arguments):
    """MiB by which held and resident memory have grown at most."""
    command = [sys.executable, "-c", HEAD + program + TAIL, *map(str, arguments)]
    answer = subprocess.run(command, capture_output=True, text=True, check=True)
    return [int(word) / MIB for word in answer.stdout.split()]


def test_what_a_call_frees_again_counts():
    held, _ = grown("values = np.ones(100 << 20, np.uint8); del values")

    assert 99 < held < 108


def test_what_is_held_besides_does_not_count():
    held, _ = grown("values = np.ones(100 << 20, np.uint8); memory.look(besides=values.nbytes)")
    besides, _ = grown(
        "values = np.ones(100 << 20, np.uint8); look = memory.look\n"
        "memory.look = lambda: look(besides=values.nbytes)"
    )

    assert 99 < held < 108
    assert besides < 8


def test_a_mapped_file_does_not_count(file):
    held, resident = grown("values = np.load(sys.argv[1], mmap_mode='r'); values.sum()", file)

    assert held < 6
    assert resident > 60


def test_a_pass_over_samples_holds_some_batches_whatever_their_number(file):
    program = """
def scaled(rows):
    return rows / np.float32(255), ""
lazy, _ = LazyArray.of_mapped(MappedArray(Path(sys.argv[1]))).converted(scaled)
for inputs in Batcher({"x": lazy}, 2, samples=int(sys.argv[2])):
    assert inputs["x"].dtype == np.float32 and inputs["x"].flags.writeable
"""
    few, many = (grown(program, file, samples) for samples in (8, 64))

    assert few[0] < 24  # two batches of 8 MiB, and room
    assert abs(many[0] - few[0]) < 1
    assert many[1] < 24 + 8  # of the file no more than a part is resident
