"""The time that the device itself takes, and what of a call is launching and copying."""

import numpy as np
import pytest

from infer.runtimes.base import Model
from infer.tensors.size_limits import SizeLimits
from infer.worker import device_time, messages
from infer.worker.model_adapters import LimitedBatchModel, UnbatchedModel

pytest_plugins = ("on_card_fixtures",)


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
