"""Shows what a virtual machine does not say: how far its processors are from each other just now.

    python tools/core_distance.py [--minutes 3]

Two processes, each on a processor of its own, wait for each other's word in shared memory; and a
chain of a hundred small convolutions is run in ONNX Runtime by two threads and by one, in turn. The
host may move the virtual processors of a guest to cores that share no cache. A word then takes many
times as long, and so does every layer that two threads divide between them; one thread does not
notice. What it came to on one machine is in docs/measurement.md.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import tempfile
import time
from multiprocessing.shared_memory import SharedMemory
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from infer.diagnostics.self_test.known_artifacts import INPUT, SHAPE, write_onnx
from infer.runtimes import onnx
from infer.runtimes.base import Options
from infer.stats.call_times import log_call_time

WORDS = 20_000
LINE = 16  # of 8 bytes: two words are on cache lines of their own, and on no neighbouring ones
SECONDS = 0.3


def _answer(name: str, processor: int) -> None:
    os.sched_setaffinity(0, {processor})
    memory = SharedMemory(name)
    words = memory.buf.cast("q")
    for count in range(1, WORDS + 1):
        while words[0] != count:
            pass
        words[LINE] = count
    words.release()
    memory.close()


def round_trip_ns(here: int, there: int) -> float:
    """The time that a word takes to another processor and back, in ns, Python's own included.

    Args:
        here, there: numbers of the processors.
    """
    memory = SharedMemory(create=True, size=2 * LINE * 8)
    words = memory.buf.cast("q")
    words[0] = words[LINE] = 0
    other = multiprocessing.Process(target=_answer, args=(memory.name, there))
    other.start()
    everywhere = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {here})
    took = []
    for count in range(1, WORDS + 1):
        begin = time.perf_counter_ns()
        words[0] = count
        while words[LINE] != count:
            pass
        took.append(time.perf_counter_ns() - begin)
    os.sched_setaffinity(0, everywhere)
    other.join()
    words.release()
    memory.close()
    memory.unlink()
    return float(np.exp(log_call_time([took], "cpu")))


def call_us(model: Path, threads: int) -> float:
    """The time of an undisturbed call, in µs, of those of `SECONDS` by so many threads."""
    loaded = onnx.load(model, Options(threads=threads))
    image = {INPUT: np.zeros((1, *SHAPE), np.float32)}
    took = []
    end = time.perf_counter() + SECONDS
    while time.perf_counter() < end:
        begin = time.perf_counter()
        loaded.run(image)
        took.append(time.perf_counter() - begin)
    return float(np.exp(log_call_time([took], "cpu"))) * 1e6


def main() -> None:
    """Measure for some minutes, and print the deciles of what was found, the nearest first."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=3)
    options = parser.parse_args()
    processors = sorted(os.sched_getaffinity(0))[:2]
    if len(processors) < 2:
        sys.exit("error: there is only one processor")
    with tempfile.TemporaryDirectory() as folder:
        _, model = write_onnx(Path(folder))[0]
        rows = []
        print(f"measuring for {options.minutes:g} minutes", file=sys.stderr)
        end = time.monotonic() + 60 * options.minutes
        while not rows or time.monotonic() < end:
            rows.append((round_trip_ns(*processors), call_us(model, 2), call_us(model, 1)))
    rows.sort()
    print("   slower than  round trip  two threads  one thread")
    for tenth in range(11):
        trip, both, alone = rows[tenth * (len(rows) - 1) // 10]
        print(f"{tenth:7} in 10  {trip:7.0f} ns  {both:8.0f} µs  {alone:7.0f} µs")


if __name__ == "__main__":
    main()
