"""A controller that is killed or interrupted leaves no worker, and keeps what was measured."""

import json
import signal
import time

import psutil
import pytest
from process_states import (
    FOREVER_S,
    SOON_S,
    alive,
    results,
    sandboxed,
    stopped,
    wait_until,
    workers,
)


def sleeping_child(controller):
    """The controller's worker once it sleeps in its artifact: it no longer computes."""
    for child in workers(controller.pid):
        try:
            before = child.cpu_times()
            time.sleep(0.4)
            if child.status() == psutil.STATUS_SLEEPING and child.cpu_times() == before:
                return child.pid
        except psutil.NoSuchProcess:
            continue
    return None


def test_worker_does_not_outlive_a_killed_controller(
    tmp_path, fake_artifact, inputs_file, start_cli
):
    inputs_file(tmp_path / "inputs.npz")
    fake_artifact(tmp_path, "slow", load_s=FOREVER_S)
    controller = start_cli(
        *("run", "slow", "--inputs", "inputs.npz", "--device", "cpu", "--threads", "1"),
        cwd=tmp_path,
    )
    pid = wait_until(lambda: sleeping_child(controller))

    controller.kill()
    controller.wait()

    wait_until(lambda: not alive(pid))


def two_in_turns(folder, fake_artifact, inputs_file, start_cli):
    """A controller whose two workers take turns."""
    inputs_file(folder / "inputs.npz")
    for name in ("one", "two"):
        fake_artifact(folder / "artifacts", name, call_s=0.01)
    controller = start_cli(
        *("run", "artifacts", "--inputs", "inputs.npz", "--device", "cpu", "--threads", "1"),
        # It shall not end by itself while a busy machine keeps the test waiting.
        *("--out", "runs", "--json", "out.json", "--budget", "10m"),
        cwd=folder,
    )
    wait_until(lambda: any('"kind": "burst"' in file.read_text() for file in results(folder)))
    return controller


def test_workers_that_wait_for_their_turn_do_not_outlive_a_killed_controller(
    tmp_path, fake_artifact, inputs_file, start_cli
):
    controller = two_in_turns(tmp_path, fake_artifact, inputs_file, start_cli)

    def one_waits():
        running = [worker.pid for worker in workers(controller.pid)]
        return running if len(running) == 2 and any(map(stopped, running)) else None

    pids = wait_until(one_waits)

    controller.kill()
    controller.wait()

    wait_until(lambda: not any(map(alive, pids)))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupted_run_keeps_what_was_measured(
    number, tmp_path, fake_artifact, inputs_file, start_cli
):
    controller = two_in_turns(tmp_path, fake_artifact, inputs_file, start_cli)
    children = [worker.pid for worker in workers(controller.pid)]
    readers_too = [child.pid for child in sandboxed(controller.pid)]

    controller.send_signal(number)
    _, errors = controller.communicate(timeout=SOON_S)

    assert controller.returncode == 130
    assert "Traceback" not in errors
    assert children and not any(map(alive, children))
    # The process that reads files ends when it finds its controller gone.
    wait_until(lambda: not any(map(alive, readers_too)))
    summary = json.loads((tmp_path / "out.json").read_text())
    assert summary["interrupted"]
    assert any(row["timings"] for row in summary["rows"])
    # Both had passed preflight before they took turns.
    assert all(row["outcome"] == "ok" and row["metrics"] for row in summary["rows"])
    (file,) = results(tmp_path)
    last = json.loads(file.read_text().splitlines()[-1])
    assert (last["kind"], last["interrupted"], last["reason"]) == ("end", True, "interrupted")
    left = {path.name for path in file.parent.iterdir()}
    assert "scratch" not in left and not any(name.startswith(".inputs") for name in left)
    assert "INTERRUPTED" in file.with_name("report.md").read_text()
