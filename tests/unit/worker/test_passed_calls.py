"""Calls of a pass that are kept, to be repeated."""

import tracemalloc

import numpy as np
import pytest

from infer.tensors.outputs import CallSamples
from infer.worker import passed_calls
from infer.worker.passed_calls import KeptCalls, PassedCall, bytes_of


@pytest.mark.parametrize(
    ("calls", "kept"),
    [(1, [0]), (4, [0, 1, 2, 3]), (9, [0, 4, 8]), (12, [0, 4, 8, 11])],
)
def test_calls_are_kept_evenly_with_the_first_and_the_last(monkeypatch, calls, kept):
    one = bytes_of(PassedCall({}, {"y": np.ones(1)}, CallSamples.from_range(0, 1)))
    monkeypatch.setattr(passed_calls, "_MOST_BYTES", 4 * one)
    keeping = KeptCalls()
    for number in range(calls):
        samples = CallSamples.from_range(number, 1)
        keeping.add(PassedCall({}, {"y": np.ones(1)}, samples))

    assert [call.samples.rows[0] for call in keeping.calls] == kept


def test_what_small_calls_take_is_counted_and_does_not_grow_with_their_number():
    tracemalloc.start()
    keeping = KeptCalls()
    for number in range(10_000):
        row = CallSamples.from_range(1000 * number, 1)
        keeping.add(PassedCall({}, {"y": np.ones(1, np.float32)}, row))
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    counted = sum(map(bytes_of, keeping.calls))
    assert counted <= passed_calls._MOST_BYTES
    assert counted / 2 < held < counted * 1.2
