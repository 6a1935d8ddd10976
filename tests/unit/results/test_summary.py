"""From records made by hand to rows, tables and Markdown."""

import io
import json
import math
import shlex
from dataclasses import asdict

import pytest
from events import events
from rich.console import Console

from infer.codec import DecodeError, encode, from_json
from infer.records.protocol import Protocol
from infer.report import markdown, terminal
from infer.report.growth import growth_table
from infer.report.legend import legend
from infer.report.notes import warnings
from infer.report.tables import sections
from infer.results import formatting, queries, summarizing
from infer.results.summary import Summary

PROTOCOL = Protocol("paper", generations=3, bursts=2, batch=32)
RUN = {
    "kind": "run",
    "command": ["run", "models"],
    "environment": {
        "processor": "Made up 3000",
        "cores": 4,
        "gpus": [],
        "load_average": [0.5, 0.4, 0.3],
    },
    "protocol": json.loads(json.dumps(asdict(PROTOCOL))),
    "inputs": None,
    "tolerance": None,
    "device": "cpu",
    "threads": 2,
    "timeout_s": 300.0,
    "seed": 0,
    "variants": {},
}
END = {"kind": "end", "interrupted": False, "reason": "all 3 generations were measured"}
MIB = 2**20
IMAGE = {"name": "image", "shape": ["batch", 28, 28, 3], "dtype": "float32"}


def summarize(records):
    return summarizing.summarize(events(records))


def resolution(records):
    return queries.resolution(events(records))


def run(**protocol):
    return RUN | {"protocol": RUN["protocol"] | protocol}


def artifact(name, *, weights="a", trained_in="torch", framework="torch", **manifest):
    return {
        "kind": "artifact",
        "artifact": name,
        "path": f"models/{name}",
        "format": "fake",
        "bytes": 3 * MIB,
        "manifest": {
            "framework": framework,
            "weights": {"name": f"{weights}-weights", "sha256": weights, "framework": trained_in},
            **manifest,
        },
    }


def process(start_s=0.5, load_s=0.2, first_call_s=0.3):
    """What is recorded of every process."""
    return {
        "start": {"spawn_to_ready_s": start_s, "versions": {"fake": "1.0"}},
        "load": {"seconds": load_s, "signature": {"inputs": [IMAGE]}},
        "first_call": {"seconds": first_call_s},
    }


def survey(name, *, samples=1000, batch=32, **values):
    return {
        "kind": "preflight",
        "artifact": name,
        **process(),
        "check": {"seconds": {"1": 0.001, str(batch): 0.002}, "unfinished": None},
        "warm_up": {"calls": 3, "total_s": 0.5, "call_s": 0.1, "steady": True},
        "predict": {
            "seconds": 1.0,
            "samples": samples,
            "peak_rss_bytes": 50 * MIB,
            "bare_rss_bytes": 20 * MIB,
        },
        "gpu_bytes": None,
        "gpu_device_bytes": None,
        "gpu_runtime_peak_bytes": None,
        "footprint": {"bytes": 70 * MIB},
    } | values


def start(name, generation, *, unsteady=(), **costs):
    return {
        "kind": "start",
        "artifact": name,
        "generation": generation,
        **process(**costs),
        "warm_up": [
            {
                "workload": {"batch": batch},
                "calls": 1,
                "total_s": 0.2,
                "call_s": 0.2,
                "steady": f"batch {batch}" not in unsteady,
            }
            for batch in (32, 1)
        ],
    }


def burst(name, generation, seconds, *, turn=0, batch=32):
    return {
        "kind": "burst",
        "artifact": name,
        "generation": generation,
        "turn": turn,
        "workload": {"batch": batch},
        "seconds": list(seconds),
        "samples": batch * len(seconds),
    }


def outcome(name, outcome="ok", reason=""):
    return {"kind": "outcome", "artifact": name, "outcome": outcome, "reason": reason}


def parity(name, reference, difference=0.0):
    return {
        "kind": "parity",
        "artifact": name,
        "reference": reference,
        "largest_difference": difference,
        "equal_labels": 0.75,
        "unequal_samples": [1, 4],
        "metrics": {"accuracy": 0.9, "macro_f1": 0.8, "weighted_f1": 0.7},
    }


def measured(name, *seconds):
    """Start and bursts of an artifact: a generation for every time of a batch."""
    for generation, second in enumerate(seconds):
        yield start(name, generation)
        yield burst(name, generation, [second])
        yield burst(name, generation, [0.001], batch=1)


def whole(*times):
    """Records of artifacts that are measured in as many generations as they have times, and agree.

    Each is its name and the seconds of its batches; the first is the reference.
    """
    names = [name for name, _ in times]
    return [
        RUN,
        *(artifact(name) for name in names),
        *(survey(name) for name in names),
        *(parity(name, names[0]) for name in names),
        *(record for name, own in times for record in measured(name, *own)),
        *(outcome(name) for name in names),
        END,
    ]


def row_of(summary, name):
    (row,) = (row for row in summary.rows if row.artifact == name)
    return row


def timing_of(records, name, point="batch 32"):
    return row_of(summarize(records), name).timings[point]


def test_times_are_medians_over_the_generations():
    records = [
        RUN,
        artifact("one"),
        survey("one"),
        parity("one", "one"),
        *(start("one", generation) for generation in range(3)),
        # A generation's own is the median of all its calls.
        burst("one", 0, [1.0, 9.0], turn=0),
        burst("one", 0, [1.0], turn=1),
        burst("one", 1, [5.0]),
        burst("one", 2, [3.0]),
        burst("one", 0, [0.1, 0.3, 0.2], batch=1),
        burst("one", 1, [0.4], batch=1),
        burst("one", 2, [0.9], batch=1),
        outcome("one"),
        END,
    ]

    row = row_of(summarize(records), "one")

    assert list(row.timings) == ["batch 32", "batch 1"]
    full, single = row.timings.values()
    assert (full.call_s, full.calls, full.generations) == (3.0, 5, 3)
    assert full.samples_per_s == pytest.approx(32 / 3.0)
    assert (single.call_s, single.calls, single.generations) == (0.4, 5, 3)
    assert single.samples_per_s == pytest.approx(1 / 0.4)
    assert (row.outcome, full.steady, single.steady) == ("ok", True, True)


def test_what_is_paid_once_is_the_median_over_all_processes():
    records = [
        RUN,
        artifact("one"),
        survey("one", **process(0.5, 0.2, 9.0)),
        start("one", 0, start_s=9.0, load_s=0.1, first_call_s=0.2),
        start("one", 1, start_s=0.7, load_s=9.0, first_call_s=0.3),
        END,
    ]

    row = row_of(summarize(records), "one")

    assert (row.import_s, row.load_s, row.first_call_s) == (0.7, 0.2, 0.3)


def test_what_the_survey_found():
    found = survey(
        "one",
        samples=77,
        gpu_bytes=5 * MIB,
        sweep={"samples_per_s": {"1": 10.0, "2": 30.0, "16": 29.0}, "ended": "no memory left"},
    )

    row = row_of(summarize([RUN, artifact("one"), found, parity("one", "one"), END]), "one")

    assert row.samples == 77
    assert row.versions == {"fake": "1.0"}
    assert row.until_steady_s == pytest.approx(0.5)
    assert row.until_steady_calls == 3
    assert (row.peak_rss_bytes, row.runtime_rss_bytes) == (50 * MIB, 30 * MIB)
    assert (row.gpu_bytes, row.installed_bytes, row.bytes) == (5 * MIB, 70 * MIB, 3 * MIB)
    assert (row.best_batch, row.sweep_ended) == (2, "no memory left")
    assert row.grows_with_batch is True
    assert (row.reference, row.equal_labels, row.unequal_samples) == ("one", 0.75, (1, 4))
    assert row.metrics == parity("one", "one")["metrics"]


def test_what_the_system_does_not_tell_is_none():
    silent = {"seconds": 1.0, "samples": 10, "peak_rss_bytes": None, "bare_rss_bytes": None}

    row = row_of(summarize([RUN, artifact("one"), survey("one", predict=silent), END]), "one")

    assert (row.peak_rss_bytes, row.runtime_rss_bytes, row.gpu_bytes) == (None, None, None)
    assert (row.best_batch, row.sweep_ended, row.largest_difference) == (None, None, None)


def test_one_unsteady_process_makes_it_unsteady():
    records = [
        RUN,
        artifact("one"),
        survey("one"),
        start("one", 0),
        start("one", 1, unsteady=["batch 32"]),
        *(burst("one", generation, [1.0]) for generation in range(2)),
        *(burst("one", generation, [1.0], batch=1) for generation in range(2)),
        END,
    ]

    summary = summarize(records)

    row = row_of(summary, "one")
    assert {point: timing.steady for point, timing in row.timings.items()} == {
        "batch 32": False,
        "batch 1": True,
    }
    warning = "one: calls were not steady when warm-up ended (batch 32)"
    assert warnings([row], summary) == [warning]
    assert f"- {warning}" in markdown.render(summary)
    assert warning in shown(summary)


@pytest.mark.parametrize(
    ("batch", "seconds", "grows"),
    [
        (32, {"1": 0.002, "32": 0.002}, False),
        (32, {"1": 0.002, "32": 0.001}, False),
        (32, {"1": 0.002, "32": 0.003}, True),
        (1, {"1": 0.002}, None),  # there is nothing to compare
    ],
)
def test_batch_that_takes_no_longer_than_a_sample_is_doubted(batch, seconds, grows):
    found = survey("one", check={"seconds": seconds})

    summary = summarize([run(batch=batch), artifact("one"), found, END])

    row = row_of(summary, "one")
    assert row.grows_with_batch is grows
    doubts = warnings([row], summary)
    assert [doubt.partition(";")[0] for doubt in doubts] == (
        ["one: a full batch takes no longer than one sample"] if grows is False else []
    )
    assert all(f"- {doubt}" in markdown.render(summary) for doubt in doubts)


def test_nothing_is_doubted_without_a_reason():
    summary = summarize(whole(("base", [1.0, 1.0]), ("other", [1.0, 1.0])))

    assert warnings(summary.rows, summary) == []


def test_ratio_is_paired_by_generation():
    # In the last generation everything took ten times as long.
    summary = summarize(whole(("base", [1.0, 1.0, 10.0]), ("twice", [2.0, 2.0, 20.0])))

    ratio = row_of(summary, "twice").timings["batch 32"].ratio

    assert summary.speed_references == {"base": "base", "twice": "base"}
    assert {t.ratio for t in row_of(summary, "base").timings.values()} == {None}
    assert (ratio.low, ratio.high) == pytest.approx((2, 2))
    assert ratio.generations == 3


def test_ratio_is_paired_by_turn():
    records = whole(("base", [1.0, 1.0]), ("twice", [2.0, 2.0]))
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
    records = whole(("base", [1.0, 1.0]), ("other", [2.0, 2.0]))
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
    records = whole(("base", [1.0, 1.0]), ("other", [3.0, 3.0]))
    records.insert(-1, burst("other", 2, [100.0]))
    records.insert(-1, burst("other", 1, [100.0], turn=1))

    ratio = timing_of(records, "other").ratio

    assert ratio.generations == 2
    assert ratio.value == pytest.approx(3)


def test_kind_of_calls_that_the_reference_lacks_has_a_time_and_no_ratio():
    records = whole(("base", [1.0, 1.0]), ("other", [3.0, 3.0]))
    records[-1:-1] = [burst("other", 0, [4.0], batch=64), burst("other", 1, [4.0], batch=64)]

    timing = timing_of(records, "other", "batch 64")

    assert (timing.call_s, timing.samples_per_s) == (4.0, 16.0)
    assert timing.ratio is None


def test_more_artifacts_make_the_intervals_wider():
    times = ("base", [1.0, 1.1, 1.2]), ("x", [1.2, 1.1, 1.3])
    more = ("y", [1.0] * 3), ("z", [1.0] * 3)

    alone = timing_of(whole(*times), "x").ratio
    among = timing_of(whole(*times, *more), "x").ratio

    assert among.value == alone.value
    # Student's t of two degrees of freedom, for one and for three comparisons.
    widening = math.log(among.high / among.low) / math.log(alone.high / alone.low)
    assert widening == pytest.approx(7.649 / 4.303, rel=1e-3)


def test_only_artifacts_that_have_a_kind_of_calls_count_in_its_intervals():
    times = ("base", [1.0, 1.1, 1.2]), ("x", [1.2, 1.1, 1.3])
    only_singles = [burst("y", 0, [0.001], batch=1), burst("y", 1, [0.001], batch=1)]
    records = [*whole(*times)[:-1], artifact("y"), survey("y"), *only_singles, END]

    assert timing_of(records, "x").ratio == timing_of(whole(*times), "x").ratio


def test_reference_of_speed_is_that_of_the_largest_group():
    records = [
        RUN,
        artifact("lone", weights="b"),
        artifact("x"),
        artifact("y"),
        *(survey(name) for name in ("lone", "x", "y")),
        parity("lone", "lone"),
        parity("x", "y"),
        parity("y", "y"),
        END,
    ]

    summary = summarize(records)

    assert summary.speed_references == dict.fromkeys(("lone", "x", "y"), "y")
    assert [[row.artifact for row in group] for group in summary.groups] == [["x", "y"], ["lone"]]


def sized(name, size):
    """An artifact that takes images of a size."""
    spec = {"name": "image", "shape": [None, size, size, 3], "dtype": "float32"}
    return artifact(name, signature={"inputs": [spec], "outputs": []})


def of_two_sizes(*noise):
    """Records of artifacts of two sizes; times of those that are no reference have the noise."""
    seconds = {"a/28": 1.0, "b/28": 2.0, "c/28": 4.0, "a/64": 10.0, "b/64": 30.0}
    references = {name: f"a/{name[2:]}" for name in seconds}
    own = {
        name: [s * by if name != references[name] else s for by in noise]
        for name, s in seconds.items()
    }
    return [
        RUN,
        *(sized(name, int(name[2:])) for name in seconds),
        *(survey(name) for name in seconds),
        *(parity(name, reference) for name, reference in references.items()),
        *(record for name in seconds for record in measured(name, *own[name])),
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

    two, one = (row_of(summary, name).timings["batch 32"].ratio for name in ("b/28", "b/64"))
    # Student's t of two degrees of freedom, for two comparisons and for one.
    widening = math.log(two.high / two.low) / math.log(one.high / one.low)
    assert widening == pytest.approx(6.205 / 4.303, rel=1e-3)


# Resolution


def test_resolution_is_half_the_widest_interval():
    records = whole(
        ("base", [1.0, 1.0, 1.0]), ("exact", [2.0, 2.0, 2.0]), ("rough", [2.0, 3.0, 4.0])
    )
    exact, rough = (timing_of(records, name).ratio for name in ("exact", "rough"))

    assert exact.resolution < 1e-9 < 0.5 < rough.resolution
    assert resolution(records) == rough.resolution


def test_resolution_is_that_of_the_worst_kind_of_calls():
    records = whole(("base", [1.0, 1.0]), ("other", [2.0, 2.0]))
    records.insert(-1, burst("other", 1, [0.002], batch=1, turn=1))
    records.insert(-1, burst("base", 1, [0.001], batch=1, turn=1))

    found = timing_of(records, "other", "batch 1").ratio.resolution

    assert found > 0.1
    assert resolution(records) == found


def test_resolution_leaves_out_what_was_not_measured_to_the_end():
    records = whole(("base", [1.0] * 3), ("other", [2.0, 2.1, 2.2]), ("rough", [1.0, 2.0, 9.0]))
    broken = outcome("rough", "crash", "killed")
    different = outcome("rough", "parity_fail", "differs")

    assert resolution([*records, broken]) == timing_of(records, "other").ratio.resolution
    assert resolution([*records, different]) == timing_of(records, "rough").ratio.resolution


@pytest.mark.parametrize(
    "records",
    [
        whole(("base", [1.0, 1.0]))[:2],
        whole(("base", [1.0, 1.0])),
        whole(("base", [1.0]), ("other", [2.0])),
        whole(("base", [1.0] * 3), ("other", [2.0] * 3), ("late", [2.0])),
    ],
    ids=["nothing", "nothing to compare", "one generation", "one generation of one of them"],
)
def test_resolution_is_unknown_without_an_interval_for_each(records):
    assert resolution(records) is None


@pytest.mark.parametrize(
    ("calls", "expected"),
    [
        (63, {}),
        (64, {"p90": 58}),
        (129, {"p90": 117}),
        (130, {"p90": 117, "p95": 124}),
        (661, {"p90": 595, "p95": 628}),
        (662, {"p90": 596, "p95": 629, "p99": 656}),
    ],
)
def test_percentile_needs_enough_calls(calls, expected):
    # Calls of 1, 2, 3 ... seconds, over two generations of two turns and not in order.
    seconds = [float(second) for second in range(calls, 0, -1)]
    records = [
        RUN,
        artifact("one"),
        survey("one"),
        burst("one", 0, seconds[::3], batch=1),
        burst("one", 1, seconds[1::3], batch=1),
        burst("one", 1, seconds[2::3], batch=1, turn=1),
        END,
    ]

    summary = summarize(records)

    assert row_of(summary, "one").timings["batch 1"].percentiles_s == expected
    assert cells(markdown.render(summary), "one")["percentiles"] == (
        " / ".join(f"{name} {second} s" for name, second in expected.items()) or "-"
    )


def several_trainings():
    records = [
        RUN,
        artifact("torch in torch", weights="t"),
        artifact("jax in torch", weights="t", framework="jax"),
        artifact("jax in jax", weights="j", framework="jax", trained_in="jax"),
        artifact("torch in jax", weights="j", trained_in="jax"),
    ]
    names = [record["artifact"] for record in records[1:]]
    records += [survey(name) for name in names]
    records += [burst(name, 0, [float(i + 1)]) for i, name in enumerate(names)]
    return [*records, *(outcome(name) for name in names), END]


def test_own_training_is_each_framework_with_its_own_weights():
    summary = summarize(several_trainings())

    assert [row.artifact for row in summary.own_training] == ["jax in jax", "torch in torch"]
    titles = [title for title, _ in sections(summary)]
    assert titles == [
        "Same weights: t-weights, trained in torch, on cpu",
        "Same weights: j-weights, trained in jax, on cpu",
        "Each framework's own training, in its own formats (the paper's comparison), on cpu",
    ]


def test_own_training_of_one_framework_is_no_comparison():
    records = [r for r in several_trainings() if "jax in jax" not in r.values()]

    summary = summarize(records)

    assert summary.own_training == []
    assert len(sections(summary)) == 2


def test_bare_payload_has_a_section_and_no_weights():
    record = artifact("model.onnx") | {"manifest": None}

    summary = summarize([RUN, record, survey("model.onnx"), burst("model.onnx", 0, [1.0]), END])

    row = row_of(summary, "model.onnx")
    assert (row.weights, row.framework, row.format) == (None, None, "fake")
    assert summary.own_training == []
    assert [title for title, _ in sections(summary)] == ["Artifacts without a manifest, on cpu"]


def test_interrupted_run_shows_what_was_measured():
    records = whole(("base", [1.0, 1.0]), ("other", [3.0, 3.0]))
    # In the first turn of the first generation.
    cut = records[: records.index(burst("base", 0, [1.0])) + 1]

    summary = summarize(cut)

    assert summary.interrupted
    assert summary.ended is None
    base, other = row_of(summary, "base"), row_of(summary, "other")
    assert base.timings["batch 32"].call_s == pytest.approx(1.0)
    assert (other.outcome, other.reason, other.timings) == ("not measured", "interrupted", {})
    report = markdown.render(summary)
    assert "INTERRUPTED" in report
    assert "--resume" in report
    assert "other: not measured" in report


@pytest.mark.parametrize("count", [1, 2, 3])
def test_run_that_was_cut_off_at_its_start_can_be_shown(count):
    summary = summarize(whole(("base", [1.0]))[:count])

    assert summary.interrupted
    assert summary.speed_references == ({"base": "base"} if count == 3 else {})
    assert summary.generations == 0
    assert "INTERRUPTED" in markdown.render(summary)
    assert "INTERRUPTED" in shown(summary)


def test_run_that_said_it_was_interrupted():
    records = whole(("base", [1.0]))[:-1]

    cut = summarize([*records, {"kind": "end", "interrupted": True, "reason": "interrupted"}])

    assert (cut.interrupted, cut.ended) == (True, "interrupted")
    assert not summarize([*records, END]).interrupted


RESUME = {"kind": "resume", "protocol": run()["protocol"]}


def test_run_that_was_resumed_is_interrupted_until_it_ends_again():
    records = whole(("base", [1.0]))[:-1]
    records += [{"kind": "end", "interrupted": True, "reason": "interrupted"}, RESUME]

    assert summarize(records).interrupted
    assert summarize(records).ended is None
    assert not summarize([*records, END]).interrupted
    assert summarize([*records, END]).ended == END["reason"]
    assert summarize([*records, END, RESUME]).interrupted


def test_latest_outcome_counts():
    records = whole(("base", [1.0]))

    row = row_of(summarize([*records, outcome("base", "crash", "killed"), END]), "base")

    assert (row.outcome, row.reason) == ("crash", "killed")


def test_notices_are_told_once_and_quick_runs_say_so():
    records = whole(("base", [1.0]), ("other", [1.0]))
    records[0] = run(name="quick")
    records[1] = artifact("base", notices=["TRAINED BRIEFLY"])
    records[2] = artifact("other", notices=["TRAINED BRIEFLY"])

    summary = summarize(records)

    quick, brief = summary.notices
    assert "QUICK" in quick
    assert brief == "TRAINED BRIEFLY"
    report = markdown.render(summary)
    assert report.index(quick) < report.index(brief) < report.index("|")


def test_a_machine_that_was_busy_at_times_is_told_of():
    quiet = whole(("base", [1.0, 1.02, 1.03]), ("other", [2.0, 2.0, 2.04]))
    busy = whole(("base", [1.0, 1.02, 1.3]), ("other", [2.0, 2.0, 2.6]))
    odd_one = whole(("base", [1.0] * 3), ("other", [2.0] * 3), ("odd", [1.0, 1.3, 1.0]))

    assert not any("BUSY" in notice for notice in summarize(quiet).notices)
    assert not any("BUSY" in notice for notice in summarize(odd_one).notices)
    (told,) = (notice for notice in summarize(busy).notices if "BUSY" in notice)
    assert "30%" in told


def test_summary_does_not_change_the_records():
    records = several_trainings()
    before = json.dumps(records)

    assert asdict(summarize(records)) == asdict(summarize(records))
    assert resolution(records) == resolution(records)
    assert json.dumps(records) == before


def test_command_measures_one_artifact_alone_as_it_was_measured():
    records = whole(("my model", [1.0]))
    records[0] = run() | {"inputs": "test set.npz", "tolerance": 0.5}

    words = shlex.split(row_of(summarize(records), "my model").command)

    assert words[:5] == ["python", "-m", "infer", "run", "models/my model"]
    assert dict(zip(words[5::2], words[6::2], strict=True)) == {
        "--protocol": "paper",
        "--inputs": "test set.npz",
        "--tolerance": "0.5",
        "--batch": "32",
        "--device": "cpu",
        "--threads": "2",
    }


@pytest.mark.parametrize(
    ("variant", "said"),
    [
        ({"untuned": True}, ["--defaults"]),
        ({"settings": {"graph": "none", "arena": "off"}}, ["fake:graph=none", "fake:arena=off"]),
    ],
)
def test_command_names_what_a_variant_is_run_with(variant, said):
    records = whole(("base", [1.0]), ("variant", [1.0]))
    records[0] = run() | {"variants": {"variant": variant}}

    summary = summarize(records)

    words = row_of(summary, "variant").command.split()
    assert [word for word in words if word in said] == said
    assert words.count("--try") == len(variant.get("settings", {}))
    assert not {"--defaults", "--try"} & set(row_of(summary, "base").command.split())


def test_command_names_the_end_of_a_run_that_had_a_budget():
    records = whole(("base", [1.0]))
    records[0] = run(name="until", generations=None, budget_s=90.0, resolve=0.03)

    words = row_of(summarize(records), "base").command.split()

    assert "--protocol" not in words  # the command line knows none of that name
    assert words[words.index("--budget") + 1] == "90.0"
    assert words[words.index("--resolve") + 1] == "0.03"


# The roofline


def roofline(flops_per_s=1e9, bytes_per_s=1e9):
    return {"kind": "roofline", "flops_per_s": flops_per_s, "bytes_per_s": bytes_per_s}


def below_roofline(*rooflines, surveys, weights=None):
    """Records of artifacts whose calls take a second for a batch and 10 ms for a sample."""
    weights = weights or {}
    return [
        RUN,
        *(artifact(name, weights=weights.get(name, "a")) for name in surveys),
        *(survey(name, **found) for name, found in surveys.items()),
        *(burst(name, 0, [1.0]) for name in surveys),
        *(burst(name, 0, [0.01], batch=1) for name in surveys),
        *rooflines,
        END,
    ]


CARD = {
    "flops_per_s": 1e9,
    "tf32_flops_per_s": 8e9,
    "bytes_per_s": 1e9,
    "to_device_bytes_per_s": 1e6,
    "to_device_pinned_bytes_per_s": 4e6,
    "from_device_bytes_per_s": 2e6,
    "from_device_pinned_bytes_per_s": None,
}
COPIED = {
    "load": {
        "seconds": 0.1,
        "signature": {
            "inputs": [IMAGE],
            "outputs": [{"name": "scores", "shape": ["batch", 8], "dtype": "float32"}],
        },
    },
    "inputs": {"inputs": [IMAGE]},
}


def on_a_card(tf32=False, placed=None, rates=CARD, **manifest):
    """Records of an artifact on a card; calls of one kind find their inputs there already."""
    found = survey("one", flops_per_sample=1e6, **COPIED)
    found["predict"]["placement"] = {"device": "cuda", "tf32": placed}
    resident = burst("one", 0, [1.0]) | {"workload": {"batch": 32, "boundary": "device_resident"}}
    own = artifact("one", **manifest)
    end = {"kind": "roofline", "device": "cuda", "failed": {"x_per_s": "no driver"}, **rates}
    device = run() | {"device": "cuda", "tf32": tf32}
    return [device, own, found, burst("one", 0, [1.0]), resident, end, END]


def test_roofline_of_a_card_has_the_copies_that_a_call_from_host_to_host_waits_for():
    records = on_a_card()

    arithmetic = 32 * 1e6 / 1e9
    # The best rate of either kind of memory; the other way only one was measured.
    copies = 32 * 28 * 28 * 3 * 4 / 4e6 + 32 * 8 * 4 / 2e6
    assert share(records, "one", "batch 32, on the device") == pytest.approx(arithmetic)
    assert share(records, "one", "batch 32") == pytest.approx(arithmetic + copies)
    text = "".join(legend(summarize(records)))
    assert "cuBLAS's matrix product (1 GFLOP/s, and 8 GFLOP/s in TF32 at the start" in text
    assert "not measured (x): no driver" in text


@pytest.mark.parametrize(
    ("tf32", "placed", "rate"),
    [
        (False, None, 1e9),
        (True, None, 8e9),
        (True, False, 1e9),  # what the runtime says of itself goes first
        (False, True, 8e9),
    ],
)
def test_roofline_of_a_card_is_that_of_the_arithmetic_that_was_allowed(tf32, placed, rate):
    records = on_a_card(tf32, placed)
    least = max(32 * 1e6 / rate, 3 * MIB / 1e9)
    assert share(records, "one", "batch 32, on the device") == pytest.approx(least)


def test_nothing_is_said_of_arithmetic_whose_rate_was_not_measured():
    point = "batch 32, on the device"
    assert share(on_a_card(precision="float16"), "one", point) is None
    assert share(on_a_card(rates=CARD | {"flops_per_s": None}), "one", point) is None
    without_tf32 = on_a_card(True, rates=CARD | {"tf32_flops_per_s": None})
    assert share(without_tf32, "one", point) == pytest.approx(32 * 1e6 / 1e9)


def share(records, name, point):
    return timing_of(records, name, point).roofline_share


def test_roofline_is_that_of_the_arithmetic_or_of_reading_the_weights():
    records = below_roofline(roofline(), surveys={"one": {"flops_per_sample": 1e6}})

    assert share(records, "one", "batch 32") == pytest.approx(32 * 1e6 / 1e9 / 1.0)
    # A single sample needs 1 ms of arithmetic, and 3 MiB that have to be read.
    assert share(records, "one", "batch 1") == pytest.approx(3 * MIB / 1e9 / 0.01)
    assert cells(markdown.render(summarize(records)), "one")["of ceiling"] == "3%"


def test_roofline_is_the_highest_that_was_measured():
    rooflines = roofline(1e9, 4e9), roofline(2e9, 1e9)
    records = below_roofline(*rooflines, surveys={"one": {"flops_per_sample": 1e6}})

    assert share(records, "one", "batch 32") == pytest.approx(32 * 1e6 / 2e9 / 1.0)
    assert share(records, "one", "batch 1") == pytest.approx(3 * MIB / 4e9 / 0.01)
    assert "(1 and 2 GFLOP/s at the start and end of this run)" in markdown.render(
        summarize(records)
    )


def test_operations_are_those_of_a_file_of_the_same_weights_where_it_has_none_of_its_own():
    surveys = {
        "one": {"flops_per_sample": 3e6},
        "other": {"flops_per_sample": 2e6},
        "same": {"flops_per_sample": None},
        "else": {},
    }
    records = below_roofline(roofline(), surveys=surveys, weights={"else": "b"})

    shares = [share(records, name, "batch 32") for name in surveys]

    assert shares[:3] == pytest.approx([0.096, 0.064, 0.064])
    assert shares[3] is None
    shown = [cells(markdown.render(summarize(records)), name)["of ceiling"] for name in surveys]
    assert shown == ["10%", "6%", "6%", "-"]


@pytest.mark.parametrize(
    ("rooflines", "found"), [([], {"flops_per_sample": 1e6}), ([roofline()], {})]
)
def test_nothing_is_said_of_a_roofline_that_is_not_known(rooflines, found):
    records = below_roofline(*rooflines, surveys={"one": found})

    assert share(records, "one", "batch 32") is None
    assert "of ceiling" not in cells(markdown.render(summarize(records)), "one")


# Reports


def shown(summary):
    """What the terminal shows."""
    console = Console(file=io.StringIO(), width=200)
    terminal.show(summary, console)
    return console.file.getvalue()


def cells(report, name):
    """What the tables of a report say of an artifact, by title; the first of equal ones."""
    found = {}
    titles = []
    for line in report.splitlines():
        own = [cell.strip() for cell in line.strip("|").split(" | ")]
        if own[0] == "artifact":
            titles = own
        elif line.startswith(f"| {name} |"):
            found = dict(zip(titles, own, strict=True)) | found
    return found


def test_report_shows_the_rows():
    records = whole(("base", [0.002] * 3), ("other", [0.004, 0.0041, 0.0039]))

    report = markdown.render(summarize(records))

    assert (
        "Made up 3000, 4 cores, no GPU; on cpu with 2 threads; 3 generations of processes, "
        "2 turns in each; load at start 0.5; ended since all 3 generations were measured." in report
    )
    other = cells(report, "other")
    assert other["batch 32"] == "4 ms"
    assert other["1,000 samples"] == "125 ms"
    assert other["ratio"] == "2.00 [1.88, 2.13]"
    assert other["verdict"] == "slower (could have seen 6.4%)"
    assert other["samples/s"] == "8,000"
    assert other["batch 1"] == "1 ms"
    assert (other["start"], other["load"], other["first call"]) == ("500 ms", "200 ms", "300 ms")
    assert other["until steady"] == "500 ms (3)"
    assert other["memory"] == "30.0 MiB"
    assert (other["size"], other["installed"]) == ("3.0 MiB", "70.0 MiB")
    assert "GPU memory" not in other
    assert (other["outcome"], other["largest difference"]) == ("ok", "0.0e+00")
    assert (other["equal labels"], other["accuracy"]) == ("75.00%", "0.9000")
    base = cells(report, "base")
    assert base["ratio"] == "1 (reference)"
    assert base["verdict"] == ""
    assert base["largest difference"] == "reference"
    assert "ratio: time of an undisturbed call" in report
    assert "over that of base, below 1 is faster" in report


def test_terminal_shows_what_the_report_says():
    summary = summarize(whole(("base", [0.002] * 3), ("other", [0.004, 0.0041, 0.0039])))

    text = shown(summary)

    for said in (
        formatting.conditions(summary),
        "2.00 [1.88, 2.13]",
        "slower (could have seen 6.4%)",
        "1 (reference)",
        "8,000",
        "500 ms (3)",
        "reference",
    ):
        assert said in " ".join(text.split())


def test_narrow_intervals_have_one_more_place():
    records = whole(("base", [1.0, 1.0, 1.0]), ("other", [1.02, 1.021, 1.022]))

    assert cells(markdown.render(summarize(records)), "other")["ratio"] == "1.021 [1.019, 1.023]"


def test_one_generation_has_a_ratio_and_no_interval():
    other = cells(markdown.render(summarize(whole(("base", [1.0]), ("other", [2.0])))), "other")

    assert (other["ratio"], other["verdict"]) == ("2.00", "too few generations to say")


def test_gpu_memory_has_a_column_where_one_is_used():
    records = whole(("base", [1.0]), ("other", [1.0]))
    records[3] = survey("base", gpu_bytes=256 * MIB)

    report = markdown.render(summarize(records))

    assert [cells(report, name)["GPU memory"] for name in ("base", "other")] == ["256.0 MiB", "-"]


def test_sets_of_samples_of_different_sizes_are_not_given_one_title():
    records = whole(("base", [1.0]), ("other", [1.0]))
    records[3] = survey("base", samples=64)

    report = markdown.render(summarize(records))

    assert cells(report, "base")["all samples"] == "2 s"
    assert cells(report, "other")["all samples"] == "31.2 s"


def swept(name, rates, **ended):
    found = survey(name, sweep={"samples_per_s": rates, **ended})
    return [found, *(burst(name, 0, [0.001], batch=int(batch)) for batch in rates)]


def test_sweep_has_a_table_of_its_own():
    records = [
        run(scenarios=["single", "sweep"]),
        *(artifact(name) for name in ("small", "large")),
        *swept("small", {"1": 9.0, "2": 8.0}, ended="throughput no longer grew"),
        *swept("large", {"4": 7.0, "1": 2.0, "2": 5.0}, ended="no memory for a batch of 8"),
        END,
    ]

    summary = summarize(records)
    report = markdown.render(summary)

    assert summary.points == ["batch 1"]
    small, large = cells(report, "small"), cells(report, "large")
    assert (small["best batch"], large["best batch"]) == ("1", "4")
    assert small["samples/s by batch"] == "1: 1,000  2: 2,000"
    assert large["samples/s by batch"] == "1: 1,000  2: 2,000  4: 4,000"
    assert large["ended since"] == "no memory for a batch of 8"
    assert "best batch" not in cells(markdown.render(summarize(whole(("base", [1.0])))), "base")


def test_every_scenario_has_its_table():
    points = {
        "batch 32": {"batch": 32},
        "batch 1": {"batch": 1},
        "batch 32, on the device": {"batch": 32, "boundary": "device_resident"},
        "batch 1, on the device": {"batch": 1, "boundary": "device_resident"},
        "batch 1, every 10 ms": {"batch": 1, "gap_s": 0.01},
        "batch 1, every 100 ms": {"batch": 1, "gap_s": 0.1},
    }
    records = [
        run(scenarios=["batch", "single", "resident", "paced"]),
        artifact("one"),
        survey("one"),
        *(
            burst("one", 0, [0.002], batch=workload["batch"]) | {"workload": workload}
            for workload in points.values()
        ),
        END,
    ]

    summary = summarize(records)

    assert summary.points == list(points)
    assert [summary.workloads[point].batch for point in points] == [32, 1, 32, 1, 1, 1]
    found = cells(markdown.render(summary), "one")
    assert [found[point] for point in points] == ["2 ms"] * 6


def test_growth_with_the_shape_has_a_table_of_its_own():
    records = [
        RUN,
        *(sized(name, int(name[:-2])) for name in ("64/a", "9/a", "28/a")),
        *(survey(name) for name in ("64/a", "9/a", "28/a")),
        burst("64/a", 0, [0.05]),
        burst("9/a", 0, [0.01]),
        burst("28/a", 0, [0.02]),
        END,
    ]

    summary = summarize(records)

    table = growth_table(summary)
    assert table.titles == ["artifact, batch 32", "9 x 9 x 3", "28 x 28 x 3", "64 x 64 x 3"]
    # In brackets the ratio to the smallest shape.
    assert table.texts == [["a", "10 ms (1.0)", "20 ms (2.0)", "50 ms (5.0)"]]
    report = markdown.render(summary)
    assert f"## {table.caption}" in report
    assert "| a | 10 ms (1.0) | 20 ms (2.0) | 50 ms (5.0) |" in report
    assert table.caption in shown(summary)


def test_other_models_of_other_shapes_are_no_growth():
    records = [RUN, *(sized(f"{side}/m{side}", side) for side in (9, 28))]
    records += [survey("9/m9"), survey("28/m28")]
    records += [burst("9/m9", 0, [0.01]), burst("28/m28", 0, [0.02]), END]

    assert growth_table(summarize(records)) is None


def test_one_shape_has_no_growth():
    summary = summarize([RUN, sized("28/a", 28), survey("28/a"), burst("28/a", 0, [1.0]), END])

    assert growth_table(summary) is None
    assert "How the time for a call grows" not in markdown.render(summary)
    assert "How the time for a call grows" not in shown(summary)


def test_planned_calls_that_nothing_was_measured_of_have_no_table():
    records = whole(("base", [1.0]))
    only_batches = [r for r in records if r["kind"] != "burst" or r["workload"]["batch"] == 32]

    assert "batch 1" in cells(markdown.render(summarize(records)), "base")
    assert "batch 1" not in cells(markdown.render(summarize(only_batches)), "base")


def test_report_puts_the_fastest_first():
    report = markdown.render(summarize(whole(("slow", [3.0]), ("fast", [1.0]), ("mid", [2.0]))))

    first_table = report.split("artifact |")[1]
    assert first_table.index("fast") < first_table.index("mid") < first_table.index("slow")


def test_report_names_failures_with_reason_and_command():
    records = [
        *whole(("base", [1.0]))[:-1],
        artifact("broken"),
        outcome("broken", "crash", "the process was killed by SIGSEGV"),
        END,
    ]

    summary = summarize(records)

    row = row_of(summary, "broken")
    assert row.timings == {}
    assert row.metrics is None
    report = markdown.render(summary)
    assert f"broken: crash**: the process was killed by SIGSEGV (`{row.command}`)" in report
    assert "| broken" not in report
    assert "broken: crash: the process was killed by SIGSEGV" in shown(summary)


def test_artifact_that_failed_after_its_survey_shows_what_was_measured():
    records = whole(("base", [1.0, 1.0]), ("broken", [3.0, 3.0]))
    cut = [r for r in records if (r.get("artifact"), r.get("generation")) != ("broken", 1)]

    summary = summarize([*cut, outcome("broken", "hang", "no answer"), END])

    broken = cells(markdown.render(summary), "broken")
    assert (broken["batch 32"], broken["ratio"], broken["outcome"]) == ("3 s", "3.00", "hang")
    assert "**broken: hang**: no answer" in markdown.render(summary)


def test_bars_in_names_do_not_break_the_table():
    report = markdown.render(summarize(whole(("a|b", [1.0]))))

    assert "| a\\|b |" in report


def test_times_have_units():
    records = whole(("s", [2.5]), ("ms", [0.0025]), ("us", [0.0000025]))

    report = markdown.render(summarize(records))

    times = [cells(report, name)["batch 32"] for name in ("s", "ms", "us")]
    assert times == ["2.5 s", "2.5 ms", "2.5 µs"]


def test_reference_that_crashed_is_replaced():
    records = whole(("base", [1.0, 1.0]), ("x", [2.0, 2.0]), ("y", [4.0, 4.0]))
    records.insert(-1, outcome("base", "crash", "the process was killed"))

    summary = summarize(records)

    assert summary.speed_references == {"base": "x", "x": "x", "y": "x"}
    assert row_of(summary, "y").timings["batch 32"].ratio.value == pytest.approx(2)


def test_kinds_of_calls_that_the_reference_lacks_do_not_keep_a_run_going():
    records = whole(("base", [1.0, 1.0]), ("x", [2.0, 2.0]))
    records += [burst("x", generation, [9.0], batch=512) for generation in (0, 1)]

    assert resolution(records) == pytest.approx(0, abs=1e-9)


def test_last_batch_that_is_not_full_does_not_count():
    records = whole(("base", [1.0]))
    passed = burst("base", 1, [1.0, 1.0, 0.1]) | {"samples": 65}
    records += [start("base", 1), passed]

    timing = row_of(summarize(records), "base").timings["batch 32"]

    assert (timing.calls, timing.call_s) == (3, 1.0)
    assert timing.samples_per_s == pytest.approx(32)


def test_fewer_samples_than_a_batch_are_counted_as_they_are():
    records = whole(("base", [1.0]))
    records = [
        record | {"samples": 10}
        if record["kind"] == "burst" and record["workload"]["batch"] == 32
        else record
        for record in records
    ]

    assert row_of(summarize(records), "base").timings["batch 32"].samples_per_s == 10


def test_bare_payload_is_compared_with_artifacts_of_the_same_shape():
    records = whole(("base", [1.0, 1.0]), ("x", [2.0, 2.0]))
    bare = [r | {"manifest": None} if r.get("artifact") == "x" else r for r in records[:3]]

    summary = summarize([*bare, *records[3:]])

    assert row_of(summary, "x").shapes == "28 x 28 x 3"
    assert row_of(summary, "x").timings["batch 32"].ratio.value == pytest.approx(2)


def test_command_names_scenarios_and_a_time_limit_of_its_own():
    records = whole(("base", [1.0]))
    records[0] = run(scenarios=["single", "paced"]) | {"timeout_s": 7.0}

    command = row_of(summarize(records), "base").command

    assert command.endswith("--timeout 7.0 --scenario single paced")


def test_json_of_a_run_is_of_its_type_and_keeps_to_it():
    summary = summarize(whole(("base", [1.0, 1.1]), ("other", [2.0, 2.1])))

    written = json.loads(encode(summary))

    assert from_json(Summary, written) == summary
    with pytest.raises(DecodeError, match=r"unknown field 'rows\.1\.moon'"):
        from_json(
            Summary, written | {"rows": [written["rows"][0], written["rows"][1] | {"moon": 1}]}
        )
