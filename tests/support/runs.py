"""What tests of whole runs share: small runs, their records, and what must hold of these."""

import json
import time
from collections import Counter
from pathlib import Path
from typing import Any

import psutil

# How long anything may take that should happen at once, on a busy machine.
SOON_S = 20
# A run of artifacts of the fake runtime in a second or two.
SMALL = (
    *("--inputs", "inputs.npz", "--device", "cpu", "--threads", "1"),
    *("--turns", "2", "--burst", "0.01s", "--out", "runs", "--json", "out.json"),
)
# What there is one of at most, and by what.
_ONCE = {
    "run": (),
    "artifact": ("artifact",),
    "preflight": ("artifact",),
    "parity": ("artifact",),
    "start": ("artifact", "generation"),
    "burst": ("artifact", "generation", "turn", "workload"),
}


def wait_until(condition, seconds=SOON_S):
    """Wait for a condition to be true; return what it returned."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if value := condition():
            return value
        time.sleep(0.02)
    raise AssertionError(f"not so within {seconds} s")


def results_of(folder: Path) -> Path | None:
    """The results file of the one run below a folder; None as long as there is none."""
    files = list(folder.glob("runs/*/results.jsonl"))
    assert len(files) < 2
    return files[0] if files else None


def records_of(file: Path | None) -> list[dict]:
    """The records whose lines are whole."""
    lines = file.read_bytes().split(b"\n")[:-1] if file else []
    return [json.loads(line) for line in lines]


def count(file: Path | None, kind: str) -> int:
    """How many records of a kind there are."""
    return sum(record["kind"] == kind for record in records_of(file))


def check_records(records: list[dict]) -> None:
    """Check that nothing was recorded twice or out of order, however often a run was cut off."""
    assert records[0]["kind"] == "run"
    keys = Counter(
        (record["kind"], *(str(record[name]) for name in _ONCE[record["kind"]]))
        for record in records
        if record["kind"] in _ONCE
    )
    assert [key for key, times in keys.items() if times > 1] == []
    started, elapsed, generation = set(), 0.0, 0
    for record in records:
        process = record.get("artifact"), record.get("generation")
        if record["kind"] == "start":
            started.add(process)
            assert record["generation"] >= generation
            generation = record["generation"]
        if record["kind"] == "burst":
            assert process in started
            assert record["generation"] == generation
        assert record.get("elapsed_s", elapsed) >= elapsed
        elapsed = record.get("elapsed_s", elapsed)


def outcomes_of(records: list[dict]) -> dict[str, str]:
    """The last outcome of each artifact."""
    return {r["artifact"]: r["outcome"] for r in records if r["kind"] == "outcome"}


def alive(pid: int) -> bool:
    """Whether a process runs; one that only waits to be reaped does not."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def left_behind(folder: Path) -> list[psutil.Process]:
    """Processes that work in a folder or below, as the workers of its runs do."""
    left = []
    for process in psutil.process_iter():
        try:
            if Path(process.cwd()).is_relative_to(folder) and alive(process.pid):
                left.append(process)
        except (psutil.Error, OSError):
            continue
    return left


def printed(log: Path, name: str) -> Any:
    """What a worker printed as JSON behind a name, on a line of its own."""
    (line,) = [line for line in log.read_text().splitlines() if line.startswith(f"{name} {{")]
    return json.loads(line.removeprefix(name))
