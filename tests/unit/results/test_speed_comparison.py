"""Which artifacts are compared in speed, and the ratios and intervals of a run."""

import math

import pytest
from run_records import (
    END,
    RUN,
    artifact,
    burst,
    complete_run,
    measured,
    outcome,
    parity,
    preflight,
    resolution,
    row_of,
    sized,
    summarize,
    timing_of,
)


def test_ratio_is_paired_by_generation():
    # In the last generation everything took ten times as long.
    summary = summarize(complete_run(("base", [1.0, 1.0, 10.0]), ("twice", [2.0, 2.0, 20.0])))

    ratio = row_of(summary, "twice").timings["batch 32"].ratio

    assert summary.speed_references == {"base": "base", "twice": "base"}
    assert {t.ratio for t in row_of(summary, "base").timings.values()} == {None}
    assert (ratio.low, ratio.high) == pytest.approx((2, 2))
    assert ratio.generations == 3


def test_ratio_is_paired_by_turn():
    records = complete_run(("base", [1.0, 1.0]), ("twice", [2.0, 2.0]))
    # Everything takes ten times as long in a turn that comes in one order in one artifact and in
    # another order in the other.
    slow = [
        burst("base", 0, [10.0], turn=1),
        burst("twice", 0, [20.0], turn=1),
        burst("twice", 1, [20.0], turn=1),
        burst("base", 1, [10.0], turn=1),
    ]

    ratio = timing_of([*records[:-1], *slow, END], "twice").ratio

    assert (ratio.low, ratio.high) == pytest.approx((2, 2))


def test_each_kind_of_calls_has_its_own_ratio():
    records = complete_run(("base", [1.0, 1.0]), ("other", [2.0, 2.0]))
    records = [
        record | {"seconds": [0.005]}
        if record["kind"] == "burst"
        and (record["artifact"], record["workload"]["batch"]) == ("other", 1)
        else record
        for record in records
    ]

    assert timing_of(records, "other", "batch 32").ratio.value == pytest.approx(2)
    assert timing_of(records, "other", "batch 1").ratio.value == pytest.approx(5)


def test_only_generations_that_both_have_are_paired():
    records = complete_run(("base", [1.0, 1.0]), ("other", [3.0, 3.0]))
    records.insert(-1, burst("other", 2, [100.0]))
    records.insert(-1, burst("other", 1, [100.0], turn=1))

    ratio = timing_of(records, "other").ratio

    assert ratio.generations == 2
    assert ratio.value == pytest.approx(3)


def test_kind_of_calls_that_the_reference_lacks_has_a_time_and_no_ratio():
    records = complete_run(("base", [1.0, 1.0]), ("other", [3.0, 3.0]))
    records[-1:-1] = [burst("other", 0, [4.0], batch=64), burst("other", 1, [4.0], batch=64)]

    timing = timing_of(records, "other", "batch 64")

    assert (timing.call_s, timing.samples_per_s) == (4.0, 16.0)
    assert timing.ratio is None


def test_more_artifacts_make_the_intervals_wider():
    times = ("base", [1.0, 1.1, 1.2] * 2), ("x", [1.2, 1.1, 1.3] * 2)
    more = ("y", [1.0] * 6), ("z", [1.0] * 6)

    alone = timing_of(complete_run(*times), "x").ratio
    among = timing_of(complete_run(*times, *more), "x").ratio

    assert among.value == alone.value
    # Student's t of five degrees of freedom, for one and for three comparisons.
    widening = math.log(among.high / among.low) / math.log(alone.high / alone.low)
    assert widening == pytest.approx(3.534 / 2.571, rel=1e-3)


def test_intervals_of_few_generations_depend_on_how_far_the_others_scatter():
    times = ("base", [1.0, 1.0, 1.0]), ("x", [1.2, 1.2, 1.201])
    quiet, restless = (
        timing_of(complete_run(*times, ("y", [1.0, 1.0, by]), ("z", [1.0, 1.0, by])), "x").ratio
        for by in (1.001, 1.3)
    )

    assert quiet.value == restless.value
    assert restless.resolution > 10 * quiet.resolution


def test_only_artifacts_that_have_a_kind_of_calls_count_in_its_intervals():
    times = ("base", [1.0, 1.1, 1.2]), ("x", [1.2, 1.1, 1.3])
    only_singles = [burst("y", 0, [0.001], batch=1), burst("y", 1, [0.001], batch=1)]
    records = [*complete_run(*times)[:-1], artifact("y"), preflight("y"), *only_singles, END]

    assert timing_of(records, "x").ratio == timing_of(complete_run(*times), "x").ratio


def test_reference_of_speed_is_that_of_the_largest_group():
    records = [
        RUN,
        artifact("lone", weights="b"),
        artifact("x"),
        artifact("y"),
        *(preflight(name) for name in ("lone", "x", "y")),
        parity("lone", "lone"),
        parity("x", "y"),
        parity("y", "y"),
        END,
    ]

    summary = summarize(records)

    assert summary.speed_references == dict.fromkeys(("lone", "x", "y"), "y")
    assert [[row.artifact for row in group] for group in summary.groups] == [["x", "y"], ["lone"]]


def of_two_sizes(*noise):
    """Records of artifacts of two sizes; times of those that are no reference have the noise."""
    seconds = {"a/28": 1.0, "b/28": 2.0, "c/28": 4.0, "a/64": 10.0, "b/64": 30.0}
    references = {name: f"a/{name[2:]}" for name in seconds}
    noisy = {
        name: [s * by if name != references[name] else s for by in noise]
        for name, s in seconds.items()
    }
    return [
        RUN,
        *(sized(name, int(name[2:])) for name in seconds),
        *(preflight(name) for name in seconds),
        *(parity(name, reference) for name, reference in references.items()),
        *(record for name in seconds for record in measured(name, *noisy[name])),
        END,
    ]


def test_only_artifacts_that_take_inputs_of_the_same_shapes_are_compared_in_speed():
    summary = summarize(of_two_sizes(1.0, 1.0, 1.0))

    assert summary.speed_references == {
        **dict.fromkeys(("a/28", "b/28", "c/28"), "a/28"),
        **dict.fromkeys(("a/64", "b/64"), "a/64"),
    }
    ratios = {row.artifact: row.timings["batch 32"].ratio for row in summary.rows}
    assert (ratios["a/28"], ratios["a/64"]) == (None, None)
    values = [ratios[name].value for name in ("b/28", "c/28", "b/64")]
    assert values == pytest.approx([2, 4, 3])


def test_only_artifacts_of_the_same_reference_count_in_the_intervals():
    summary = summarize(of_two_sizes(1.0, 1.1, 1.2))

    two, single = (row_of(summary, name).timings["batch 32"].ratio for name in ("b/28", "b/64"))
    # Student's t of two degrees of freedom, for two comparisons and for one.
    widening = math.log(two.high / two.low) / math.log(single.high / single.low)
    assert widening == pytest.approx(6.205 / 4.303, rel=1e-3)


def test_resolution_is_half_the_widest_interval():
    records = complete_run(
        ("base", [1.0, 1.0, 1.0]), ("exact", [2.0, 2.0, 2.0]), ("rough", [2.0, 3.0, 4.0])
    )
    exact, rough = (timing_of(records, name).ratio for name in ("exact", "rough"))

    assert exact.resolution < 1e-9 < 0.5 < rough.resolution
    assert resolution(records) == rough.resolution


def test_resolution_is_that_of_the_worst_kind_of_calls():
    records = complete_run(("base", [1.0, 1.0]), ("other", [2.0, 2.0]))
    records.insert(-1, burst("other", 1, [0.002], batch=1, turn=1))
    records.insert(-1, burst("base", 1, [0.001], batch=1, turn=1))

    widest = timing_of(records, "other", "batch 1").ratio.resolution

    assert widest > 0.1
    assert resolution(records) == widest


def test_resolution_leaves_out_what_was_not_measured_to_the_end():
    records = complete_run(
        ("base", [1.0] * 3), ("other", [2.0, 2.1, 2.2]), ("rough", [1.0, 2.0, 9.0])
    )
    broken = outcome("rough", "crash", "killed")
    different = outcome("rough", "parity_fail", "differs")

    assert resolution([*records, broken]) == timing_of(records, "other").ratio.resolution
    assert resolution([*records, different]) == timing_of(records, "rough").ratio.resolution


@pytest.mark.parametrize(
    "records",
    [
        complete_run(("base", [1.0, 1.0]))[:2],
        complete_run(("base", [1.0, 1.0])),
        complete_run(("base", [1.0]), ("other", [2.0])),
        complete_run(("base", [1.0] * 3), ("other", [2.0] * 3), ("late", [2.0])),
    ],
    ids=["nothing", "nothing to compare", "one generation", "one generation of one of them"],
)
def test_resolution_is_unknown_without_an_interval_for_each(records):
    assert resolution(records) is None


def test_reference_that_crashed_is_replaced():
    records = complete_run(("base", [1.0, 1.0]), ("x", [2.0, 2.0]), ("y", [4.0, 4.0]))
    records.insert(-1, outcome("base", "crash", "the process was killed"))

    summary = summarize(records)

    assert summary.speed_references == {"base": "x", "x": "x", "y": "x"}
    assert row_of(summary, "y").timings["batch 32"].ratio.value == pytest.approx(2)


def test_kinds_of_calls_that_the_reference_lacks_do_not_keep_a_run_going():
    records = complete_run(("base", [1.0, 1.0]), ("x", [2.0, 2.0]))
    records += [burst("x", generation, [9.0], batch=512) for generation in (0, 1)]

    assert resolution(records) == pytest.approx(0, abs=1e-9)


def test_bare_payload_is_compared_with_artifacts_of_the_same_shape():
    records = complete_run(("base", [1.0, 1.0]), ("x", [2.0, 2.0]))
    bare = [r | {"manifest": None} if r.get("artifact") == "x" else r for r in records[:3]]

    summary = summarize([*bare, *records[3:]])

    assert row_of(summary, "x").shapes == "28 x 28 x 3"
    assert row_of(summary, "x").timings["batch 32"].ratio.value == pytest.approx(2)
