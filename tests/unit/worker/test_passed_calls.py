"""Calls of a pass that are kept, to be repeated."""

import numpy as np
import pytest

from infer.tensors.outputs import CallSamples
from infer.worker import passed_calls
from infer.worker.passed_calls import KeptCalls, PassedCall


@pytest.mark.parametrize(
    ("calls", "kept"),
    [(1, [0]), (4, [0, 1, 2, 3]), (9, [0, 4, 8]), (12, [0, 4, 8, 11])],
)
def test_calls_are_kept_evenly_with_the_first_and_the_last(monkeypatch, calls, kept):
    monkeypatch.setattr(passed_calls, "_MOST_BYTES", 4 * 8)
    keeping = KeptCalls()
    for number in range(calls):
        samples = CallSamples.from_range(number, 1)
        keeping.add(PassedCall({}, {"y": np.ones(1)}, samples))

    assert [call.samples.rows[0] for call in keeping.calls] == kept
