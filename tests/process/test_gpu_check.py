"""What `gpu-check` finds out, without a card: all that needs none, and what it says of the rest."""

import io
import json
import signal
import subprocess
import sys
import time
from dataclasses import asdict

import psutil
import pytest
from runs import wait_until

from infer.cli.gpu_check import show
from infer.cli.main import main
from infer.console import Terminal
from infer.diagnostics.gpu_check import checks, failures, runner
from infer.diagnostics.gpu_check.checks import CHECKS
from infer.diagnostics.gpu_check.runner import Done
from infer.diagnostics.gpu_check.setting import Setting
from infer.diagnostics.gpu_check.stages import STAGES
from study import gpu


@pytest.fixture
def folder(tmp_path, fake_artifact, inputs_file):
    inputs_file(tmp_path / "inputs.npz")
    for name in ("one", "two"):
        fake_artifact(tmp_path / "made", name, sample_s=0.0001)
    return tmp_path


def arguments(folder, *options):
    return [
        *("gpu-check", str(folder / "made"), "--inputs", str(folder / "inputs.npz")),
        *("--device", "cpu", "--threads", "1", "--out", str(folder / "out"), *options),
    ]


def test_every_stage_has_its_function():
    assert list(CHECKS) == list(STAGES)


def test_check_without_a_card_does_what_needs_none_and_names_the_rest(folder):
    status = main(arguments(folder, "--budget", "8s", "--json", str(folder / "out.json")))

    done = {stage["name"]: stage for stage in json.loads((folder / "out.json").read_text())}
    # On a busy machine so short a time may not do for byte copies, which is then said.
    short = done["self-test"]["status"] == "failed"
    assert status == (3 if short else 0), done
    assert not short or "its time was too short" in done["self-test"]["reason"]
    assert list(done) == [
        *("machine", "sandbox", "export", "runtimes", "measure made", "tf32"),
        *("self-test", "failures", "sweep", "ceiling"),
    ]
    for name in ("sandbox", "tf32"):
        assert done[name]["status"] == "left_out"
        assert done[name]["reason"] == "it needs a card, and this machine has none"
        assert done[name]["file"] is None
    assert done["export"]["reason"] == "artifacts were given"
    results = {
        name: json.loads((folder / "out" / stage["file"]).read_text())["result"]
        for name, stage in done.items()
        if stage["file"]
    }
    assert results["machine"]["memory"]["total_bytes"] > 0
    rows = results["measure made"]["summary"]["rows"]
    assert {row["artifact"]: row["outcome"] for row in rows} == {"one": "ok", "two": "ok"}
    assert {"batch 128", "batch 1", "batch 128, on the device"} <= rows[0]["timings"].keys()
    assert results["sweep"]["preflights"]["one"]["sweep"]["samples_per_s"]
    assert results["self-test"]["verdicts"][0]["title"] == "copies of one, 3 generations"
    provoked = results["failures"]["provoked"]
    assert {name: process["outcome"] for name, process in provoked.items()} == {
        "one killed": "crash",
        "one stopped": "hang",
        "a model that answers from a card": "wrong_device",
    }
    assert provoked["one killed"]["reason"].startswith("the process killed by SIGKILL")
    assert provoked["one killed"]["next_process"] == "ok"
    assert results["ceiling"]["flops_per_s"] > 0

    # What is not asked for stays as it was.
    again = main(arguments(folder, "--only", "machine", "--json", str(folder / "again.json")))
    assert again == status
    kept = json.loads((folder / "again.json").read_text())
    assert [stage for stage in kept if stage["name"] != "machine"] == [*done.values()][1:]

    page = (folder / "out" / "README.md").read_text()
    assert "| sandbox | left out | 0 s | it needs a card, and this machine has none |" in page
    assert "| one | ok |" in page
    assert str(folder) not in page
    assert "| one |" in (folder / "out" / "measure-made.md").read_text()


def test_a_stage_and_why_it_failed_are_two_lines():
    printed = io.StringIO()
    stage = Done("measure", "times and agreement", "failed", "a.onnx: crash\nof two lines", 3.0)

    show([stage], Terminal(file=printed, width=100))

    lines = [line.rstrip() for line in printed.getvalue().splitlines()]
    assert lines[1].endswith("times and agreement")
    assert lines[2].strip() == "a.onnx: crash\\nof two lines"


def test_stage_that_fails_or_has_no_end_stops_no_other(folder, monkeypatch):
    monkeypatch.setattr(runner, "_LONGER", 0.0)
    monkeypatch.setattr(runner, "_LONGER_S", 0.2)
    out = folder / "out"
    out.mkdir()
    seen = []
    check = runner.Check(
        Setting(out, "cpu", "cpu", None, 1, seconds=1.0, inputs=folder / "missing.npz"),
        [folder / "made" / "one"],
        lambda doing, share: seen.append((doing, share, (out / runner.INDEX).exists())),
    )
    check.run()

    statuses = {stage.name: stage.status for stage in check.done}
    assert statuses["machine"] == "timed_out"
    assert statuses["ceiling"] == "timed_out"
    assert len(check.done) == len(STAGES)
    assert [entry["status"] for entry in json.loads((out / runner.INDEX).read_text())] == list(
        statuses.values()
    )
    assert [kept for _, _, kept in seen] == [False, *[True] * (len(seen) - 1)]


def test_what_a_stage_started_ends_with_it(tmp_path):
    """As exporters that an exporter's process started, which is killed as its caller ends."""
    grandchild = "import os, time; print(os.getpid(), flush=True); time.sleep(60)"
    child = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {grandchild!r}])"
    stage = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    process = subprocess.Popen(
        [sys.executable, "-c", stage],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    pid = int(process.stdout.readline())
    assert runner._wait(process, 0.1)[0] == "timed_out"
    process.stdout.close()
    wait_until(lambda: not psutil.pid_exists(pid) or psutil.Process(pid).status() == "zombie", 5)


def test_check_goes_on_from_one_before_that_was_cut_off(tmp_path):
    """Its sandbox is as it was found to be, and what is asked for now is done."""
    layers = [{"layer": "none", "context": True}, {"layer": "all", "context": False}]
    (tmp_path / "sandbox.json").write_text(json.dumps({"result": {"layers": layers}}))
    before = [
        runner.Done("sandbox", "", "failed", file="sandbox.json"),
        runner.Done("export", "", "interrupted"),
    ]
    (tmp_path / runner.INDEX).write_text(json.dumps([asdict(stage) for stage in before]))
    setting = Setting(tmp_path, "cpu", "cpu", None, 1, seconds=30.0)
    check = runner.Check(setting, [], lambda doing, share: None, ["ceiling"])
    check.run()

    done = {stage.name: stage for stage in check.done}
    assert done["export"].status == "interrupted"
    assert done["ceiling"].status == "ok"
    assert done["ceiling"].reason == "with the sandbox switched off"


def test_ctrl_c_keeps_what_is_done_and_leaves_out_the_rest(folder, start_cli):
    process = start_cli(*arguments(folder), cwd=folder)
    index = folder / "out" / runner.INDEX
    wait_until(lambda: index.exists() and "machine" in index.read_text(), 60)
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)

    assert process.returncode == 130, errors
    assert "Traceback" not in errors
    statuses = [entry["status"] for entry in json.loads(index.read_text())]
    assert statuses[0] == "ok"
    assert "interrupted" in statuses
    assert set(statuses[statuses.index("interrupted") + 1 :]) == {"left_out"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--device", "cuda"], "error: "),
        (["--threads", "0"], "not a positive number"),
        (["--out", "inputs.npz/below"], "--out"),
    ],
)
def test_wrong_usage_is_said_in_a_line(folder, monkeypatch, capsys, options, message):
    monkeypatch.chdir(folder)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    with_real = ["gpu-check", *options]
    try:
        status = main(with_real)
    except SystemExit as end:
        status = end.code

    assert status == 2
    errors = capsys.readouterr().err
    assert message in errors
    assert len(errors.splitlines()) == 1


def test_program_that_calculates_on_the_cpu_is_caught_by_what_pytorch_says(tmp_path):
    """As on a card, with the CPU's answer to where the outputs are."""
    path = tmp_path / "on-cpu.pt"
    code = (
        "import sys, torch; program = torch.jit.load(sys.argv[1]); "
        "print(program(torch.ones(2, 3)).device, 'aten::cpu' in str(program.inlined_graph))"
    )
    for arguments in ([str(failures._ON_CPU), str(path)], ["-c", code, str(path)]):
        done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["cpu", "True"]


def layer(name, *, starts):
    error = None if starts else "cuInit: 304"
    return {"layer": name, "name": "CUDA_SUCCESS", "context": starts, "error": error}


@pytest.mark.parametrize(
    ("starts", "variables"),
    [
        ({"none": True, "seccomp": False, "all": False}, {"EXPORTBENCH_ISOLATION": "off"}),
        ({"none": True, "seccomp": True, "all": True}, {}),
        ({"none": False, "seccomp": False, "all": False}, {}),
    ],
)
def test_sandbox_is_switched_off_only_if_it_alone_keeps_cuda_from_starting(
    tmp_path, starts, variables
):
    layers = [layer(name, starts=start) for name, start in starts.items()]
    (tmp_path / "sandbox.json").write_text(json.dumps({"result": {"layers": layers}}))
    check = runner.Check(Setting(tmp_path, "cuda", "cuda", None, 1), [], lambda *_: None)
    check.done.append(runner.Done("sandbox", "", "ok", file="sandbox.json"))
    check._without_sandbox()

    assert check._variables == variables


def timing(call_s, ratio):
    return {
        "call_s": call_s,
        "samples_per_s": 128 / call_s,
        "ratio": ratio and {"value": ratio, "low": ratio - 0.01, "high": ratio + 0.01},
    }


def test_page_puts_the_card_beside_the_papers(tmp_path):
    def row(artifact, call_s, ratio):
        return {
            "artifact": f"weights/{artifact}",
            "shapes": "28 x 28 x 3",
            "outcome": "ok",
            "reason": "",
            "timings": {"batch 128": timing(call_s, ratio)},
            "largest_difference": 1e-6,
            "placement": {"tf32": False},
        }

    rows = [row("torchscript", 0.001, None), row("jax-export", 0.002, 2.0)]
    run = {"summary": {"rows": rows, "run": {"device": "cuda"}}}
    (tmp_path / "measure-weights.json").write_text(json.dumps({"result": run}))
    stages = [
        {
            "name": "measure weights",
            "status": "ok",
            "seconds": 9.0,
            "reason": "",
            "file": "measure-weights.json",
        }
    ]
    (tmp_path / "gpu-check.json").write_text(json.dumps(stages))

    gpu.main(tmp_path)
    text = (tmp_path / gpu.PAGE).read_text()
    assert "| PyTorch, 28 pixels | 0.3032 s | 0.0267 s | 1.00 | - |" in text
    assert "| JAX, 28 pixels | 0.3620 s | 0.0535 s | 1.19 | 2.00 [1.99, 2.01] |" in text
    assert "| jax-export | ok | 2 ms |" in text


def test_memory_is_held_on_the_card_that_is_checked(tmp_path, monkeypatch):
    holder = tmp_path / "holder.py"
    holder.write_text("import json, os; print(json.dumps(dict(os.environ)), flush=True); input()")
    monkeypatch.setattr(failures, "_HOLDER", holder)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")

    with failures._memory_held("GPU-1234", 0) as seen:
        assert seen["CUDA_VISIBLE_DEVICES"] == "GPU-1234"
        assert seen["CUDA_DEVICE_ORDER"] == "PCI_BUS_ID"


@pytest.mark.parametrize(
    ("starts", "problem"),
    [
        ({"none": True, "all": True}, ""),
        ({"none": True, "all": False}, "CUDA does not start in the sandbox: "),
        ({"none": False, "all": False}, "CUDA does not start, outside of the sandbox either: "),
    ],
)
def test_the_sandbox_is_tried_on_the_card_that_is_checked(tmp_path, monkeypatch, starts, problem):
    asked = []

    def tried(**options):
        asked.append(options["card"])
        return [layer(name, starts=start) for name, start in starts.items()]

    monkeypatch.setattr("infer.sandbox.cuda_diagnosis.cuda_by_layer", tried)
    result = checks.sandbox(Setting(tmp_path, "cuda:1", "cuda", "GPU-1234", 1))

    assert asked == ["GPU-1234"]
    assert result["problem"].startswith(problem)
    assert bool(result["problem"]) == bool(problem)
