"""Repeated calls show a state wherever it is: between batches, and between calls within one."""

import numpy as np
import pytest

from infer.tensors.signature import Signature
from infer.tensors.size_limits import SizeLimits
from infer.worker.batch_probe import batch_probe
from infer.worker.messages import BatchProbe, FirstCall, Predict
from infer.worker.messages import Repeat as RepeatRequest
from infer.worker.model_adapters import LimitedBatchModel
from infer.worker.predicting import first_call, predict
from infer.worker.prepared_model import PreparedModel
from infer.worker.repeating import repeat

SAMPLES = 12


class Remembering:
    """Scores of two classes, which depend on earlier calls by `memory`."""

    can_enqueue = False
    signature = Signature((), ())

    def __init__(self, memory=lambda kept, x: 0.0, *, shape=(2,)):
        self._memory, self._shape = memory, shape
        self._kept = 0.0
        self.calls = []

    def run(self, inputs):
        x = inputs["x"]
        self.calls.append(len(x))
        score = x.reshape(len(x), -1).mean(axis=1) + self._kept
        self._kept = float(self._memory(self._kept, x))
        outputs = np.zeros((len(x), *self._shape), np.float32)
        outputs[..., 0] = score.reshape(-1, *[1] * (len(self._shape) - 1))
        return {"y": outputs}

    def placement(self):
        return {"device": "cpu"}


def last_value(kept, x):
    return x[-1, 0]


def count(kept, x):
    return kept + 1


def repeated(model, tmp_path, batch, fixed=None):
    """What `Repeat` answers after a first call and a pass."""
    inputs = {"x": np.linspace(-1, 1, SAMPLES, dtype=np.float32)[:, None]}
    adapted = LimitedBatchModel(model, SizeLimits.fixed(fixed), frozenset()) if fixed else model
    prepared = PreparedModel(adapted, inputs)
    first_call(prepared, FirstCall(batch=batch))
    predict(prepared, Predict(batch=batch, outputs=str(tmp_path)))
    batch_probe(prepared, BatchProbe(batch=batch))
    return repeat(prepared, RepeatRequest())


@pytest.mark.parametrize(("batch", "fixed"), [(12, None), (5, None), (12, 1), (12, 4), (5, 2)])
def test_a_model_without_state_repeats_all_calls(tmp_path, batch, fixed):
    answer = repeated(Remembering(), tmp_path, batch, fixed)

    assert answer["differences"] == {"y": 0.0}
    assert answer["changed_samples"] == answer["changed_labels"] == 0
    assert answer["samples"] >= SAMPLES - 2
    assert answer["calls"] == {12: {None: 1, 1: 12, 4: 3}, 5: {None: 3, 2: 7}}[batch][fixed]


@pytest.mark.parametrize("memory", [last_value, count])
@pytest.mark.parametrize(("batch", "fixed"), [(12, None), (5, None), (12, 1), (12, 4)])
def test_a_state_changes_what_repeated_calls_give(tmp_path, memory, batch, fixed):
    answer = repeated(Remembering(memory), tmp_path, batch, fixed)

    assert answer["differences"]["y"] > 0.05
    assert 0 < answer["changed_samples"] <= answer["samples"]


def test_a_state_between_the_single_calls_of_a_batch_changes_most_samples(tmp_path):
    answer = repeated(Remembering(last_value), tmp_path, batch=12, fixed=1)

    # Only the last call comes after another value than in the pass by next to nothing.
    assert answer["changed_samples"] >= SAMPLES - 1
    assert answer["changed_labels"] > 0


def test_a_state_with_two_values_is_no_chance(tmp_path):
    answer = repeated(Remembering(lambda kept, x: 1 - kept), tmp_path, batch=12, fixed=1)

    assert answer["changed_samples"] == SAMPLES


def test_an_output_of_another_shape_has_no_difference(tmp_path):
    model = Remembering()
    model_run = model.run

    def growing(inputs):
        outputs = model_run(inputs)
        return {**outputs, "history": np.zeros((1, len(model.calls)), np.float32)}

    model.run = growing
    inputs = {"x": np.ones((SAMPLES, 1), np.float32)}
    prepared = PreparedModel(model, inputs)
    first_call(prepared, FirstCall(batch=SAMPLES))
    predict(prepared, Predict(batch=SAMPLES, outputs=str(tmp_path)))

    answer = repeat(prepared, RepeatRequest())

    assert answer["differences"] == {"y": 0.0, "history": None}
    assert answer["changed_samples"] == SAMPLES


def test_rounding_is_no_change_and_infinities_are_themselves(tmp_path):
    outputs = iter(
        [
            np.array([[np.inf, 1.0]], np.float32),
            np.array([[np.inf, 1.00001]], np.float32),
        ]
    )
    model = Remembering()
    model.run = lambda inputs: {"y": next(outputs), "empty": np.zeros((1, 0), np.float32)}
    prepared = PreparedModel(model, {"x": np.ones((1, 1), np.float32)})
    first_call(prepared, FirstCall(batch=1))
    predict(prepared, Predict(batch=1, outputs=str(tmp_path)))

    answer = repeat(prepared, RepeatRequest())

    assert answer["differences"]["y"] == pytest.approx(1e-5, rel=0.1)
    assert answer["changed_samples"] == 0
