"""Compares ways to measure: how small a difference each finds in a minute, and how often it errs.

    python tools/measurement_study.py collect ARTIFACT --inputs FILE.npz --out FOLDER
    python tools/measurement_study.py compare FOLDER [--markdown FILE]
    python tools/measurement_study.py ratios RUN [--turns N] [--markdown FILE]
    python tools/measurement_study.py intervals RUN [--generations N] [--markdown FILE]
    python tools/measurement_study.py families RUN ... [--markdown FILE]
    python tools/measurement_study.py shorter RUN [--runs N] [--markdown FILE]
    python tools/measurement_study.py scatter RUN [--turns N] [--calls N] [--markdown FILE]

`collect` measures byte copies of one artifact, which truly differ by nothing, in several
arrangements of processes. `compare` then judges every pair of copies by many estimators, over
runs of consecutive generations. `ratios` has the estimators judge a run of `exportbench run`,
whose artifacts differ in how sensitive they are to what else runs. `intervals` computes the
intervals of such a run with each artifact's own variance and with that of the artifacts beside it.
`families` counts the false alarms among equal artifacts of runs, or of what `collect` measured:
byte copies, each as the reference of the others, and artifacts in some generations of a run against
themselves in others. `shorter` takes some generations and turns of a long run, as shorter ones
would have had them. `scatter` shows what the intervals of a run stand on.
The results are in docs/measurement.md.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import os
import random
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import equal_families
import generation_scatter
import numpy as np
from estimators import BATCHES, ESTIMATES, TURNS, Burst, rows
from forked_workers import ForkedWorker, Server
from shorter_runs import resampled

from infer.artifacts.artifact import Artifact, open_artifact
from infer.inputs.worker_inputs import WorkerInputs
from infer.records.process_events import BurstTimed
from infer.records.store import read_events
from infer.results.record_index import RecordIndex
from infer.stats.ratios import ratio_of
from infer.worker import messages
from infer.worker.client import WorkerProcess
from infer.workload import Workload

BURST_S = {1: 0.06, 128: 0.2}
COPIES = 6
# Generations of a short run, and turns in one of them.
SHORTER_GENERATIONS = (3, 4, 5)
SHORTER_TURNS = (4, 8)


def start(artifact: Artifact, inputs: Path, scratch: Path, server: Server | None) -> WorkerProcess:
    """A worker that is warm for both batches, and stopped."""
    without_labels = WorkerInputs(inputs, scratch / "inputs")
    process: dict[str, Any] = {
        "device": "cpu",
        "threads": os.cpu_count() or 1,
        "scratch": scratch,
        "log": scratch / "log",
        "timeout_s": 300,
        "inputs": without_labels,
    }
    worker = (
        ForkedWorker(artifact, server, **process) if server else WorkerProcess(artifact, **process)
    )
    worker.start()
    worker.ask(messages.Load())
    worker.ask(messages.Inputs(path=str(without_labels.path())))
    for batch in BATCHES:
        worker.ask(messages.WarmUp(batch=batch, limit_s=10.0))
    worker.stop()
    return worker


def burst(worker: WorkerProcess, batch: int, calls: int, turn: int) -> dict[str, Any]:
    """Let a worker run for a burst."""
    worker.resume()
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
        worker.resume()
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
            by_artifact = bursts.setdefault(Workload(**record["workload"]).name, {}).setdefault(
                record["artifact"], {}
            )
            turns = by_artifact.setdefault(record["generation"], {})
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


def intervals(options: argparse.Namespace) -> None:
    """Print half the widths of a run's intervals, with own variances and as the run has them."""
    events = [
        event
        for event in read_events(options.run)
        if not isinstance(event, BurstTimed) or event.generation < options.generations
    ]
    index = RecordIndex(events)
    lines = []
    for workload in index.workloads:
        lines += [
            f"| {workload} | generations | ratio | own variance | as the run has it |",
            "| :--- | ---: | ---: | ---: | ---: |",
        ]
        for label in index.timed(workload):
            if ratio := index.ratio(label, workload):
                differences = index.differences(workload)
                own = ratio_of(differences[label], len(differences))
                widths = (
                    "-" if r.resolution is None else f"± {r.resolution:.1%}" for r in (own, ratio)
                )
                cells = [label, str(ratio.generations), f"{ratio.value:.3f}", *widths]
                lines.append(f"| {' | '.join(cells)} |")
        lines.append("")
    write(lines, options.markdown)


def families(options: argparse.Namespace) -> None:
    """Print the false alarms of families of equal artifacts, with own variances and moderated."""
    lines = [line for folder in options.folders for line in equal_families.rows(folder)]
    if not lines:
        sys.exit(
            "families: nothing to judge. A run needs four generations, or byte copies of an "
            "artifact and two; runs of --budget 10m have ten."
        )
    write([*equal_families.HEADER, *lines], options.markdown)


def shorter(options: argparse.Namespace) -> None:
    """Print half the widths of runs of some generations and turns of a long one."""
    index = RecordIndex(read_events(options.run))
    lines = []
    for workload, timed in index.workloads.items():
        lines += [
            f"| {workload}: generations | turns | calls | runs | half-width | of most | aim met "
            "| missed |",
            "| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
        ]
        for generations in SHORTER_GENERATIONS:
            for turns in SHORTER_TURNS:
                # Calls are long in batches: one of them a turn, or all.
                for calls in (None,) if timed.batch == 1 else (1, None):
                    way = (generations, turns, calls)
                    if line := resampled(index, workload, *way, options.runs):
                        lines.append(line)
        lines.append("")
    write(lines, options.markdown)


def scatter(options: argparse.Namespace) -> None:
    """Print how far the times of a run's artifacts scatter from one generation to the next."""
    index = RecordIndex(read_events(options.run))
    lines = [
        line
        for workload in index.workloads
        for line in (*generation_scatter.rows(index, workload, options.turns, options.calls), "")
    ]
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
    fourth = actions.add_parser("intervals", help="compare the intervals of a run")
    fourth.add_argument("run", type=Path)
    fourth.add_argument("--generations", type=int, default=sys.maxsize, help="use the first N only")
    fourth.add_argument("--markdown", type=Path, help="write the tables to this file too")
    fourth.set_defaults(do=intervals)
    fifth = actions.add_parser("families", help="false alarms among several artifacts at once")
    fifth.add_argument("folders", type=Path, nargs="+", help="of runs, or of `collect`")
    fifth.add_argument("--markdown", type=Path, help="write the table to this file too")
    fifth.set_defaults(do=families)
    sixth = actions.add_parser("shorter", help="what shorter runs would have come to")
    sixth.add_argument("run", type=Path)
    sixth.add_argument("--runs", type=int, default=100, help="of each kind (default: 100)")
    sixth.add_argument("--markdown", type=Path, help="write the tables to this file too")
    sixth.set_defaults(do=shorter)
    seventh = actions.add_parser("scatter", help="what the intervals of a run stand on")
    seventh.add_argument("run", type=Path)
    seventh.add_argument("--turns", type=int, default=sys.maxsize, help="use the first N only")
    seventh.add_argument("--calls", type=int, default=sys.maxsize, help="of a turn, likewise")
    seventh.add_argument("--markdown", type=Path, help="write the tables to this file too")
    seventh.set_defaults(do=scatter)
    options = parser.parse_args()
    options.do(options)


if __name__ == "__main__":
    main()
