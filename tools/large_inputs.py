"""Measures a large file of inputs: what a run holds, and what a pass and a start cost.

    python tools/large_inputs.py FOLDER [--samples 50000] [--artifacts 8] [--budget 30m] [--labels]

makes random images of 224 x 224 x 3 bytes in FOLDER, 7.5 GB for 50,000, and copies of a MobileNet
in ONNX, with random weights (mobilenet.py); then runs `exportbench run` on all and looks, five
times a second, at what the controller and each worker hold. In a worker of its own it compares a
pass over all samples with its batches back to back, and the start with a file of 128 samples, in
turn. What a pass takes besides is shown by the steps of reading and converting an image
(input_steps.py). With --labels the run has random classes too, and calculates the metrics of a
classifier: the file is written once more, with them. It ends with status 1 if a figure is over its
bar. The figures are in docs/measurement.md.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import psutil

sys.path.insert(0, str(Path(__file__).parents[1]))

from input_steps import step_times
from mobilenet import CLASSES, HALF, write_mobilenet

from infer.artifacts.artifact import Artifact, open_artifact
from infer.inputs.worker_inputs import WorkerInputs
from infer.worker import messages
from infer.worker.client import WorkerProcess

# The script by which all processes of a run start.
BOOTSTRAP = "bootstrap.py"
FEW, BATCH, STARTS = 128, 32, 7
# Samples that are passed over at least, all of the file as often as that takes.
PASSED = 12_000
# Samples after which the batches of a pass are called back to back.
PART = 32 * BATCH
SHAPE = (224, 224, 3)
# Two batches as the artifact takes them, float32.
TWO_BATCHES = 2 * BATCH * int(np.prod(SHAPE)) * 4
WORKER = "memory of a worker, MiB"
OPTIONS = {"ranges": {"image": (0.0, 1.0)}}
MIB = 1 << 20


def make_images(path: Path, samples: int) -> None:
    """Write random images, some at a time, if they are not there yet."""
    if path.exists():
        return
    rng = np.random.default_rng(0)
    part = path.with_suffix(".part")
    with part.open("wb") as file:
        header = {"descr": "|u1", "fortran_order": False, "shape": (samples, *SHAPE)}
        np.lib.format.write_array_header_1_0(file, header)
        for first in range(0, samples, 256):
            file.write(rng.bytes(min(256, samples - first) * int(np.prod(SHAPE))))
    part.rename(path)


def with_labels(images: Path) -> Path:
    """An `.npz` file, stored plainly, of the images and a random class for each."""
    path = images.with_suffix(".npz")
    if not path.exists():
        mapped = np.load(images, mmap_mode="r", allow_pickle=False)
        labels = np.random.default_rng(1).integers(0, CLASSES, len(mapped))
        part = path.with_suffix(".part")
        with part.open("wb") as file:
            np.savez(file, image=mapped, labels=labels)
        part.rename(path)
    return path


class HeldMemory(threading.Thread):
    """Looks at what a run's controller and the processes that it starts hold, in bytes.

    Attributes:
        controller: the most that was resident of the controller.
        others: the most anonymous and shared memory of a process, by what it does: "worker", or
            the module that it runs.
    """

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.controller = 0
        self.others: dict[str, int] = {}
        self._process = psutil.Process(pid)

    def run(self) -> None:
        """Look until the controller has ended."""
        while True:
            try:
                self.controller = max(self.controller, self._process.memory_info().rss)
                for child in self._process.children(recursive=True):
                    self._look(child)
            except psutil.Error:
                return
            time.sleep(0.2)

    def _look(self, child: psutil.Process) -> None:
        """Look at a process, which may have ended meanwhile."""
        with contextlib.suppress(psutil.NoSuchProcess):
            words = child.cmdline()
            if BOOTSTRAP not in (Path(word).name for word in words):
                return  # it is yet to become the program that it was started for
            # Options are followed by absolute paths; a worker has no module.
            doing = next((word for word in words if re.fullmatch(r"\w+(\.\w+)+", word)), "worker")
            held = held_bytes(child.pid)
            self.others[doing] = max(self.others.get(doing, 0), held)


def held_bytes(pid: int) -> int:
    """Anonymous and shared memory of a process; 0 if it has ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    names = ("RssAnon:", "RssShmem:")
    return sum(int(line.split()[1]) << 10 for line in lines if line.startswith(names))


@contextmanager
def worker_of(artifact: Artifact, inputs: WorkerInputs, scratch: Path) -> Iterator[WorkerProcess]:
    """A worker that has read its inputs and been called once."""
    with WorkerProcess(
        artifact,
        device="cpu",
        threads=2,
        scratch=scratch,
        log=scratch / "log",
        timeout_s=7200.0,
        inputs=inputs,
    ) as worker:
        worker.start()
        worker.load()
        worker.ask(messages.Inputs(path=str(inputs.path()), options=OPTIONS))
        worker.ask(messages.FirstCall(batch=BATCH))
        yield worker


def started_s(artifact: Artifact, inputs: WorkerInputs, scratch: Path) -> float:
    """Seconds until a worker has made its first call."""
    begin = time.perf_counter()
    with worker_of(artifact, inputs, scratch):
        return time.perf_counter() - begin


def pass_over_batches(worker: WorkerProcess, samples: int, scratch: Path) -> float:
    """Time a pass, and its batches back to back, in turn after each part of the samples.

    So both meet the same state of the machine, which changes within seconds. A rest of the samples
    that is no whole part is left out.

    Returns:
        The ratio of a pass to its batches, of the medians over the parts.
    """
    part = min(PART, samples // BATCH * BATCH)
    times = []
    read = psutil.disk_io_counters().read_bytes
    for number in range(-(-PASSED // samples)):
        for first in range(0, samples - part + 1, part):
            outputs = str(scratch / f"outputs-{number}-{first}")
            answer = worker.ask(
                messages.Predict(batch=BATCH, outputs=outputs, samples=part, skip=first)
            )
            burst = worker.ask(
                messages.Burst(batch=BATCH, calls=part // BATCH, first=first // BATCH)
            )
            times.append((answer["seconds"], sum(burst["seconds"])))
    read = psutil.disk_io_counters().read_bytes - read
    pass_ms, batches_ms = (
        1e3 * statistics.median(seconds) / part for seconds in zip(*times, strict=True)
    )
    together = np.divide(*np.sum(times, axis=0))
    print(f"ms an image: {batches_ms:.3f} network, {pass_ms:.3f} pass", flush=True)
    print(f"pass, over its batches, disturbed parts included: {together:.3g}", flush=True)
    print(f"read from the disk meanwhile: {read / MIB:.0f} MiB", flush=True)
    return pass_ms / batches_ms


def figures_of_worker(
    folder: Path, images: Path, few: Path, samples: int
) -> dict[str, tuple[float, float]]:
    """Ratios of a pass and of a start, and what a worker holds; each with its bar.

    What it holds with few samples counts as its runtime: the memory of its calls is part of that.
    """
    artifact = open_artifact(folder / "0.onnx")
    with tempfile.TemporaryDirectory(prefix="exportbench-") as name:
        scratch = Path(name)
        many_inputs, few_inputs = (WorkerInputs(file, scratch / "in") for file in (images, few))
        begin = time.perf_counter()
        many_inputs.path(), few_inputs.path()
        print(f"store: made in {time.perf_counter() - begin:.1f} s", flush=True)
        starts: dict[bool, list[float]] = {False: [], True: []}
        for _ in range(STARTS):
            for is_few, inputs in ((False, many_inputs), (True, few_inputs)):
                starts[is_few].append(started_s(artifact, inputs, scratch / "worker"))
        held: dict[bool, int] = {}
        for is_few, inputs in ((True, few_inputs), (False, many_inputs)):
            with worker_of(artifact, inputs, scratch / "worker") as worker:
                outputs = str(scratch / f"outputs-{is_few}")
                answer = worker.ask(messages.Predict(batch=BATCH, outputs=outputs))
                held[is_few] = answer["peak_bytes"]
                if not is_few:
                    pass_ratio = pass_over_batches(worker, samples, scratch)
    return {
        "start, over that with 128 samples": (
            statistics.median(starts[False]) / statistics.median(starts[True]),
            1.1,
        ),
        "pass, over its batches back to back": (pass_ratio, 1.1),
        "memory of a worker, over that with 128 samples": (held[False] / held[True], 1.05),
        WORKER: (held[False] / MIB, (held[True] + TWO_BATCHES) / MIB),
    }


def figures_of_run(
    folder: Path, inputs: Path, artifacts: int, budget: str, most_mib: float
) -> dict[str, tuple[float, float]]:
    """What a run holds, and how many artifacts have no verdict; each with its bar.

    Args:
        folder: for the run; the artifacts are there.
        inputs: the file of inputs.
        artifacts: how many there are.
        budget: of the run.
        most_mib: MiB that a worker may hold.
    """
    paths = [str(folder / f"{number}.onnx") for number in range(artifacts)]
    report = folder / "run.json"
    command = [sys.executable, "-m", "infer", "run", *paths, "--inputs", str(inputs)]
    command += ["--range", "image=0:1", "--batch", str(BATCH), "--device", "cpu"]
    command += ["--budget", budget, "--timeout", "7200s"]
    command += ["--out", str(folder / "runs"), "--json", str(report)]
    begin = time.perf_counter()
    checkout = Path(__file__).parents[1]
    with subprocess.Popen(command, cwd=checkout, stdout=subprocess.DEVNULL) as process:
        memory = HeldMemory(process.pid)
        memory.start()
        process.wait()
    memory.join()
    print(f"run: status {process.returncode}, {time.perf_counter() - begin:.0f} s", flush=True)
    rows = json.loads(report.read_text())["rows"]
    print(f"outcomes: {', '.join(row['outcome'] for row in rows)}", flush=True)
    # Peak rates are those of arrays that are larger than any cache, so that process is large.
    for doing, held in sorted(memory.others.items()):
        print(f"{doing}: {held / MIB:.0f} MiB", flush=True)
    return {
        "artifacts without a verdict": (sum(row["outcome"] != "ok" for row in rows), 0),
        "controller, MB": (memory.controller / 1e6, 500),
        "largest worker of the run, MiB": (memory.others["worker"] / MIB, most_mib),
    }


def main() -> int:
    """Make what is missing, measure, and print the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="for the images, 7.5 GB, and the run")
    parser.add_argument("--samples", type=int, default=50_000, help="images (default: 50,000)")
    parser.add_argument("--artifacts", type=int, default=8, help="copies (default: 8)")
    parser.add_argument("--budget", default="30m", help="time for the run (default: 30m)")
    parser.add_argument(
        "--width", type=float, default=HALF, help=f"of the MobileNet (default: {HALF})"
    )
    parser.add_argument("--labels", action="store_true", help="give the run classes, too")
    parser.add_argument("--only-worker", action="store_true", help="leave the run out")
    arguments = parser.parse_args()
    folder = arguments.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    images, few = folder / f"image{arguments.samples}.npy", folder / f"image{FEW}.npy"
    make_images(images, arguments.samples)
    make_images(few, FEW)
    write_mobilenet(folder / "0.onnx", arguments.width)
    for number in range(1, arguments.artifacts):
        shutil.copyfile(folder / "0.onnx", folder / f"{number}.onnx")
    for step, step_ms in step_times(images, BATCH).items():
        print(f"ms an image: {step_ms:.3f} {step}", flush=True)
    figures = figures_of_worker(folder, images, few, arguments.samples)
    if not arguments.only_worker:
        most_mib = figures[WORKER][1]
        inputs = with_labels(images) if arguments.labels else images
        figures |= figures_of_run(folder, inputs, arguments.artifacts, arguments.budget, most_mib)
    for name, (value, bar) in figures.items():
        print(f"{name}: {value:.3g} (at most {bar:.3g})")
    return int(any(value > bar for value, bar in figures.values()))


if __name__ == "__main__":
    sys.exit(main())
