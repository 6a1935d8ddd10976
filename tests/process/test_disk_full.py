"""Disks that are full: the run ends in one line, blames no artifact, and goes on later."""

import compileall
import errno
import json
import resource
import shutil
import signal
import subprocess

import pytest
from conftest import command, environment
from runs import SMALL, check_records, count, left_behind, outcomes_of, records_of, results_of
from runs import wait_until as wait

NAMES = ("one", "two")


@pytest.fixture
def folder(tmp_path, fake_artifact, inputs_file):
    """A folder with small artifacts and their inputs."""
    inputs_file(tmp_path / "inputs.npz")
    for name in NAMES:
        fake_artifact(tmp_path / "artifacts", name, call_s=0.001)
    return tmp_path


@pytest.fixture
def small_disk():
    """Mounts a disk of 256 KiB on a folder and takes it away in the end."""
    mounted = []

    def mount(folder):
        folder.mkdir(exist_ok=True)
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", folder],
            capture_output=True,
            text=True,
        )
        if done.returncode:
            pytest.skip(f"a small disk cannot be mounted here, root may: {done.stderr.strip()}")
        mounted.append(folder)

    yield mount
    for folder in mounted:
        subprocess.run(["umount", "--lazy", folder], check=True)


def fill(folder):
    """Leave no byte on the disk of a folder; return the file that takes them."""
    file = folder / "filler"
    with file.open("ab", buffering=0) as filler:
        for size in (4096, 1):
            try:
                while True:
                    filler.write(b"\0" * size)
            except OSError as error:
                assert error.errno == errno.ENOSPC
    return file


def ended_in_a_line(status, errors, *parts):
    """Check how a run ended that could not write."""
    assert status == 3, errors
    (line,) = errors.splitlines()
    assert line.startswith("error: ")
    assert all(part in line for part in parts), line


def goes_on(folder, run_cli, *options):
    """Resume the run below a folder and check that all of it is well."""
    run = results_of(folder).parent
    before = results_of(folder).read_bytes()
    done = run_cli("run", "--resume", run, "--json", "out.json", *options, cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    records = records_of(results_of(folder))
    assert results_of(folder).read_bytes().startswith(before)
    check_records(records)
    assert outcomes_of(records) == dict.fromkeys(NAMES, "ok")
    assert not json.loads((folder / "out.json").read_text())["interrupted"]


def shown(folder, run_cli):
    """What `show` has of a run that was cut off."""
    done = run_cli("show", results_of(folder).parent, "--json", "-", cwd=folder)
    assert done.returncode == 130, done.stderr
    return json.loads(done.stdout)


def test_disk_that_fills_while_a_run_goes_on(folder, small_disk, start_cli, run_cli):
    small_disk(folder / "runs")
    controller = start_cli("run", "artifacts", *SMALL, "--budget", "1h", cwd=folder)
    wait(lambda: count(results_of(folder), "generation"), 60)
    filler = fill(folder / "runs")

    _, errors = controller.communicate(timeout=60)

    run = results_of(folder).parent
    ended_in_a_line(
        controller.returncode,
        errors,
        "No space left on device",
        f"--resume {run.relative_to(folder)}",
    )
    assert not left_behind(folder)
    assert results_of(folder).read_bytes().endswith(b"}\n")
    check_records(records_of(results_of(folder)))
    measured = shown(folder, run_cli)
    assert all(row["timings"]["batch 1"]["calls"] for row in measured["rows"])
    filler.unlink()
    goes_on(folder, run_cli, "--budget", "1s")


@pytest.mark.parametrize("kind", ["preflight", "start"])
def test_outputs_that_cannot_be_written_are_not_the_artifacts_fault(
    folder, small_disk, start_cli, run_cli, kind
):
    controller = start_cli("run", "artifacts", *SMALL, cwd=folder)
    wait(lambda: count(results_of(folder), kind), 60)
    controller.send_signal(signal.SIGINT)
    controller.communicate(timeout=60)
    run = results_of(folder).parent
    (run / ".outputs").rename(run / "before")
    small_disk(run / ".outputs")
    shutil.copytree(run / "before", run / ".outputs", dirs_exist_ok=True)
    filler = fill(run / ".outputs")

    done = run_cli("run", "--resume", run, cwd=folder)

    ended_in_a_line(done.returncode, done.stderr, "outputs cannot be written", f"--resume {run}")
    assert set(outcomes_of(records_of(results_of(folder))).values()) <= {"ok"}
    assert not left_behind(folder)
    filler.unlink()
    goes_on(folder, run_cli)


def test_runtime_that_cannot_print_is_not_to_blame(
    folder, fake_artifact, small_disk, start_cli, run_cli
):
    shutil.rmtree(folder / "artifacts" / "two")
    prints = {"at": "run", "call": 1, "kind": "garbage"}
    fake_artifact(folder / "artifacts", "two", call_s=0.001, fault=prints)
    controller = start_cli("run", "artifacts", *SMALL, cwd=folder)
    wait(lambda: count(results_of(folder), "start"), 60)
    controller.send_signal(signal.SIGINT)
    controller.communicate(timeout=60)
    run = results_of(folder).parent
    (run / "logs").rename(run / "before")
    small_disk(run / "logs")
    filler = fill(run / "logs")

    done = run_cli("run", "--resume", run, cwd=folder)

    ended_in_a_line(done.returncode, done.stderr, "logs: No space left on device")
    assert set(outcomes_of(records_of(results_of(folder))).values()) <= {"ok"}
    filler.unlink()
    goes_on(folder, run_cli)


@pytest.fixture
def compiled(root):
    """The runner's modules are compiled: Python would leave half a file where it may not write."""
    compileall.compile_dir(root / "infer", quiet=1)


@pytest.mark.usefixtures("compiled")
def test_results_that_may_not_grow_end_a_run_in_a_line(folder, run_cli):
    """As a full disk, where none can be mounted: no file may have more than 32 KiB."""
    done = subprocess.run(
        command("run", "artifacts", *SMALL, "--budget", "1h"),
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=120,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (2**15, 2**15)),
    )

    ended_in_a_line(done.returncode, done.stderr, "results.jsonl: File too large", "--resume runs/")
    content = results_of(folder).read_bytes()
    assert content.endswith(b"}\n")
    assert len(content) <= 2**15
    assert count(results_of(folder), "burst")
    assert shown(folder, run_cli)["rows"]
    goes_on(folder, run_cli, "--budget", "1s")


@pytest.mark.usefixtures("compiled")
def test_nothing_can_be_written_from_the_beginning(folder):
    done = subprocess.run(
        command("run", "artifacts", *SMALL),
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=120,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (512, 512)),
    )

    ended_in_a_line(done.returncode, done.stderr, "File too large; nothing was measured")
    assert results_of(folder) is None
