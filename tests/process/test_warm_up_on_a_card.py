"""Calls are warmed up until they are steady, and on a card until its clock is."""

import itertools
import json
import math
import time

import pytest

from infer.measure.warm_up import warmed_up
from infer.stats.warm_up_rule import Steadiness
from infer.worker import messages

pytest_plugins = ("on_card_fixtures",)


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


def test_a_worker_warms_up_for_as_long_as_it_is_told(on_card):
    with on_card(call_s=1e-4) as process:
        begin = time.perf_counter()
        warm_up = process.ask(messages.WarmUp(batch=1, limit_s=10, least_s=0.3))
        took_s = time.perf_counter() - begin

    assert took_s >= 0.3
    assert warm_up["calls"] > 20
    assert len(json.dumps(warm_up)) < 200  # and not every call
