"""On a card: warm-up until it is at its clock, memory shared by stopped workers, its own time."""

import itertools
import json
import math
import os
import signal
import time

import numpy as np
import pytest
from events import event

from infer.artifacts.artifact import open_artifact
from infer.measure.grouping import grouped, needs
from infer.measure.plan import Plan
from infer.measure.session import Run
from infer.measure.warm_up import warmed_up
from infer.outcome import Failure, Outcome
from infer.records.artifact_events import OutcomeReached
from infer.records.protocol import Protocol
from infer.records.store import Store
from infer.results.summarizing import summarize
from infer.runtimes.base import Model
from infer.stats.warm_up_rule import Steadiness
from infer.tensors.size_limits import SizeLimits
from infer.worker import device_time, messages, timing
from infer.worker.client import WorkerProcess
from infer.worker.model_adapters import LimitedBatchModel, UnbatchedModel
from infer.worker.prepared_model import PreparedModel

GIB = 1 << 30


# Warm-up


def idle_card(now_s):
    """Seconds of a call on a card that needs 200 ms to get from a sixth of its clock to the whole.

    For the first 60 ms it stays where it was.
    """
    return 1e-4 / min(1.0, max(1 / 6, (now_s - 0.06) / 0.14))


def called(block_s, least_s):
    """Call such a card until that is steady; the seconds of a call at the end."""
    state, now = Steadiness(block_s), 0.0
    while not (state.steady and now >= least_s):
        seconds = idle_card(now)
        now += seconds
        state.add(seconds, now)
    return state.call_s


def test_calls_of_an_idle_card_are_steady_long_before_it_is_at_its_clock():
    assert called(0.0, 0.0) == pytest.approx(6e-4)  # the former rule
    assert called(0.5 / 12, 0.5) == pytest.approx(1e-4)


def test_half_a_second_is_not_enough_while_calls_still_change():
    state, now = Steadiness(0.04), 0.0
    for _ in range(100):
        seconds = 0.01 * math.exp(-now)
        now += seconds
        state.add(seconds, now)

    assert now > 0.5
    assert not state.steady


class Warmed:
    """A worker whose rounds of warm-up are what is said."""

    def __init__(self, *steady):
        self.answers = list(steady)
        self.asked = []

    def ask(self, request):
        assert isinstance(request, messages.WarmUp)
        self.asked.append(request)
        steady = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return {"calls": 10, "total_s": 0.5, "call_s": 0.05, "steady": steady}


@pytest.mark.parametrize(
    ("clocks", "rounds", "steady"),
    [
        ([345, 1980, 1980], 2, True),
        ([1980, 1965], 1, True),
        ([None, None], 1, None),
        ([345, 1200, 1700, 1980, 1965], 4, True),
    ],
)
def test_warm_up_is_repeated_until_the_clock_is_steady(clocks, rounds, steady):
    worker, left = Warmed(True), list(clocks)

    warm_up = warmed_up(
        worker, {"batch": 4}, 10.0, least_s=0.5, clock=lambda: left.pop(0) if left else None
    )

    assert len(worker.asked) == rounds
    assert warm_up["clock_mhz"] == clocks
    assert warm_up["clock_steady"] is steady
    assert (warm_up["calls"], warm_up["total_s"]) == (10 * rounds, 0.5 * rounds)


def test_a_clock_that_never_rests_ends_at_the_limit():
    clocks = itertools.cycle([600, 1200])

    warm_up = warmed_up(Warmed(True), {"batch": 4}, 0.05, clock=lambda: next(clocks))

    assert warm_up["clock_steady"] is False


def test_on_a_processor_there_is_one_round_and_no_clock():
    worker = Warmed(False)

    assert warmed_up(worker, {"batch": 4}, 10.0).keys() == {"calls", "total_s", "call_s", "steady"}
    (request,) = worker.asked
    assert (request.batch, request.limit_s, request.least_s) == (4, 10.0, 0.0)


@pytest.fixture
def on_card(tmp_path, fake_artifact, inputs_file):
    """Starts a worker for the fake runtime in the place of a card's, with its inputs."""

    def start(device="cuda", **settings):
        process = WorkerProcess(
            open_artifact(fake_artifact(tmp_path, "artifact", **settings)),
            device=device,
            threads=1,
            scratch=tmp_path / "scratch",
            log=tmp_path / "worker.log",
            timeout_s=60,
        )
        process.start()
        process.ask(messages.Load())
        process.ask(messages.Inputs(path=str(inputs_file(tmp_path / "inputs.npz"))))
        return process

    return start


def test_a_worker_warms_up_for_as_long_as_it_is_told(on_card):
    with on_card(call_s=1e-4) as process:
        begin = time.perf_counter()
        warm_up = process.ask(messages.WarmUp(batch=1, limit_s=10, least_s=0.3))
        took_s = time.perf_counter() - begin

    assert took_s >= 0.3
    assert warm_up["calls"] > 20
    assert len(json.dumps(warm_up)) < 200  # and not every call


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


# Memory of the card


def test_the_most_that_is_known_of_a_need_counts():
    known = event(
        "preflight",
        artifact="m",
        predict={"peak_rss_bytes": 3 * GIB},
        gpu_bytes=None,
        gpu_device_bytes=2 * GIB,
        gpu_runtime_peak_bytes=1 * GIB,
    )
    unknown = event("preflight", artifact="m", predict={"peak_rss_bytes": None}, gpu_bytes=None)

    assert needs(known) == (3 * GIB, 2 * GIB)
    assert needs(unknown) == (0, 0)


NEEDS = {"a": (1, 30), "b": (1, 30), "c": (1, 30), "d": (50, 1)}


@pytest.mark.parametrize(
    ("room", "apart", "groups"),
    [
        # Host, card.
        ((100, None), (), ["abcd"]),
        ((100, 95), (), ["abcd"]),
        ((100, 70), (), ["ab", "acd"]),
        ((100, 40), (), ["ab", "ac", "ad"]),
        ((51, None), (), ["abc", "ad"]),
        ((100, None), ("b", "d"), ["ac", "ab", "ad"]),
        ((100, None), ("c",), ["abd", "ac"]),
        ((100, None), ("a",), ["ab", "ac", "ad"]),
    ],
)
def test_those_are_alive_together_that_fit_into_both_memories(room, apart, groups):
    assert grouped(list(NEEDS), "a", NEEDS, room, apart) == [list(group) for group in groups]


def test_one_artifact_is_a_group():
    assert grouped(["a"], "a", NEEDS, (10, 10)) == [["a"]]


# The device's own time


class Card(Model):
    """A model on a card, by a clock of its own: what is enqueued is done in its order.

    Args:
        launch_s: that the host needs for the launches of a call.
        sample_s: that the device needs for a sample.
        blocks: whether the runtime waits for the device before a call returns.
        copy_s: of each copy.
        refuses: batches that there is no memory for.
    """

    signature = run = raw_call = placement = None

    def __init__(self, *, launch_s, sample_s, blocks=False, copy_s=0.0, refuses=()):
        self.now = self.done = 0.0
        self._launch_s, self._sample_s = launch_s, sample_s
        self._blocks, self._copy_s, self._refuses = blocks, copy_s, refuses

    def stage(self, inputs):
        self.now += self._copy_s
        return len(inputs["image"])

    def run_staged(self, samples):
        if samples in self._refuses:
            raise RuntimeError("CUDA out of memory.")
        begin = max(self.now, self.done)
        self.now += self._launch_s
        # Its last launch is done after the host's.
        self.done = max(begin + samples * self._sample_s, self.now)
        if self._blocks:
            self.now = self.done
        return samples

    def sync(self, result):
        self.now = max(self.now, self.done) + 5e-6

    def fetch(self, result):
        self.now = max(self.now, self.done) + self._copy_s
        return {"scores": np.zeros((result, 3), np.float32)}


class WithEvents(Card):
    """One that has events."""

    def event_seconds(self, samples):
        return samples * self._sample_s


class Enqueuing(Card):
    """One that waits, unless it is asked not to; then its sync may not wait either."""

    can_enqueue = True

    def __init__(self, *, waits, **values):
        super().__init__(**values, blocks=True)
        self._waits = waits

    def enqueue(self, samples):
        self._blocks = False
        result = self.run_staged(samples)
        self._blocks = True
        if not self._waits:
            self.done = self.now
        return result


def timed(monkeypatch, card, *batches):
    """What is found of it, by its own clock."""
    monkeypatch.setattr(device_time.time, "perf_counter", lambda: card.now)
    return device_time.device_times(card, batches, lambda n: {"image": np.ones((n, 4), np.float32)})


def bounds(timings):
    return {batch: device_times["bound"] for batch, device_times in timings["batches"].items()}


def test_a_call_whose_launches_take_longer_than_the_device_is_bound_by_them(monkeypatch):
    device_times = timed(monkeypatch, Card(launch_s=3e-4, sample_s=2e-5), 128, 1)

    assert bounds(device_times) == {128: "device", 1: "launches"}
    full, single = device_times["batches"][128], device_times["batches"][1]
    assert full["queued_s"] == pytest.approx(128 * 2e-5, rel=0.01)
    assert single["queued_s"] == pytest.approx(3e-4, rel=0.01)
    assert full["enqueue_s"] == pytest.approx(3e-4)
    assert single["enqueue_s"] == pytest.approx(3e-4)


def test_a_runtime_that_may_wait_for_the_device_itself_is_not_called_bound(monkeypatch):
    device_times = timed(monkeypatch, Card(launch_s=3e-4, sample_s=2e-5, blocks=True), 128, 1)

    assert bounds(device_times) == {128: None, 1: None}
    assert not device_times["returns_early"]


@pytest.mark.parametrize(("waits", "bound"), [(True, "device"), (False, None)])
def test_a_runtime_may_be_asked_not_to_wait(monkeypatch, waits, bound):
    device_times = timed(monkeypatch, Enqueuing(launch_s=3e-4, sample_s=2e-5, waits=waits), 128)

    assert bounds(device_times) == {128: bound}
    assert device_times["batches"][128]["call_s"] == pytest.approx(128 * 2e-5, rel=0.01)


def test_a_larger_batch_shows_that_a_runtime_does_not_wait(monkeypatch):
    device_times = timed(monkeypatch, Card(launch_s=3e-4, sample_s=1e-4), 1)

    assert bounds(device_times) == {1: "launches"}


def test_the_wait_itself_is_not_taken_for_work_that_was_left(monkeypatch):
    device_times = timed(monkeypatch, Card(launch_s=1e-5, sample_s=1e-7, blocks=True), 8, 1)

    assert not device_times["returns_early"]


def test_what_fails_on_the_device_alone_ends_nothing(monkeypatch):
    device_times = timed(monkeypatch, Card(launch_s=1e-4, sample_s=1e-5, refuses=(128,)), 128, 1)

    assert list(device_times["batches"]) == [1]
    assert "out of memory" in device_times["failed"]


def test_copies_and_events_have_their_own_times(monkeypatch):
    card = WithEvents(launch_s=1e-4, sample_s=1e-5, copy_s=2e-3)

    (device_times,) = timed(monkeypatch, card, 64)["batches"].values()

    assert device_times["copy_in_s"] == pytest.approx(2e-3)
    assert device_times["copy_out_s"] == pytest.approx(2e-3)
    assert (device_times["copy_in_bytes"], device_times["copy_out_bytes"]) == (
        64 * 4 * 4,
        64 * 3 * 4,
    )
    assert device_times["event_s"] == pytest.approx(64e-5)


def test_models_that_are_called_otherwise_have_the_events_of_theirs():
    model, plain = (kind(launch_s=1e-4, sample_s=1e-3) for kind in (WithEvents, Card))
    split = LimitedBatchModel(model, SizeLimits.fixed(2), frozenset())

    staged = split.stage({"image": np.ones((8, 4), np.float32)})
    assert split.event_seconds(staged) == pytest.approx(8e-3)
    for kind in (
        lambda model: LimitedBatchModel(model, SizeLimits.fixed(2), frozenset()),
        UnbatchedModel,
    ):
        staged = kind(model).stage({"image": np.ones((2, 4), np.float32)})
        assert kind(model).event_seconds(staged) == pytest.approx(2e-3)
        assert kind(plain).event_seconds(staged) is None


def test_a_worker_finds_it_of_the_fake_runtime(on_card):
    with on_card(call_s=1e-3, enqueue_s=1e-3, copy_s=1e-3, events=True) as process:
        answer = process.ask(messages.DeviceTime(batches=[4, 1]))

    assert answer["failed"] is None
    assert list(answer["batches"]) == ["4", "1"]
    assert all(device_times["event_s"] >= 1e-3 for device_times in answer["batches"].values())
    assert all(device_times["copy_in_s"] >= 1e-3 for device_times in answer["batches"].values())


# Artifacts that are alive together


@pytest.fixture(scope="module")
def run_on_card(tmp_path_factory, fake_artifact, inputs_file):
    """A run of four artifacts on a card, after preflight, that each hold 30 GiB of it."""
    folder = tmp_path_factory.mktemp("preflight")
    held = {"gpu_bytes": 20 * GIB, "gpu_device_bytes": 30 * GIB, "gpu_runtime_peak_bytes": None}
    plan = Plan(
        artifacts=tuple((name, fake_artifact(folder, name)) for name in "abcd"),
        inputs=inputs_file(folder / "inputs.npz"),
        protocol=Protocol("test", generations=0, batch=2, scenarios=("single",)),
        device="cuda",
        threads=1,
        timeout_s=60,
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("infer.measure.warm_up.WARM_UP_S", 0.0)
        patch.setattr("infer.measure.gpu_memory.GpuMemory.record", lambda memory, worker: held)
        run = Run(plan, Store(folder / "run"), lambda progress: None)
        run.run([])
    return run


def test_stopped_workers_share_the_memory_of_the_card(run_on_card, monkeypatch):
    # Where it is not known how much is free.
    assert run_on_card.timing._groups() == [["a", "b", "c", "d"]]

    monkeypatch.setattr(run_on_card.timing, "_free_on_card", 101 * GIB)
    assert run_on_card.timing._groups() == [["a", "b", "c"], ["a", "d"]]


def test_what_has_no_memory_beside_others_is_tried_with_the_reference_alone(run_on_card):
    short = Failure(Outcome.OUT_OF_MEMORY, "CUDA out of memory.")

    run_on_card.timing._fail_beside(4, "c", short)
    assert run_on_card.timing._groups() == [["a", "b", "d"], ["a", "c"]]
    assert run_on_card.context.ended == set()

    run_on_card.timing._fail_beside(2, "c", short)
    assert run_on_card.context.ended == {"c"}
    reason = run_on_card.context.store.latest(OutcomeReached)["c"].reason
    assert reason == "CUDA out of memory. (beside 1 other; alone it had enough, in preflight)"

    run_on_card.timing._fail_beside(3, "d", Failure(Outcome.CRASH, "the process was killed"))
    assert run_on_card.context.ended == {"c", "d"}


def test_onnx_runtime_can_be_asked_not_to_wait(tmp_path):
    from onnx import TensorProto, helper

    from infer.runtimes.base import Options
    from infer.runtimes.onnx import Onnx

    image, scores = (
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 4])
        for name in ("image", "scores")
    )
    node = helper.make_node("Relu", ["image"], ["scores"])
    model = helper.make_model(helper.make_graph([node], "one", [image], [scores]), ir_version=10)
    path = tmp_path / "model.onnx"
    path.write_bytes(model.SerializeToString())
    onnx, batch = Onnx(path, Options()), {"image": np.full((3, 4), 2, np.float32)}

    result = onnx.enqueue(onnx.stage(batch))
    onnx.sync(result)

    assert (onnx.fetch(result)["scores"] == batch["image"]).all()
    assert not onnx.can_enqueue  # on a processor a call is finished when it returns
