"""The seconds of a call that each operator accounts for."""

import pytest

from infer.profiling import attribution
from infer.profiling.attribution import attribute
from infer.profiling.recording import (
    OperatorEvent,
    RecordedCall,
    calls_with_events,
    outermost,
)

MS = 1_000_000


def event(name, start_ms, end_ms, thread=0):
    return OperatorEvent(name, "Add", int(start_ms * MS), int(end_ms * MS), thread)


def call(*events, start_ms=0, end_ms=10):
    return RecordedCall(start_ms * MS, end_ms * MS, events)


def seconds_of(*calls):
    return {
        operator.name: pytest.approx(operator.seconds) for operator in attribute(calls).operators
    }


def test_operators_one_after_the_other():
    times = attribute([call(event("b", 5, 9), event("a", 1, 4))])
    assert [operator.name for operator in times.operators] == ["a", "b"]
    assert [operator.seconds for operator in times.operators] == pytest.approx([0.003, 0.004])
    assert times.call_s == pytest.approx(0.010)


def test_of_nested_operators_the_inner_one_counts():
    assert seconds_of(call(event("outer", 0, 8), event("inner", 2, 5))) == {
        "outer": 0.005,
        "inner": 0.003,
    }


def test_time_of_several_threads_is_shared():
    times = attribute([call(event("a", 0, 8, thread=1), event("b", 4, 10, thread=2))])
    assert {o.name: o.seconds for o in times.operators} == pytest.approx({"a": 0.006, "b": 0.004})


def test_an_operator_that_runs_on_after_its_call_counts_within_it():
    assert seconds_of(call(event("late", 8, 30))) == {"late": 0.002}


def test_equal_names_are_operators_of_their_own():
    times = attribute([call(event("a", 0, 1), event("a", 2, 5))])
    assert [operator.seconds for operator in times.operators] == pytest.approx([0.001, 0.003])


def test_a_disturbed_call_does_not_count():
    calls = [call(event("a", 0, 5)) for _ in range(7)]
    times = attribute([*calls, call(event("a", 0, 500), end_ms=600)])
    assert times.operators[0].seconds == pytest.approx(0.005)
    assert times.call_s == pytest.approx(0.010)


def test_too_many_operators_are_put_together(monkeypatch):
    monkeypatch.setattr(attribution, "MOST_OPERATORS", 3)
    monkeypatch.setattr(attribution, "MOST_EVENTS", 3)
    lengths = [1, 0.5, 2, 0.25, 1.5]
    times = attribute([call(*(event(f"o{i}", i * 2, i * 2 + n) for i, n in enumerate(lengths)))])
    assert [operator.name for operator in times.operators] == [
        "o2",
        "o4",
        "(3 shorter operators)",
    ]
    assert sum(operator.seconds for operator in times.operators) == pytest.approx(0.00525)
    assert (len(times.trace), times.left_out) == (3, 2)
    assert max(traced.operator for traced in times.trace) < 3


def test_events_belong_to_the_call_that_they_begin_in():
    events = [event("between", 12, 14), event("b", 21, 40), event("a", 1, 4)]
    first, second = calls_with_events([(0, 10 * MS), (20 * MS, 30 * MS)], events)
    assert [e.name for e in first.events] == ["a"]
    assert [e.name for e in second.events] == ["b"]


def test_outermost_events_of_each_thread():
    events = [event("out", 0, 9), event("in", 1, 3), event("other", 2, 4, thread=1)]
    assert {e.name for e in outermost([*events, event("next", 9, 10)])} == {"out", "other", "next"}
