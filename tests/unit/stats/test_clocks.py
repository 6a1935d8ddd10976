"""Turns in which a card was not what it usually is, from records made by hand."""

import pytest
from events import event
from run_records import END, RUN, artifact, burst, parity, preflight, run, start, summarize

from infer.report.legend import legend
from infer.results import formatting
from infer.results.record_index import clock_of
from infer.stats import clocks
from infer.stats.clocks import Clock, steady, undisturbed
from infer.stats.disturbance import turns_of

COOL = Clock(1700.0, ())
TURNS = [(g, t) for g in range(4) for t in range(4)]


def bursts(*names):
    return {name: {g: {t: [1.0, 1.0] for t in range(4)} for g in range(4)} for name in names}


def clocks_with(**unlike):
    """Clocks of two artifacts: the usual one in all turns but some of either."""
    return {name: dict.fromkeys(TURNS, COOL) | unlike.get(name, {}) for name in ("a", "b")}


def left_out(kept):
    return set(TURNS) - turns_of({"a": kept["a"]}), set(TURNS) - turns_of({"b": kept["b"]})


@pytest.mark.parametrize("reason", ["hw_slowdown", "hw_thermal", "hw_power_brake", "sw_thermal"])
def test_a_turn_in_which_the_card_throttled_counts_for_no_artifact(reason):
    kept = steady(
        bursts("a", "b"), clocks_with(b={(1, 2): Clock(1700.0, ("sw_power_cap", reason))})
    )

    assert left_out(kept) == ({(1, 2)}, {(1, 2)})


def test_the_power_limit_is_how_a_loaded_card_runs():
    hot = dict.fromkeys(TURNS, Clock(1400.0, ("sw_power_cap",)))

    assert steady(bursts("a", "b"), clocks_with(b=hot)) == bursts("a", "b")


@pytest.mark.parametrize(("mhz", "counts"), [(1800.0, False), (1610.0, False), (1630.0, True)])
def test_a_turn_with_another_clock_counts_for_no_artifact(mhz, counts):
    kept = steady(bursts("a", "b"), clocks_with(a={(2, 0): Clock(mhz, ())}))

    assert left_out(kept) == ((set(), set()) if counts else ({(2, 0)}, {(2, 0)}))


def test_a_generation_that_loses_most_of_its_turns_is_left_out():
    hot = Clock(1700.0, ("hw_thermal",))
    kept = steady(bursts("a", "b"), clocks_with(a={(3, t): hot for t in range(3)}))

    assert left_out(kept)[1] == {(3, t) for t in range(4)}


def test_where_too_many_turns_are_unlike_all_count():
    hot = Clock(1200.0, ("sw_thermal",))
    most = {(g, t): hot for g in range(3) for t in range(3)}

    assert steady(bursts("a", "b"), clocks_with(a=most)) == bursts("a", "b")
    # A clock that moves all the time hides no throttling.
    moving = {turn: Clock(1700.0 + 200 * (turn[1] % 2), ()) for turn in TURNS}
    kept = steady(bursts("a", "b"), {"a": moving | {(0, 0): hot}, "b": moving})
    assert left_out(kept) == ({(0, 0)}, {(0, 0)})


def test_what_is_not_told_is_no_reason():
    assert undisturbed(bursts("a", "b"), "cuda") == bursts("a", "b")
    unknown = {name: dict.fromkeys(TURNS, Clock(None, None)) for name in ("a", "b")}
    assert undisturbed(bursts("a", "b"), "cuda", unknown) == bursts("a", "b")


@pytest.mark.parametrize(
    ("gpu", "expected"),
    [
        (None, Clock(None, None)),
        ({"throttle": None}, Clock(None, None)),
        ({"sm_mhz": [345, None], "throttle": []}, Clock(None, ())),
        ({"sm_mhz": [345, 1980], "throttle": ["sw_power_cap"]}, Clock(1980, ("sw_power_cap",))),
    ],
)
def test_clock_of_a_record(gpu, expected):
    assert (
        clock_of(
            event(
                "burst",
                artifact="one",
                generation=0,
                workload={"batch": 1},
                seconds=[1.0],
                samples=1,
                gpu=gpu,
            )
        )
        == expected
    )


# What a report says


def measured_on_a_card(
    slow_at=(), reasons=("hw_thermal",), mhz=1980, unlike_mhz=1980, reported=True
):
    """Records of two artifacts, of which one takes twice as long where the card throttles."""
    records = [run() | {"device": "cuda"}, artifact("base"), artifact("other")]
    for name in ("base", "other"):
        records += [preflight(name), parity(name, "base")]
    for generation in range(3):
        records += [start(name, generation) for name in ("base", "other")]
        for turn in range(4):
            slow = (generation, turn) in slow_at
            for name in ("base", "other"):
                seconds = 2.0 if slow and name == "other" else 1.0
                record = burst(name, generation, [seconds] * 4, turn=turn)
                gpu = {"sm_mhz": [345, unlike_mhz if slow else mhz]}
                gpu["throttle"] = list(reasons) if slow else []
                records.append(record | ({"gpu": gpu} if reported else {}))
    return [*records, END]


def notices_that_begin(records, word):
    return [notice for notice in summarize(records).notices if notice.startswith(word)]


def ratio(records):
    (row,) = (row for row in summarize(records).rows if row.artifact == "other")
    return row.timings["batch 32"].ratio.value


def test_ratios_are_those_of_the_other_turns_and_the_report_says_so():
    slow_at = {(0, 0), (0, 1), (1, 3), (2, 0), (2, 2)}
    records = measured_on_a_card(slow_at, unlike_mhz=1200)

    assert ratio(records) == pytest.approx(1)
    assert ratio([{k: v for k, v in r.items() if k != "gpu"} for r in records]) > 1.1
    (notice,) = notices_that_begin(records, "THROTTLED AT TIMES")
    assert "in 5 of 12 turns" in notice and "hw_thermal" in notice and "batch 32" in notice
    assert not notices_that_begin(records, "UNSTEADY CARD") + notices_that_begin(
        records, "CLOCK NOT TOLD"
    )


def test_a_card_that_throttles_most_of_the_time_is_told_of():
    slow_at = {(g, t) for g in range(3) for t in range(3)}
    (notice,) = notices_that_begin(measured_on_a_card(slow_at), "UNSTEADY CARD")

    assert "in 9 of 12 turns" in notice and "too many to leave out" in notice


def test_where_nothing_is_told_the_run_says_that_it_cannot_tell():
    (notice,) = notices_that_begin(measured_on_a_card(reported=False), "CLOCK NOT TOLD")
    assert "its clock or whether it throttled" in notice

    assert not notices_that_begin(
        [RUN, *measured_on_a_card(reported=False)[1:]], "CLOCK NOT TOLD"
    )  # on a processor


def test_the_clock_stands_in_the_report():
    steady_clock = summarize(measured_on_a_card())
    assert "SM clock 1,980 MHz at every burst" in formatting.conditions(steady_clock)

    capped = summarize(measured_on_a_card({(0, 0)}, ["sw_power_cap"], 1980, 1900))
    line = formatting.conditions(capped)
    assert "SM clock 1,900 to 1,980 MHz, usually 1,980, at the power limit in 8% of bursts" in line
    assert not notices_that_begin(
        measured_on_a_card({(0, 0)}, ["sw_power_cap"], 1980, 1900), "THROTTLED"
    )
    assert clocks.described([]) == ""


def test_the_legend_says_which_calls_stand_for_undisturbed_ones():
    assert "the median of those in the second halves of bursts" in "".join(
        legend(summarize(measured_on_a_card()))
    )
    assert "tenth percentile" in "".join(legend(summarize([RUN, *measured_on_a_card()[1:]])))
