"""What the report and the terminal show of a run."""

from run_records import (
    END,
    MIB,
    RUN,
    artifact,
    burst,
    cells,
    complete_run,
    outcome,
    preflight,
    row_of,
    run,
    shown,
    sized,
    summarize,
)

from infer.report import markdown
from infer.report.growth_table import growth_table
from infer.results import formatting


def test_report_shows_the_rows():
    records = complete_run(("base", [0.002] * 3), ("other", [0.004, 0.0041, 0.0039]))

    report = markdown.render(summarize(records))

    assert (
        "Made up 3000, 4 cores, no GPU; on cpu with 2 threads; 3 generations of processes, "
        "2 turns in each; load at start 0.5; ended since all 3 generations were measured." in report
    )
    other = cells(report, "other")
    assert other["batch 32"] == "4.00 ms"
    assert other["1,000 samples"] == "125 ms"
    assert other["ratio [95%]"] == "2.00 [1.88, 2.13]"
    assert other["verdict"] == "slower"
    assert other["samples/s"] == "8,000"
    assert other["batch 1"] == "1.00 ms"
    assert (other["start"], other["load"], other["first call"]) == ("500 ms", "200 ms", "300 ms")
    assert other["until steady"] == "200 ms (1)"
    assert other["memory"] == "30.0 MiB"
    assert (other["size"], other["installed"]) == ("3.0 MiB", "70.0 MiB")
    assert "GPU memory" not in other
    assert (other["outcome"], other["largest difference"]) == ("ok", "0")
    assert (other["equal labels"], other["accuracy"]) == ("75.00%", "0.9000")
    base = cells(report, "base")
    assert (base["ratio [95%]"], base["verdict"]) == ("1", "reference")
    assert base["largest difference"] == "reference"
    assert "ratio: time of an undisturbed call" in report
    assert "over that of base, below 1 is faster" in report


def test_terminal_shows_what_the_report_says():
    summary = summarize(complete_run(("base", [0.002] * 3), ("other", [0.004, 0.0041, 0.0039])))

    text = shown(summary)

    for part in (
        formatting.conditions(summary),
        "slower 2.00 [1.88, 2.13]",
        "base is fastest in batches of 32; other takes 2.00 [1.88, 2.13] times as long",
        "8,000",
        "200 ms (1)",
        "reference",
    ):
        assert part in " ".join(text.split())


def test_narrow_intervals_have_one_more_place():
    records = complete_run(("base", [1.0, 1.0, 1.0]), ("other", [1.02, 1.021, 1.022]))

    assert (
        cells(markdown.render(summarize(records)), "other")["ratio [95%]"] == "1.021 [1.019, 1.023]"
    )


def test_one_generation_has_a_ratio_and_no_interval():
    other = cells(
        markdown.render(summarize(complete_run(("base", [1.0]), ("other", [2.0])))), "other"
    )

    assert (other["ratio [95%]"], other["verdict"]) == ("2.00", "unknown")


def test_gpu_memory_has_a_column_where_one_is_used():
    records = complete_run(("base", [1.0]), ("other", [1.0]))
    records[3] = preflight("base", gpu_bytes=256 * MIB)

    report = markdown.render(summarize(records))

    assert [cells(report, name)["GPU memory"] for name in ("base", "other")] == ["256.0 MiB", "-"]


def test_sets_of_samples_of_different_sizes_are_not_given_one_title():
    records = complete_run(("base", [1.0]), ("other", [1.0]))
    records[3] = preflight("base", samples=64)

    report = markdown.render(summarize(records))

    assert cells(report, "base")["all samples"] == "2.00 s"
    assert cells(report, "other")["all samples"] == "31.2 s"


def swept(name, rates, **ended):
    record = preflight(name, sweep={"samples_per_s": rates, **ended})
    return [record, *(burst(name, 0, [0.001], batch=int(batch)) for batch in rates)]


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

    assert summary.planned_workloads == ["batch 1"]
    small, large = cells(report, "small"), cells(report, "large")
    assert (small["best batch"], large["best batch"]) == ("1", "4")
    assert small["samples/s by batch"] == "1: 1,000  2: 2,000"
    assert large["samples/s by batch"] == "1: 1,000  2: 2,000  4: 4,000"
    assert large["ended since"] == "no memory for a batch of 8"
    assert "best batch" not in cells(
        markdown.render(summarize(complete_run(("base", [1.0])))), "base"
    )


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
        preflight("one"),
        *(
            burst("one", 0, [0.002], batch=workload["batch"]) | {"workload": workload}
            for workload in points.values()
        ),
        END,
    ]

    summary = summarize(records)

    assert summary.planned_workloads == list(points)
    assert [summary.workloads[point].batch for point in points] == [32, 1, 32, 1, 1, 1]
    by_title = cells(markdown.render(summary), "one")
    assert [by_title[point] for point in points] == ["2.00 ms"] * 6


def test_growth_with_the_shape_has_a_table_of_its_own():
    records = [
        RUN,
        *(sized(name, int(name[:-2])) for name in ("64/a", "9/a", "28/a")),
        *(preflight(name) for name in ("64/a", "9/a", "28/a")),
        burst("64/a", 0, [0.05]),
        burst("9/a", 0, [0.01]),
        burst("28/a", 0, [0.02]),
        END,
    ]

    summary = summarize(records)

    table = growth_table(summary)
    assert table.titles == ["artifact, batch 32", "9 x 9 x 3", "28 x 28 x 3", "64 x 64 x 3"]
    # In brackets the ratio to the smallest shape.
    assert table.texts == [["a", "10.0 ms (1.0)", "20.0 ms (2.0)", "50.0 ms (5.0)"]]
    report = markdown.render(summary)
    assert f"## {table.caption}" in report
    assert "| a | 10.0 ms (1.0) | 20.0 ms (2.0) | 50.0 ms (5.0) |" in report
    assert table.caption in shown(summary)


def test_other_models_of_other_shapes_are_no_growth():
    records = [RUN, *(sized(f"{side}/m{side}", side) for side in (9, 28))]
    records += [preflight("9/m9"), preflight("28/m28")]
    records += [burst("9/m9", 0, [0.01]), burst("28/m28", 0, [0.02]), END]

    assert growth_table(summarize(records)) is None


def test_one_shape_has_no_growth():
    summary = summarize([RUN, sized("28/a", 28), preflight("28/a"), burst("28/a", 0, [1.0]), END])

    assert growth_table(summary) is None
    assert "How the time for a call grows" not in markdown.render(summary)
    assert "How the time for a call grows" not in shown(summary)


def test_planned_calls_that_nothing_was_measured_of_have_no_table():
    records = complete_run(("base", [1.0]))
    only_batches = [r for r in records if r["kind"] != "burst" or r["workload"]["batch"] == 32]

    assert "batch 1" in cells(markdown.render(summarize(records)), "base")
    assert "batch 1" not in cells(markdown.render(summarize(only_batches)), "base")


def test_report_puts_the_fastest_first():
    report = markdown.render(
        summarize(complete_run(("slow", [3.0]), ("fast", [1.0]), ("mid", [2.0])))
    )

    first_table = report.split("artifact |")[1]
    assert first_table.index("fast") < first_table.index("mid") < first_table.index("slow")


def test_report_names_failures_with_reason_and_command():
    records = [
        *complete_run(("base", [1.0]))[:-1],
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


def test_artifact_that_failed_after_preflight_shows_what_was_measured():
    records = complete_run(("base", [1.0, 1.0]), ("broken", [3.0, 3.0]))
    cut = [r for r in records if (r.get("artifact"), r.get("generation")) != ("broken", 1)]

    summary = summarize([*cut, outcome("broken", "hang", "no answer"), END])

    broken = cells(markdown.render(summary), "broken")
    assert (broken["batch 32"], broken["ratio [95%]"], broken["outcome"]) == (
        "3.00 s",
        "3.00",
        "hang",
    )
    assert "**broken: hang**: no answer" in markdown.render(summary)


def test_bars_in_names_do_not_break_the_table():
    report = markdown.render(summarize(complete_run(("a|b", [1.0]))))

    assert "| a\\|b |" in report


def test_times_have_units():
    records = complete_run(("s", [2.5]), ("ms", [0.0025]), ("us", [0.0000025]))

    report = markdown.render(summarize(records))

    times = [cells(report, name)["batch 32"] for name in ("s", "ms", "us")]
    assert times == ["2.50 s", "2.50 ms", "2.50 µs"]
