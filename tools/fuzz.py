"""Damage small real artifacts of every format, and see that nothing but an answer comes of it.

    python tools/fuzz.py --inspect 200 --run 40
    python tools/fuzz.py --seed 7 --format onnx litert --json found.json

Each try is `inspect` in this process, or a place in a `run` in a process of its own, which measures
what still loads, beside one that is whole. A finding is a traceback, an answer that is none, an end
of `run` that leaves an artifact without outcome, or an end that does not come in time; the file is
kept. Exit status 1 if there is a finding. With --json, counts are added to those that the file
has, so that many slices make one table.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import io
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path

import numpy as np
from fuzz_damages import DAMAGES
from fuzz_results import FuzzResults, table

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from infer.cli.main import main as command_line  # noqa: E402
from infer.outcome import Outcome  # noqa: E402

MAKER = ROOT / "tests" / "support" / "third_party_models.py"
# By format: the framework that makes the files, and what to give the commands. The first is run.
SAMPLES = {
    "onnx": ("onnx", ("outside.onnx", "plain", "branches.onnx", "sequences.onnx", "words.onnx")),
    "litert": ("tensorflow", ("int8.tflite",)),
    "openvino": ("openvino", ("dense.xml",)),
    "jax-export": ("jax", ("wide.jax", "tree.jax", "sharded.jax")),
    "torchscript": ("torch", ("counter.pt", "scalars.pt", "words.pt")),
    "aotinductor": ("aotinductor", ("several.pt2",)),
    "torch-export": ("torch", ("counter.pt2", "pairs.pt2")),
    "saved-model": ("tensorflow", ("counter", "several", "words", "tf1-first")),
}
BESIDE = {"outside.onnx": ("weights.bin",), "dense.xml": ("dense.bin",)}
INPUTS = {name: {"x": np.ones((4, 4), np.float32)} for name in ("counter.pt", "counter.pt2")}
INSPECT_LIMIT_S, RUN_LIMIT_S = 70.0, 300.0
TOGETHER = 8  # artifacts in a run


class Fuzzer:
    """Makes damaged copies and gives them to the commands."""

    def __init__(
        self, draw: random.Random, folder: Path, kept: Path, samples: Path | None = None
    ) -> None:
        self._draw = draw
        self._folder = folder
        self._samples = samples or folder / "samples"
        self._kept = kept
        self._number = 0
        self._others: list[bytes] = []
        self.results = FuzzResults()

    def make(self, formats: list[str]) -> None:
        """Have the undamaged artifacts made."""
        for framework in dict.fromkeys(SAMPLES[name][0] for name in formats):
            if (self._samples / framework).exists():
                continue
            command = [sys.executable, str(MAKER), framework, str(self._samples / framework)]
            subprocess.run(command, check=True, stdout=sys.stderr, stderr=subprocess.DEVNULL)
        files = [path for path in sorted(self._samples.rglob("*")) if path.is_file()]
        self._others = [path.read_bytes()[: 1 << 20] for path in files]

    def _damaged(self, format_name: str, sample: str) -> Path:
        """A copy of a sample in a folder of its own, with something done to one of its files."""
        self._number += 1
        source = self._samples / SAMPLES[format_name][0] / sample
        folder = self._folder / f"try-{self._number:05}"
        folder.mkdir()
        target = folder / sample
        if source.is_dir():
            shutil.copytree(source, target)
        else:
            for name in (sample, *BESIDE.get(sample, ())):
                shutil.copy(source.with_name(name), folder / name)
        if self._draw.random() < 0.25:
            target = self._with_manifest(folder, sample, format_name)
        victims = [path for path in sorted(folder.rglob("*")) if path.is_file()]
        # The file that is opened first has the most to say.
        weights = [4 if re.search(r"\.pb$|^[^.]*$|onnx|json", p.name) else 1 for p in victims]
        for _ in range(self._draw.choice((1, 1, 1, 2))):
            kind = self._draw.choices(list(DAMAGES), [n for n, _ in DAMAGES.values()])[0]
            (victim,) = self._draw.choices(victims, weights)
            if victim.is_file():
                DAMAGES[kind][1](self._draw, victim, self._others)
                self.results.damages[kind] += 1
        if target == folder and self._draw.random() < 0.7:
            _hash_again(folder)
        return target

    def _with_manifest(self, folder: Path, sample: str, format_name: str) -> Path:
        """An artifact folder."""
        from infer.artifacts.manifest import Manifest, write_manifest
        from infer.tensors.signature import Signature, TensorSpec

        spec = TensorSpec("x", (None, 4), "float32", (0.0, 1.0))
        manifest = Manifest(
            name=sample,
            format=format_name,
            payload=sample,
            framework="none",
            native=False,
            signature=Signature((spec,), (spec,)),
            precision="float32",
            producer={},
            weights={},
            created="",
            executes_code=False,
        )
        write_manifest(folder, manifest)
        return folder

    def inspect(self, format_name: str) -> None:
        """One try of `inspect`."""
        path = self._damaged(format_name, self._draw.choice(SAMPLES[format_name][1]))
        out, errors = io.StringIO(), io.StringIO()
        begin = time.monotonic()
        signal.alarm(round(INSPECT_LIMIT_S) + 5)
        try:
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(errors):
                status: int | str = command_line(["inspect", str(path), "--json", "-"])
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt):
                raise
            status = f"{type(error).__name__}: {error}"
            print(traceback.format_exc(), file=sys.stderr)
        finally:
            signal.alarm(0)
        seconds = time.monotonic() - begin
        self.results.slowest_s = max(self.results.slowest_s, seconds)
        lines = errors.getvalue().splitlines()
        answer = {0: "described", 2: "refused"}.get(status if isinstance(status, int) else -1)
        if status == 0:
            with contextlib.suppress(ValueError):
                answer = "described" if json.loads(out.getvalue()) else None
        elif status == 2 and not (len(lines) == 1 and lines[0].startswith("error: ")):
            answer = None
        wrong = answer is None or seconds > INSPECT_LIMIT_S
        self.results.inspected.setdefault(format_name, Counter())[answer or "FINDING"] += 1
        self._put_away(path, f"inspect: {status} after {seconds:.1f} s, {lines}" if wrong else None)

    def run(self, format_name: str, count: int) -> None:
        """One `run` of several damaged artifacts, and a whole one that must be measured."""
        sample = SAMPLES[format_name][1][0]
        paths = [self._damaged(format_name, sample) for _ in range(count)]
        whole = self._samples / SAMPLES[format_name][0] / sample
        folder = self._folder / f"run-{self._number:05}"
        folder.mkdir()
        inputs = ("--random", "0", "--samples", "4")
        if sample in INPUTS:
            np.savez(folder / "inputs.npz", **INPUTS[sample])  # type: ignore[arg-type]
            inputs = ("--inputs", str(folder / "inputs.npz"))
        command = [
            *(sys.executable, "-m", "infer", "run", *map(str, (whole, *paths)), *inputs),
            *("--device", "cpu", "--threads", "1", "--scenario", "single", "--turns", "1"),
            *("--burst", "0.001s", "--budget", "1s", "--timeout", "20s", "--memory-limit", "2GB"),
            *("--out", str(folder), "--json", str(folder / "found.json"), "--trust"),
        ]
        begin = time.monotonic()
        try:
            done = subprocess.run(
                command,
                cwd=folder,
                env=os.environ | {"PYTHONPATH": str(ROOT)},
                capture_output=True,
                text=True,
                errors="replace",
                timeout=RUN_LIMIT_S,
            )
            wrong = self._wrong_run(done, folder / "found.json", [whole, *paths], format_name)
        except subprocess.TimeoutExpired:
            wrong = f"no end within {RUN_LIMIT_S:g} s"
        if wrong:
            self.results.ran.setdefault(format_name, Counter())["FINDING"] += count
        took_s = time.monotonic() - begin
        for path in (*paths, folder):
            self._put_away(path, wrong and f"run of {count}, {took_s:.0f} s: {wrong}")

    def _wrong_run(
        self, done: subprocess.CompletedProcess[str], file: Path, paths: list[Path], name: str
    ) -> str | None:
        if done.returncode not in (0, 1, 3) or "Traceback" in done.stderr:
            return f"status {done.returncode}: {done.stderr[-2000:]}"
        rows = json.loads(file.read_text())["rows"]
        # What was a file may be a folder now, of which the run takes the files.
        rows_by_path = [[r for r in rows if Path(r["path"]).is_relative_to(path)] for path in paths]
        if not all(rows_by_path) or sum(map(len, rows_by_path)) != len(rows):
            return f"{len(rows)} rows for {len(paths)} artifacts"
        outcomes = [row["outcome"] for rows_of_path in rows_by_path for row in rows_of_path]
        if set(outcomes) - set(Outcome) or not Outcome(outcomes[0]).was_measured:
            return f"the whole one ended as {outcomes[0]}; all: {set(outcomes)}"
        self.results.ran.setdefault(name, Counter()).update(map(str, outcomes[1:]))
        return None

    def _put_away(self, path: Path, finding: str | None) -> None:
        top = next(p for p in (path, *path.parents) if p.parent == self._folder)
        if finding:
            self._kept.mkdir(parents=True, exist_ok=True)
            target = self._kept / f"{os.getpid()}-{top.name}"
            top.rename(target)
            line = f"{target}: {finding}"
            self.results.findings.append(line)
            print(line, file=sys.stderr)
        else:
            shutil.rmtree(top)


def _hash_again(folder: Path) -> None:
    """Have the manifest, if it is one still, tell the hashes of what is there now."""
    file = folder / "manifest.json"
    if not file.is_file():
        return
    with contextlib.suppress(OSError, ValueError, RecursionError, TypeError, AttributeError):
        value = json.loads(file.read_text())
        value["files"] = {
            path.relative_to(folder).as_posix(): {
                "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
                "bytes": path.stat().st_size,
            }
            for path in sorted(folder.rglob("*"))
            if path.is_file() and path != file
        }
        file.write_text(json.dumps(value))


def _too_late(number: int, frame: object) -> None:
    raise TimeoutError("still not at its end")


def main() -> int:
    """Fuzz; return the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seed", type=int, default=0, help="of all that is drawn")
    parser.add_argument("--inspect", type=int, default=120, metavar="N", help="tries of inspect")
    parser.add_argument("--run", type=int, default=48, metavar="N", help="tries of run")
    parser.add_argument(
        "--format", nargs="+", choices=SAMPLES, default=list(SAMPLES), help="(default: all)"
    )
    parser.add_argument("--keep", type=Path, default=Path("fuzz-findings"), metavar="FOLDER")
    parser.add_argument(
        "--samples", type=Path, metavar="FOLDER", help="keep the whole artifacts there for later"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="add the counts to this file")
    options = parser.parse_args()
    signal.signal(signal.SIGALRM, _too_late)
    with tempfile.TemporaryDirectory(prefix="exportbench-fuzz-") as temporary:
        samples = options.samples and options.samples.absolute()
        draw = random.Random(options.seed)
        fuzzer = Fuzzer(draw, Path(temporary), options.keep.absolute(), samples)
        fuzzer.make(options.format)
        for number in range(options.inspect):
            fuzzer.inspect(options.format[number % len(options.format)])
        left = {name: options.run // len(options.format) for name in options.format}
        for name in list(left)[: options.run % len(options.format)]:
            left[name] += 1
        for name, count in left.items():
            for start in range(0, count, TOGETHER):
                fuzzer.run(name, min(TOGETHER, count - start))
    results = fuzzer.results
    if options.json:
        if options.json.exists():
            results.add(json.loads(options.json.read_text()))
        options.json.write_text(json.dumps(results.to_json(), indent=2) + "\n")
    print("\n".join((*table("`inspect`", results.inspected), *table("`run`", results.ran))))
    print(f"{results.tries:,} tries, {len(results.findings)} findings", end="; ")
    print(f"the slowest inspect took {results.slowest_s:.1f} s")
    return 1 if results.findings else 0


if __name__ == "__main__":
    sys.exit(main())
