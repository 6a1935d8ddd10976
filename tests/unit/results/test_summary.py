"""From records made by hand to the rows of a summary."""

import json
from dataclasses import asdict
from itertools import product

import pytest
from run_records import (
    END,
    MIB,
    RUN,
    artifact,
    burst,
    cells,
    complete_run,
    outcome,
    parity,
    preflight,
    process,
    resolution,
    row_of,
    run,
    several_trainings,
    shown,
    start,
    summarize,
)

from infer.codec import DecodeError, encode, from_json
from infer.report import markdown
from infer.report.notes import warnings
from infer.report.tables import sections
from infer.results import formatting
from infer.results.short_labels import WHOLE
from infer.results.summary import Summary


def test_times_are_medians_over_the_generations():
    records = [
        RUN,
        artifact("one"),
        preflight("one"),
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


def test_times_are_those_of_the_turns_that_ratios_are_of():
    records = [RUN]
    for name, seconds in (("base", 0.1), ("other", 0.2)):
        records += [artifact(name), preflight(name), parity(name, "base")]
        for generation in range(4):
            records.append(start(name, generation))
            # In the half of some generations both take three times as long.
            slow = [3.0 * seconds] * 30 if generation < 2 else [seconds]
            for turn in range(6):
                for batch in (1, 32):
                    calls = slow if turn < 2 else [seconds]
                    records.append(burst(name, generation, calls, turn=turn, batch=batch))
        records.append(outcome(name))

    summary = summarize([*records, END])

    for name, seconds in (("base", 0.1), ("other", 0.2)):
        timing = row_of(summary, name).timings["batch 1"]
        assert timing.call_s == pytest.approx(seconds)
        assert timing.percentiles_s["p90"] == pytest.approx(3 * seconds)  # of all calls
    (notice,) = (text for text in summary.notices if text.startswith("BUSY AT TIMES"))
    assert "in 4 of 24 turns (batch 1), 4 of 24 turns (batch 32)" in notice
    assert "times and ratios are those of the other turns" in notice


def test_what_is_paid_once_is_the_median_over_all_processes():
    records = [
        RUN,
        artifact("one"),
        preflight("one", **process(0.5, 0.2, 9.0)),
        start("one", 0, start_s=9.0, load_s=0.1, first_call_s=0.2, warm_up_calls=10),
        start("one", 1, start_s=0.7, load_s=9.0, first_call_s=0.3, warm_up_calls=6),
        start("one", 2, start_s=0.7, load_s=0.2, first_call_s=0.3, warm_up_calls=7),
        END,
    ]

    row = row_of(summarize(records), "one")

    assert (row.import_s, row.load_s, row.first_call_s) == (0.7, 0.2, 0.3)
    assert (row.until_steady_s, row.until_steady_calls) == (pytest.approx(1.4), 7)


def test_what_preflight_found():
    record = preflight(
        "one",
        samples=77,
        gpu_bytes=5 * MIB,
        sweep={"samples_per_s": {"1": 10.0, "2": 30.0, "16": 29.0}, "ended": "no memory left"},
    )

    row = row_of(summarize([RUN, artifact("one"), record, parity("one", "one"), END]), "one")

    assert row.samples == 77
    assert row.versions == {"fake": "1.0"}
    assert row.until_steady_s is None  # no process was timed
    assert (row.peak_rss_bytes, row.memory_bytes) == (90 * MIB, 30 * MIB)
    assert (row.gpu_bytes, row.installed_bytes, row.bytes) == (5 * MIB, 70 * MIB, 3 * MIB)
    assert (row.best_batch, row.sweep_ended) == (2, "no memory left")
    assert row.grows_with_batch is True
    assert (row.reference, row.equal_labels, row.unequal_samples) == ("one", 0.75, (1, 4))
    assert row.metrics == parity("one", "one")["metrics"]


def test_what_the_system_does_not_tell_is_none():
    silent = {
        **{"seconds": 1.0, "samples": 10},
        **dict.fromkeys(("peak_rss_bytes", "peak_bytes", "bare_bytes")),
    }

    row = row_of(summarize([RUN, artifact("one"), preflight("one", predict=silent), END]), "one")

    assert (row.peak_rss_bytes, row.memory_bytes, row.gpu_bytes) == (None, None, None)
    assert (row.best_batch, row.sweep_ended, row.largest_difference) == (None, None, None)


def test_one_unsteady_process_makes_it_unsteady():
    records = [
        RUN,
        artifact("one"),
        preflight("one"),
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
    assert warnings([row], WHOLE) == [warning]
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
    record = preflight("one", check={"seconds": seconds})

    summary = summarize([run(batch=batch), artifact("one"), record, END])

    row = row_of(summary, "one")
    assert row.grows_with_batch is grows
    doubts = warnings([row], WHOLE)
    assert [doubt.partition(";")[0] for doubt in doubts] == (
        ["one: a full batch takes no longer than one sample"] if grows is False else []
    )
    assert all(f"- {doubt}" in markdown.render(summary) for doubt in doubts)


def test_nothing_is_doubted_without_a_reason():
    summary = summarize(complete_run(("base", [1.0, 1.0]), ("other", [1.0, 1.0])))

    assert warnings(summary.rows, WHOLE) == []


# Resolution


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
        preflight("one"),
        burst("one", 0, seconds[::3], batch=1),
        burst("one", 1, seconds[1::3], batch=1),
        burst("one", 1, seconds[2::3], batch=1, turn=1),
        END,
    ]

    summary = summarize(records)

    assert row_of(summary, "one").timings["batch 1"].percentiles_s == expected
    shown = cells(markdown.render(summary), "one")
    columns = {name: text for name, text in shown.items() if name in ("p90", "p95", "p99")}
    assert columns == {name: formatting.seconds(second) for name, second in expected.items()}


def test_own_training_is_each_framework_with_its_own_weights():
    summary = summarize(several_trainings())

    assert [row.artifact for row in summary.own_training] == ["jax in jax", "torch in torch"]
    titles = [title for title, _ in sections(summary)]
    assert titles == [
        "Same weights: t-weights, trained in torch, on cpu; artifacts: … in torch",
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

    summary = summarize([RUN, record, preflight("model.onnx"), burst("model.onnx", 0, [1.0]), END])

    row = row_of(summary, "model.onnx")
    assert (row.weights, row.framework, row.format) == (None, None, "fake")
    assert summary.own_training == []
    assert [title for title, _ in sections(summary)] == ["Artifacts without a manifest, on cpu"]


def test_a_machine_that_was_busy_at_times_is_told_of():
    quiet = complete_run(("base", [1.0, 1.02, 1.03]), ("other", [2.0, 2.0, 2.04]))
    busy = complete_run(("base", [1.0, 1.02, 1.3]), ("other", [2.0, 2.0, 2.6]))
    odd_one = complete_run(("base", [1.0] * 3), ("other", [2.0] * 3), ("odd", [1.0, 1.3, 1.0]))

    assert not any("BUSY" in notice for notice in summarize(quiet).notices)
    assert not any("BUSY" in notice for notice in summarize(odd_one).notices)
    (notice,) = (notice for notice in summarize(busy).notices if "BUSY" in notice)
    assert "30%" in notice


def test_summary_does_not_change_the_records():
    records = several_trainings()
    before = json.dumps(records)

    assert asdict(summarize(records)) == asdict(summarize(records))
    assert resolution(records) == resolution(records)
    assert json.dumps(records) == before


def test_last_batch_that_is_not_full_does_not_count():
    records = complete_run(("base", [1.0]))
    passed = burst("base", 1, [1.0, 1.0, 0.1]) | {"samples": 65}
    records += [start("base", 1), passed]

    timing = row_of(summarize(records), "base").timings["batch 32"]

    assert (timing.calls, timing.call_s) == (3, 1.0)
    assert timing.samples_per_s == pytest.approx(32)


def test_fewer_samples_than_a_batch_are_counted_as_they_are():
    records = complete_run(("base", [1.0]))
    records = [
        record | {"samples": 10}
        if record["kind"] == "burst" and record["workload"]["batch"] == 32
        else record
        for record in records
    ]

    assert row_of(summarize(records), "base").timings["batch 32"].samples_per_s == 10


def test_json_of_a_run_is_of_its_type_and_keeps_to_it():
    summary = summarize(complete_run(("base", [1.0, 1.1]), ("other", [2.0, 2.1])))

    written = json.loads(encode(summary))

    assert from_json(Summary, written) == summary
    with pytest.raises(DecodeError, match=r"unknown field 'rows\.1\.moon'"):
        from_json(
            Summary, written | {"rows": [written["rows"][0], written["rows"][1] | {"moon": 1}]}
        )


def test_an_artifact_that_ended_in_a_slow_turn_harms_no_other():
    names = ["native", "other", "crashed"]
    records = [RUN]
    for name in names:
        records += [artifact(name), preflight(name), parity(name, "native")]
    for generation, turn in product(range(4), range(4)):
        slow = 1.5 if (generation, turn) == (3, 0) else 1.0
        for name in names:
            if turn == 0:
                records.append(start(name, generation))
            if name != "crashed" or (generation, turn) <= (3, 0):
                records.append(burst(name, generation, [0.01 * slow], turn=turn))
    records += [outcome("native"), outcome("other"), outcome("crashed", "crash", "killed"), END]

    summary = summarize(records)

    assert row_of(summary, "other").timings["batch 32"].ratio.generations == 4
    assert row_of(summary, "crashed").timings["batch 32"].ratio.generations == 3
