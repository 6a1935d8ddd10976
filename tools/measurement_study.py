"""Compares ways to measure: how small a difference each finds in a minute, and how often it errs.

    python tools/measurement_study.py collect ARTIFACT --inputs FILE.npz --out FOLDER
    python tools/measurement_study.py compare FOLDER [--markdown FILE]
    python tools/measurement_study.py ratios RUN [--turns N] [--markdown FILE]

`collect` measures byte copies of one artifact, which truly differ by nothing, in several
arrangements of processes. `compare` then judges every pair of copies by many estimators, over
runs of consecutive generations. `ratios` has the estimators judge a run of `exportbench run`,
whose artifacts differ in how sensitive they are to what else runs. The results are in
docs/measurement.md.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import os
import random
import selectors
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from infer.artifacts.artifact import (
    Artifact,
    open_artifact,
)
from infer.stats.ratios import ratio_of
from infer.worker import messages
from infer.worker.client import (
    WorkerProcess,
    worker_manifest,
)
from infer.worker.environment import environment_of
from infer.workload import Workload

BATCHES = (1, 128)
BURST_S = {1: 0.06, 128: 0.2}
TURNS = 6
COPIES = 6

# A server that has imported the runtime and forks a worker for every line it reads.
SERVER = """
import importlib, json, os, sys
sys.path.insert(0, sys.argv[1])
import infer.worker.server
from infer.runtimes import RUNTIMES
importlib.import_module(f"infer.runtimes.{RUNTIMES[sys.argv[2]].module}")
import time
print("ready", flush=True)
for line in sys.stdin:
    job = json.loads(line)
    pid = os.fork()
    if pid == 0:
        os.setsid()
        os.chdir(job["cwd"])
        for number, path, flags in ((0, job["in"], os.O_RDONLY), (1, job["out"], os.O_WRONLY)):
            os.dup2(os.open(path, flags), number)
        sys.stdin = os.fdopen(0, "r")
        infer.worker.server.main(time.perf_counter_ns(), {})
        os._exit(0)
    print(pid, flush=True)
"""


class Server:
    """Forks workers that have imported their runtime already."""

    def __init__(self, format_name: str, folder: Path) -> None:
        self.folder = folder
        self._number = 0
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-c", SERVER, str(ROOT), format_name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environment_of("cpu", os.cpu_count() or 1, {}, None, tf32=False),
        )
        assert self._process.stdout
        self._process.stdout.readline()

    def fork(self) -> tuple[int, Any, Any]:
        """Process number, and the ends of the pipes to a new worker and from it."""
        assert self._process.stdin and self._process.stdout
        self._number += 1
        paths = [self.folder / f"{end}-{self._number}" for end in ("in", "out")]
        for path in paths:
            path.unlink(missing_ok=True)  # of the server before
            os.mkfifo(path)
        job = {"in": str(paths[0]), "out": str(paths[1]), "cwd": str(self.folder)}
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()
        pid = int(self._process.stdout.readline())
        return pid, paths[0].open("wb"), paths[1].open("rb")

    def close(self) -> None:
        """End the server."""
        self._process.kill()
        self._process.communicate()


class _Forked:
    """Stands for `subprocess.Popen` of a worker that a server has forked."""

    def __init__(self, server: Server) -> None:
        self.pid, self.stdin, self.stdout = server.fork()

    def wait(self) -> int:
        return -signal.SIGKILL


class ForkedWorker(WorkerProcess):
    """A worker of a server."""

    def __init__(self, artifact: Artifact, server: Server) -> None:
        self._log, self._timeout_s, self._memory_limit, self._buffer = Path(), 300.0, None, b""
        self._scratch = server.folder
        self.started = time.perf_counter()
        self._process = _Forked(server)  # type: ignore[assignment]
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._process.stdout, selectors.EVENT_READ)  # type: ignore[arg-type]
        self._have_compiled = lambda: False  # type: ignore[method-assign]
        self._start = messages.Start(
            format=artifact.format,
            payload=str(artifact.payload.resolve()),
            device="cpu",
            threads=os.cpu_count() or 1,
            manifest=worker_manifest(artifact.manifest) if artifact.manifest else {},
        )


def start(artifact: Artifact, inputs: Path, scratch: Path, server: Server | None) -> WorkerProcess:
    """A worker that is warm for both batches, and stopped."""
    worker = (
        ForkedWorker(artifact, server)
        if server
        else WorkerProcess(
            artifact,
            device="cpu",
            threads=os.cpu_count() or 1,
            scratch=scratch,
            log=scratch / "log",
            timeout_s=300,
        )
    )
    worker.start()
    worker.ask(messages.Load())
    worker.ask(messages.Inputs(path=str(inputs.resolve())))
    for batch in BATCHES:
        worker.ask(messages.WarmUp(batch=batch, limit_s=10.0))
    worker.stop()
    return worker


def burst(worker: WorkerProcess, batch: int, calls: int, turn: int) -> dict[str, Any]:
    """Let a worker run for a burst."""
    worker.go()
    answer = worker.ask(messages.Burst(batch=batch, calls=calls, first=turn * calls))
    worker.stop()
    return {"seconds": answer["seconds"], "cpu_s": answer["cpu_s"]}


def generation(
    artifacts: list[Artifact],
    arrangement: str,
    calls: dict[int, int],
    make: Callable[[Artifact], WorkerProcess],
    shuffle: random.Random,
) -> dict[str, Any]:
    """One generation: the bursts of every copy, by batch, and what starting them cost."""
    began = time.perf_counter()
    bursts: list[dict[int, list[Any]]] = [{batch: [] for batch in BATCHES} for _ in artifacts]
    start_s = 0.0
    alone = arrangement == "alone"
    order = list(range(len(artifacts)))
    shuffle.shuffle(order)
    with contextlib.ExitStack() as stack:
        workers = {}
        for group in [[i] for i in order] if alone else [order]:
            begin = time.perf_counter()
            for i in group:
                workers[i] = stack.enter_context(make(artifacts[i]))
            start_s += time.perf_counter() - begin
            for turn in range(TURNS):
                for batch in BATCHES:
                    shuffle.shuffle(group)
                    for i in group:
                        bursts[i][batch].append(burst(workers[i], batch, calls[batch], turn))
            if alone:
                stack.close()
    total = time.perf_counter() - began
    return {"arrangement": arrangement, "start_s": start_s, "seconds": total, "bursts": bursts}


def collect(options: argparse.Namespace) -> None:
    """Measure copies of an artifact in every arrangement, in turn, until time is over."""
    options.out.mkdir(parents=True, exist_ok=True)
    original = open_artifact(options.artifact)
    artifacts = []
    for index in range(COPIES):
        copy = options.out / "copies" / str(index)
        if not copy.exists():
            copy.parent.mkdir(exist_ok=True)
            (shutil.copytree if original.path.is_dir() else shutil.copy)(original.path, copy)
        artifacts.append(open_artifact(copy))
    scratch = options.out / "scratch"
    scratch.mkdir(exist_ok=True)
    with start(artifacts[0], options.inputs, scratch, None) as worker:
        worker.go()
        calls = {}
        for batch in BATCHES:
            seconds = worker.ask(messages.Burst(batch=batch, calls=10, first=0))["seconds"]
            calls[batch] = max(2, round(BURST_S[batch] / float(np.median(seconds))))
    shuffle = random.Random(0)
    end = time.monotonic() + options.minutes * 60
    with (options.out / "generations.jsonl").open("a") as file:
        for arrangement in itertools.cycle(options.arrangements):
            if time.monotonic() > end:
                break
            server = Server(original.format, scratch) if arrangement == "forked" else None

            def make(artifact: Artifact, server: Server | None = server) -> WorkerProcess:
                return start(artifact, options.inputs, scratch, server)

            # A server serves several generations, as it would if this were how we measured.
            for _ in range(options.block):
                record = generation(artifacts, arrangement, calls, make, shuffle)
                file.write(json.dumps(record | {"calls": calls, "format": original.format}) + "\n")
                file.flush()
                print(f"{arrangement}: {record['seconds']:.1f} s", file=sys.stderr)
            if server:
                server.close()
    shutil.rmtree(scratch)


# Analysis

Burst = dict[str, Any]
# From the bursts of two artifacts in a generation to their difference in log time.
Difference = Callable[[list[Burst], list[Burst]], float]


def by_turn(level: Callable[[np.ndarray], float], over_turns: Callable[[Any], Any]) -> Difference:
    """Of the levels of paired bursts, brought together over the turns."""
    return lambda mine, theirs: float(
        over_turns(
            [
                np.log(level(np.asarray(a["seconds"])) / level(np.asarray(b["seconds"])))
                for a, b in zip(mine, theirs, strict=True)
            ]
        )
    )


def of_all_calls(share: float) -> Difference:
    """Of a quantile of all calls."""

    def level(bursts: list[Burst]) -> float:
        return float(np.quantile(np.log(np.concatenate([b["seconds"] for b in bursts])), share))

    return lambda mine, theirs: level(mine) - level(theirs)


def of_cpu(mine: list[Burst], theirs: list[Burst]) -> float:
    """Of the processor time, as a mean over the turns."""
    return float(
        np.mean([np.log(a["cpu_s"] / b["cpu_s"]) for a, b in zip(mine, theirs, strict=True)])
    )


CHOSEN = "10 % quantile of all calls"
ESTIMATES: dict[str, Difference] = {
    CHOSEN: of_all_calls(0.1),
    "5 % quantile of all calls": of_all_calls(0.05),
    "lower quartile of all calls": of_all_calls(0.25),
    "median of all calls": of_all_calls(0.5),
    "minimum of a burst, median of turns": by_turn(np.min, np.median),
    "minimum of a burst, mean of turns": by_turn(np.min, np.mean),
    "median of a burst, median of turns": by_turn(np.median, np.median),
    "median of a burst, mean of turns": by_turn(np.median, np.mean),
    "trimmed mean of a burst, mean of turns": by_turn(
        lambda seconds: stats.trim_mean(seconds, 0.2), np.mean
    ),
    "mean of a burst, mean of turns": by_turn(np.mean, np.mean),
    "processor time, mean of turns": of_cpu,
}


@dataclass(frozen=True)
class Judged:
    """What a way to measure came to over all pairs of copies and runs."""

    false_alarms: int
    comparisons: int
    half_width: float
    minutes: float

    @property
    def per_minute(self) -> float:
        """The half-width that a minute of measuring would come to, as a share."""
        return self.half_width * self.minutes**0.5


def judge(
    generations: list[dict[str, Any]],
    batch: int,
    *,
    estimate: str = CHOSEN,
    turns: int = TURNS,
    size: int = 6,
) -> Judged:
    """Judge all pairs of copies in runs of consecutive generations.

    Args:
        generations: of one arrangement, in their order.
        batch: samples a call.
        estimate: one of `ESTIMATES`.
        turns: how many of the bursts are used.
        size: generations in a run.
    """
    alarms = comparisons = 0
    widths = []
    bursts = [[copy[str(batch)][:turns] for copy in g["bursts"]] for g in generations]
    copies = len(bursts[0])
    for first in range(0, len(bursts) - size + 1, size):
        run = bursts[first : first + size]
        for a, b in itertools.combinations(range(copies), 2):
            ratio = ratio_of([ESTIMATES[estimate](own[a], own[b]) for own in run])
            assert ratio.low is not None and ratio.high is not None
            alarms += ratio.high < 1 or ratio.low > 1
            comparisons += 1
            widths.append(ratio.resolution)
    burst_s = np.mean([sum(b["seconds"]) for g in bursts for own in g for b in own])
    start_s = np.mean([g["start_s"] for g in generations])
    # Of two artifacts: starting both, and their bursts with the untimed call of each.
    calls = generations[0]["calls"][str(batch)]
    minutes = size * 2 * (start_s / copies + turns * burst_s * (1 + 1 / calls)) / 60
    return Judged(alarms, comparisons, float(np.median(widths)), float(minutes))


def rows(generations: list[dict[str, Any]]) -> Iterable[tuple[str, str, int, Judged]]:
    """What is compared: arrangement, way, batch and what it came to."""
    by: dict[str, list[dict[str, Any]]] = {}
    for record in generations:
        by.setdefault(record["arrangement"], []).append(record)
    for batch in BATCHES:
        for arrangement, own in by.items():
            if len(own) < 6:
                continue
            if arrangement != "stopped":
                yield arrangement, CHOSEN, batch, judge(own, batch)
                continue
            for estimate in ESTIMATES:
                yield arrangement, estimate, batch, judge(own, batch, estimate=estimate)
            for turns in (1, 2, 4):
                yield (
                    arrangement,
                    f"{CHOSEN}, turns: {turns}",
                    batch,
                    judge(own, batch, turns=turns),
                )
            for size in (4, 12):
                if len(own) >= size:
                    way = f"{CHOSEN}, generations: {size}"
                    yield arrangement, way, batch, judge(own, batch, size=size)


def compare(options: argparse.Namespace) -> None:
    """Print the table."""
    path = options.folder / "generations.jsonl"
    generations = [json.loads(line) for line in path.read_text().splitlines()]
    lines = [
        "| batch | processes | estimate | false alarms | half-width | minutes for two "
        "| half-width in a minute |",
        "| ---: | :--- | :--- | ---: | ---: | ---: | ---: |",
    ]
    for arrangement, way, batch, judged in rows(generations):
        lines.append(
            f"| {batch} | {arrangement} | {way} | "
            f"{judged.false_alarms}/{judged.comparisons} | "
            f"{judged.half_width:.1%} | {judged.minutes:.2f} | {judged.per_minute:.1%} |"
        )
    write(lines, options.markdown)


def ratios(options: argparse.Namespace) -> None:
    """Print how wide a run's intervals are by each estimator, in per cent."""
    records = [json.loads(line) for line in (options.run / "results.jsonl").open()]
    reference = next(r["reference"] for r in records if r["kind"] == "parity")
    bursts: dict[str, dict[str, dict[int, dict[int, Burst]]]] = {}
    for record in records:
        if record["kind"] == "burst" and record["turn"] < options.turns:
            full = record["samples"] // record["workload"]["batch"] or len(record["seconds"])
            own = bursts.setdefault(Workload(**record["workload"]).name, {}).setdefault(
                record["artifact"], {}
            )
            turns = own.setdefault(record["generation"], {})
            turns[record["turn"]] = record | {"seconds": record["seconds"][:full]}
    lines = []
    for point, artifacts in bursts.items():
        names = [name for name in artifacts if name != reference]
        lines += [f"| {point} | {' | '.join(names)} |", "| :--- |" + " ---: |" * len(names)]
        for estimate, difference in ESTIMATES.items():
            cells = []
            for name in names:
                mine, theirs = artifacts[name], artifacts[reference]
                differences = []
                for generation in sorted(mine.keys() & theirs.keys()):
                    turns = sorted(mine[generation].keys() & theirs[generation].keys())
                    differences.append(
                        difference(
                            [mine[generation][t] for t in turns],
                            [theirs[generation][t] for t in turns],
                        )
                    )
                ratio = ratio_of(differences, len(names))
                width = "-" if ratio.resolution is None else f"{ratio.resolution:.1%}"
                cells.append(f"{ratio.value:.3f} ± {width}")
            lines.append(f"| {estimate} | {' | '.join(cells)} |")
        lines.append("")
    write(lines, options.markdown)


def write(lines: list[str], path: Path | None) -> None:
    """Print a table, and write it to a file where one is asked for."""
    text = "\n".join(lines) + "\n"
    print(text, end="")
    if path:
        path.write_text(text)


def main() -> None:
    """Run a subcommand."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    actions = parser.add_subparsers(required=True)
    first = actions.add_parser("collect", help="measure copies of an artifact")
    first.add_argument("artifact", type=Path)
    first.add_argument("--inputs", type=Path, required=True)
    first.add_argument("--out", type=Path, required=True)
    first.add_argument("--minutes", type=float, default=30)
    first.add_argument("--block", type=int, default=2, help="generations of one kind in a row")
    first.add_argument(
        "--arrangements",
        nargs="+",
        default=["stopped", "alone", "forked"],
        choices=["stopped", "alone", "forked"],
    )
    first.set_defaults(do=collect)
    second = actions.add_parser("compare", help="judge what was collected")
    second.add_argument("folder", type=Path)
    second.add_argument("--markdown", type=Path, help="write the table to this file too")
    second.set_defaults(do=compare)
    third = actions.add_parser("ratios", help="judge the ratios of a run")
    third.add_argument("run", type=Path)
    third.add_argument("--turns", type=int, default=sys.maxsize, help="use the first N only")
    third.add_argument("--markdown", type=Path, help="write the tables to this file too")
    third.set_defaults(do=ratios)
    options = parser.parse_args()
    options.do(options)


if __name__ == "__main__":
    main()
