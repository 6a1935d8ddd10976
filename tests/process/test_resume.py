"""A run that was cut off goes on: nothing is lost, and nothing is measured twice."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest
from conftest import ROOT
from runs import (
    SMALL,
    alive,
    check_records,
    count,
    left_behind,
    outcomes_of,
    records_of,
    results_of,
    wait_until,
)

from infer.cli import main
from infer.records.process_events import GenerationDone
from infer.records.protocol import PROTOCOLS
from infer.records.store import RESULTS
from infer.steps import measuring
from infer.workload import Workload

FOREVER_S = 600
NAMES = ("one", "two")


@pytest.fixture
def folder(tmp_path, fake_artifact, inputs_file):
    """A folder with small artifacts and their inputs."""
    inputs_file(tmp_path / "inputs.npz")
    for name in NAMES:
        fake_artifact(tmp_path / "artifacts", name, call_s=0.001)
    return tmp_path


@pytest.fixture
def start(folder, start_cli):
    """Starts a run of the artifacts and returns its controller at once."""
    return lambda *options: start_cli("run", "artifacts", *SMALL, *options, cwd=folder)


@pytest.fixture
def resume(folder, run_cli):
    """Resumes the one run; gives what came of it, the summary, and all records."""

    def call(*options):
        file = results_of(folder)
        elsewhere = folder / "elsewhere"  # the paths of a run start where it was started
        elsewhere.mkdir(exist_ok=True)
        done = run_cli(
            *("run", "--resume", file.parent, "--json", "../out.json", *options), cwd=elsewhere
        )
        assert "Traceback" not in done.stderr
        text = (folder / "out.json").read_text()
        return done, json.loads(text) if text else None, records_of(file)

    return call


def interrupt(controller):
    """Press Ctrl-C and wait for the end."""
    controller.send_signal(signal.SIGINT)
    _, errors = controller.communicate(timeout=60)
    assert controller.returncode == 130, errors
    assert "Traceback" not in errors


@pytest.mark.parametrize("kind", ["preflight", "start", "burst"])
def test_interrupted_run_goes_on(folder, start, resume, kind):
    controller = start()
    wait_until(lambda: count(results_of(folder), kind), 60)
    interrupt(controller)
    interrupted = json.loads((folder / "out.json").read_text())
    before = results_of(folder).read_bytes()

    done, summary, records = resume()

    assert interrupted["interrupted"]
    assert interrupted["ended"] == "interrupted"
    assert done.returncode == 0, done.stderr
    assert results_of(folder).read_bytes().startswith(before)
    check_records(records)
    assert not summary["interrupted"]
    assert summary["ended"] == f"all {PROTOCOLS['quick'].generations} generations were measured"
    assert [row["artifact"] for row in summary["rows"]] == sorted(NAMES)
    assert all(row["outcome"] == "ok" and row["metrics"] for row in summary["rows"])
    assert all(
        timing["generations"] >= 3 for row in summary["rows"] for timing in row["timings"].values()
    )
    assert not left_behind(folder)


def test_second_ctrl_c_ends_a_run_that_is_being_ended(folder, start, resume):
    controller = start()
    wait_until(lambda: count(results_of(folder), "burst"), 60)
    controller.send_signal(signal.SIGINT)
    while controller.poll() is None:
        controller.send_signal(signal.SIGINT)
        time.sleep(0.001)
    _, errors = controller.communicate()

    assert controller.returncode in (130, -signal.SIGINT)  # the latter as the interpreter ends
    assert "Traceback" not in errors
    done, _, records = resume()
    assert done.returncode == 0, done.stderr
    check_records(records)


@pytest.mark.parametrize("presses", [1, 3])
@pytest.mark.parametrize("when", ["import", "command", "exit"])
def test_ctrl_c_never_ends_in_a_traceback(presses, when):
    """Whenever it comes: as modules are imported, in a command, or as the interpreter ends."""
    code = f"""
import atexit, builtins, contextlib, signal, sys
import infer.__main__

signal.signal(signal.SIGINT, signal.default_int_handler)

def press():
    for _ in range({presses}):
        signal.raise_signal(signal.SIGINT)

def importing(name, *rest, original=builtins.__import__):
    return press() if name.endswith("cli.main") else original(name, *rest)

def command():
    with contextlib.suppress(KeyboardInterrupt):
        press()
    press()

if "{when}" == "import":
    builtins.__import__ = importing
else:
    import infer.cli.main
    infer.cli.main.main = command if "{when}" == "command" else lambda: 0
if "{when}" == "exit":
    atexit.register(press)
sys.exit(infer.__main__.main())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)

    assert done.returncode == (0 if when == "exit" else 130)
    assert done.stderr == ""


def test_finished_run_is_made_longer_by_a_budget_and_remembers_it(folder, start, resume):
    start().communicate()
    file = results_of(folder)
    generations, size = count(file, "generation"), file.stat().st_size
    spent = records_of(file)[-1]["seconds"]

    _, unchanged, _ = resume()
    assert count(file, "generation") == generations
    assert unchanged["ended"] == f"all {PROTOCOLS['quick'].generations} generations were measured"

    _, longer, records = resume("--budget", f"{spent + 4:.1f}")
    assert count(file, "generation") > generations
    assert "budget" in longer["ended"]
    assert not longer["interrupted"]
    check_records(records)
    # The outputs went when the run had ended; timed calls are compared all the same.
    later = [r for r in records if r["kind"] == "burst" and r["generation"] >= generations]
    assert 0 in {record["difference"] for record in later}

    more = count(file, "generation")
    _, again, records = resume()
    assert count(file, "generation") == more
    assert again["ended"] == longer["ended"]
    assert file.stat().st_size > size
    check_records(records)


def test_artifact_that_was_altered_in_between_ends_and_the_others_go_on(
    folder, start, resume, fake_artifact
):
    controller = start()
    wait_until(lambda: count(results_of(folder), "burst"), 60)
    interrupt(controller)
    altered = folder / "artifacts" / "two"
    altered.rename(folder / "old")
    fake_artifact(folder / "artifacts", "two", call_s=0.001, bias=0.1)

    done, summary, records = resume()

    assert done.returncode == 3
    check_records(records)
    first, second = summary["rows"]
    assert second["outcome"] == "load_error"
    assert second["reason"] == f"{altered}: altered since the run began; start a new one"
    assert first["outcome"] == "ok"
    assert all(timing["generations"] >= 3 for timing in first["timings"].values())


def test_artifact_that_failed_is_not_measured_again(
    tmp_path, fake_artifact, inputs_file, start_cli, run_cli
):
    inputs_file(tmp_path / "inputs.npz")
    # Not yet in preflight, but in the first generation.
    late_crash = {"call_s": 0.005, "fault": {"at": "run", "call": 100, "kind": "crash"}}
    for name, settings in {
        "reference": late_crash,
        "differs": late_crash | {"bias": 0.5},
        "well": {"call_s": 0.005},
    }.items():
        fake_artifact(tmp_path / "artifacts", name, **settings)
    options = ("--turns", "20", "--reference", "reference")
    controller = start_cli("run", "artifacts", *SMALL, *options, cwd=tmp_path)
    wait_until(lambda: count(results_of(tmp_path), "outcome") == 2, 60)
    interrupt(controller)
    before = len(records_of(results_of(tmp_path)))

    done = run_cli("run", "--resume", results_of(tmp_path).parent, cwd=tmp_path)

    assert done.returncode == 3, done.stderr
    records = records_of(results_of(tmp_path))
    check_records(records)
    assert outcomes_of(records) == {"reference": "crash", "differs": "crash", "well": "ok"}
    assert {r["artifact"] for r in records[before:] if r["kind"] == "start"} == {"well"}
    assert {r["reference"] for r in records if r["kind"] == "parity"} == {"reference"}


def test_run_does_not_go_on_with_other_inputs(folder, start, resume, inputs_file):
    controller = start()
    wait_until(lambda: count(results_of(folder), "burst"), 60)
    interrupt(controller)
    before = results_of(folder).read_bytes()
    file = folder / "inputs.npz"
    content = file.read_bytes()
    file.write_bytes(content + b"\0")

    done, _, _ = resume()
    assert done.returncode == 2
    assert done.stderr == f"error: {file}: altered since the run began; start a new one\n"

    file.unlink()
    done, _, _ = resume()
    assert done.returncode == 2
    assert done.stderr == f"error: {file}: cannot be read (No such file or directory)\n"
    assert results_of(folder).read_bytes() == before


@pytest.mark.parametrize(
    ("content", "options", "message"),
    [
        (None, [], "results.jsonl: cannot be read"),
        ("", [], "holds no run"),
        (
            '{"schema_version": 3, "kind": "generation", "seconds": 1, "elapsed_s": 1}\n',
            [],
            "holds no run",
        ),
        ('{"schema_version": 3, "kind": "run"}\n', [], "missing required field"),
        ('{"schema_version": 1, "kind": "run"}\n', [], "schema_version 1"),
        ("", ["--batch", "4"], "goes on with the artifacts and options that the run has"),
        ("", ["artifact"], "goes on with the artifacts and options that the run has"),
    ],
)
def test_what_cannot_be_resumed_is_told_in_one_line(tmp_path, capsys, content, options, message):
    if content is not None:
        (tmp_path / RESULTS).write_text(content)

    status = main.main(["run", *options, "--resume", str(tmp_path)])

    assert status == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: --resume ")
    assert message in line


def test_run_that_another_program_writes_is_not_resumed(tmp_path, fake_artifact, inputs_file,
                                                        start_cli, run_cli):  # fmt: skip
    inputs_file(tmp_path / "inputs.npz")
    fake_artifact(tmp_path / "artifacts", "slow", load_s=FOREVER_S)
    first = start_cli("run", "artifacts", *SMALL, cwd=tmp_path)
    run = wait_until(
        lambda: count(results_of(tmp_path), "artifact") and results_of(tmp_path)
    ).parent
    resume = ("run", "--resume", run, "--json", "second.json")

    refused = run_cli(*resume, cwd=tmp_path)
    first.kill()
    first.wait()
    second = start_cli(*resume, cwd=tmp_path)
    wait_until(lambda: count(run / RESULTS, "resume"))
    before = (run / RESULTS).read_bytes()
    refused_again = run_cli(*resume, cwd=tmp_path)

    for done in (refused, refused_again):
        assert done.returncode == 2
        assert done.stderr == f"error: --resume {run}: another program writes to this run\n"
    assert (run / RESULTS).read_bytes().startswith(before)
    assert second.poll() is None


def test_runs_that_start_in_the_same_second_have_folders_of_their_own(tmp_path, monkeypatch):
    monkeypatch.setattr(measuring.time, "strftime", lambda _: "20260101-120000")

    with ThreadPoolExecutor(8) as pool:
        stores = list(pool.map(measuring.new_run, [tmp_path] * 8))

    for number, store in enumerate(stores):
        store.add(GenerationDone(seconds=number, elapsed_s=0))
        store.close()
    assert len({store.folder for store in stores}) == 8
    assert [records_of(store.folder / RESULTS)[0]["seconds"] for store in stores] == list(range(8))


def test_two_runs_at_once_do_not_share_a_folder(folder, start):
    # The same artifacts, inputs and folder of runs; most often the same second, too.
    controllers = [start("--turns", "1") for _ in range(2)]
    for controller in controllers:
        controller.communicate(timeout=120)

    assert [controller.returncode for controller in controllers] == [0, 0]
    files = list(folder.glob("runs/*/results.jsonl"))
    assert len(files) == 2
    for file in files:
        check_records(records_of(file))


def whole_lines(file):
    content = file.read_bytes()
    return content[: content.rfind(b"\n") + 1]


def test_controller_that_is_killed_again_and_again_loses_nothing(folder, start, resume, start_cli):
    """Eight kills, or as many as EXPORTBENCH_KILLS says:

    EXPORTBENCH_KILLS=50 python -m pytest tests/process/test_resume.py -k killed -s
    """
    kills = int(os.environ.get("EXPORTBENCH_KILLS", "8"))
    chance = random.Random(os.environ.get("EXPORTBENCH_SEED", "0"))
    before, longest_s, moments = b"", 0.0, []
    for number in range(kills):
        lines = before.count(b"\n")
        if lines:
            controller = start_cli("run", "--resume", results_of(folder).parent, cwd=folder)
        else:
            controller = start("--budget", "1h")
        # In half of the rounds anywhere in the first seconds, else so that the run gets on.
        if number % 2:
            # At first a few records at a time: opening, preflight and parity are short.
            wanted = lines + chance.randrange(2, 6 if number < kills / 2 else 20)
            wait_until(lambda: len(records_of(results_of(folder))) >= wanted, 120)  # noqa: B023
            time.sleep(chance.uniform(0, 0.15))
        else:
            time.sleep(chance.uniform(0, 4))
        family = psutil.Process(controller.pid).children(recursive=True)
        controller.kill()
        controller.wait()
        killed = time.monotonic()
        wait_until(lambda: not any(alive(child.pid) for child in family))  # noqa: B023
        wait_until(lambda: not left_behind(folder))
        longest_s = max(longest_s, time.monotonic() - killed)

        file = results_of(folder)
        if file:
            assert file.read_bytes().startswith(before)
            before = whole_lines(file)
            check_records(records_of(file))
            moments.append(records_of(file)[-1]["kind"] if before else "nothing")

    done, summary, records = resume("--budget", "1s")

    print(f"\n{kills} kills, after {moments}; workers were gone after {longest_s:.2f} s at most")
    assert done.returncode == 0, done.stderr
    assert results_of(folder).read_bytes().startswith(before)
    check_records(records)
    assert count(results_of(folder), "generation")
    assert not summary["interrupted"]
    assert summary["ended"] == "the budget of 1 s was spent"
    assert outcomes_of(records) == dict.fromkeys(NAMES, "ok")
    for row in summary["rows"]:
        for point, timing in row["timings"].items():
            bursts = [
                record["seconds"]
                for record in records
                if record["kind"] == "burst"
                and record["artifact"] == row["artifact"]
                and Workload(**record["workload"]).name == point
            ]
            assert timing["calls"] == sum(map(len, bursts))
