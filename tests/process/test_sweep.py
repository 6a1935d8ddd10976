"""Batches that are tried one after the other, and what ends that."""

import os
import signal
import time

import numpy as np
import pytest

from infer.measure.plan import Plan
from infer.measure.session import Run
from infer.records.protocol import Protocol
from infer.records.store import Store
from infer.results.summarizing import summarize
from infer.worker import messages, timing
from infer.worker.client import WorkerProcess
from infer.worker.prepared_model import PreparedModel


class Compiling:
    """A model that compiles for each size of a batch, by a clock of its own."""

    def __init__(self, *, compile_s, call_s, most=1 << 30, error=None):
        self.now = 0.0
        self._error = error or RuntimeError("CUDA out of memory.")
        self._compile_s, self._call_s, self._most = compile_s, call_s, most
        self._known = set()

    def run(self, inputs):
        batch = len(inputs["image"])
        if batch > self._most:
            raise self._error
        self.now += self._call_s + (0 if batch in self._known else self._compile_s)
        self._known.add(batch)


def swept(monkeypatch, device, model, **limits):
    """A worker's sweep of a model."""
    prepared = PreparedModel(model, {"image": np.zeros((10, 4), np.float32)})
    monkeypatch.setattr(time, "perf_counter", lambda: model.now)
    monkeypatch.setattr(time, "perf_counter_ns", lambda: round(model.now * 1e9))
    sweep = timing.sweep(prepared, device, messages.Sweep(**limits))
    return sweep | {"samples_per_s": {int(n): r for n, r in sweep["samples_per_s"].items()}}


@pytest.mark.parametrize(("device", "largest"), [("cpu", 1024), ("cuda", 16384)])
def test_a_sweep_goes_further_on_a_card_and_compiling_does_not_end_it(monkeypatch, device, largest):
    # Each batch takes longer to compile than all calls may take; throughput grows up to the end.
    model = Compiling(compile_s=20, call_s=1e-3)

    sweep = swept(monkeypatch, device, model, limit_s=10, patience_s=1000)

    assert max(sweep["samples_per_s"]) == largest
    assert f"above {largest} are not tried" in sweep["ended"]


def test_a_sweep_ends_before_compiling_is_taken_for_a_hang(monkeypatch):
    model = Compiling(compile_s=20, call_s=1e-3)

    sweep = swept(monkeypatch, "cuda", model, limit_s=10, patience_s=50)

    assert list(sweep["samples_per_s"]) == [1, 2, 4]
    assert "50 s were over, most of them before calls could be timed" in sweep["ended"]


def test_a_sweep_ends_where_memory_or_its_time_does(monkeypatch):
    short = Compiling(compile_s=0, call_s=1e-3, most=256)
    slow = Compiling(compile_s=0, call_s=3)

    sweep = swept(monkeypatch, "cuda", short, limit_s=10, patience_s=50)
    assert (max(sweep["samples_per_s"]), sweep["no_memory"]) == (256, 512)
    assert sweep["ended"] == "no memory for a batch of 512"
    assert swept(monkeypatch, "cuda", slow, limit_s=10, patience_s=50)["ended"] == "10 s were over"


def test_a_batch_that_is_too_large_for_a_library_ends_a_sweep_and_no_artifact(monkeypatch):
    error = RuntimeError("CUDNN_STATUS_NOT_SUPPORTED: 32-bit indices")
    model = Compiling(compile_s=0, call_s=1e-3, most=256, error=error)
    sweep = swept(monkeypatch, "cuda", model, limit_s=10, patience_s=50)
    assert (max(sweep["samples_per_s"]), sweep["no_memory"]) == (256, None)
    assert sweep["ended"] == f"a batch of 512 failed: RuntimeError: {error}"

    model = Compiling(compile_s=0, call_s=1e-3, most=0, error=error)
    with pytest.raises(RuntimeError):
        swept(monkeypatch, "cuda", model, limit_s=10, patience_s=50)


def test_a_sweep_that_ends_the_process_leaves_what_was_measured_before(
    tmp_path, fake_artifact, inputs_file, monkeypatch
):
    """A library that gives up on a batch it cannot hold says nothing of those that it can."""
    ask = WorkerProcess.ask

    def killed(self, request):
        if isinstance(request, messages.Sweep):
            os.kill(self.pid, signal.SIGKILL)
        return ask(self, request)

    monkeypatch.setattr(WorkerProcess, "ask", killed)
    protocol = Protocol("quick", generations=1, bursts=1, batch=4, scenarios=("sweep",))
    inputs = inputs_file(tmp_path / "inputs.npz")
    artifacts = (("a", fake_artifact(tmp_path, "a")),)
    plan = Plan(artifacts, inputs, protocol, device="cpu", threads=1, timeout_s=60)
    store = Store(tmp_path / "run")
    Run(plan, store, lambda progress: None).run([])
    store.close()

    (row,) = summarize(store.events).rows
    assert (row.outcome, list(row.timings)) == ("ok", ["batch 4"])
    assert "SIGKILL" in row.notes[-1]
