"""From records made by hand to rows, tables and Markdown."""

import json
from dataclasses import asdict

import pytest

from infer import markdown, tables
from infer.summary import summarize

RUN = {
    "kind": "run",
    "command": ["run", "models"],
    "environment": {
        "processor": "Made up 3000",
        "cores": 4,
        "gpus": [],
        "load_average": [0.5, 0.4, 0.3],
    },
    "protocol": {"name": "paper", "batch": 32, "rounds": 3, "passes": 2},
    "device": "cpu",
    "threads": 2,
    "seed": 0,
}
END = {"kind": "end", "interrupted": False}


def artifact(name, *, weights="a", trained_in="torch", framework="torch", **manifest):
    return {
        "kind": "artifact",
        "artifact": name,
        "path": f"models/{name}",
        "format": "fake",
        "bytes": 3 * 2**20,
        "manifest": {
            "framework": framework,
            "weights": {"name": f"{weights}-weights", "sha256": weights, "framework": trained_in},
            **manifest,
        },
    }


def measurement(name, index, seconds, *, samples=1000, singles=(0.001,), **values):
    return {
        "kind": "measurement",
        "artifact": name,
        "round": index,
        "start": {"spawn_to_ready_s": 0.5 + index, "versions": {"fake": "1.0"}},
        "load": {"seconds": 0.2},
        "first_call": {"seconds": 0.3},
        "warm_up": {"steady": True},
        "passes": {
            "seconds": seconds,
            "samples": samples,
            "peak_rss_bytes": 2**20 * (index + 1),
        },
        "single": {"seconds": list(singles)},
    } | values


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


def whole(*times):
    """Records of artifacts that are measured in as many rounds as they have times, and agree.

    Each is its name and the seconds of its rounds; the first is the reference.
    """
    names = [name for name, _ in times]
    return [
        RUN,
        *(artifact(name) for name in names),
        *(measurement(name, i, [t]) for name, own in times for i, t in enumerate(own)),
        *(parity(name, names[0]) for name in names),
        *(outcome(name) for name in names),
        END,
    ]


def row_of(summary, name):
    (row,) = (row for row in summary.rows if row.artifact == name)
    return row


def test_times_are_medians_over_the_rounds():
    records = [
        RUN,
        artifact("one"),
        measurement("one", 0, [1.0, 9.0, 1.0], singles=[0.1, 0.3, 0.2]),
        measurement("one", 1, [5.0], singles=[0.4]),
        measurement("one", 2, [3.0], singles=[0.9]),
        parity("one", "one"),
        outcome("one"),
        END,
    ]

    row = row_of(summarize(records), "one")

    assert row.pass_s == pytest.approx(3.0)
    assert row.single_s == 0.4
    assert row.import_s == 1.5
    assert (row.load_s, row.first_call_s) == (0.2, 0.3)
    assert row.peak_rss_bytes == 3 * 2**20
    assert row.samples == 1000
    assert row.versions == {"fake": "1.0"}
    assert (row.outcome, row.steady) == ("ok", True)


def test_rounds_of_a_part_of_the_samples_are_scaled_to_all():
    records = [
        RUN,
        *(artifact(name) for name in ("base", "twice")),
        measurement("base", 0, [4.0], samples=1000),
        measurement("base", 1, [0.5], samples=100),
        measurement("twice", 0, [8.0], samples=1000),
        measurement("twice", 1, [1.0], samples=100),
        *(parity(name, "base") for name in ("base", "twice")),
        END,
    ]

    summary = summarize(records)

    assert row_of(summary, "base").samples == 1000
    assert row_of(summary, "base").pass_s == pytest.approx(4.5)
    ratio = row_of(summary, "twice").pass_ratio
    assert (ratio.low, ratio.high) == pytest.approx((2, 2))


def test_one_unsteady_round_makes_it_unsteady():
    records = [
        RUN,
        artifact("one"),
        measurement("one", 0, [1.0]),
        measurement("one", 1, [1.0], warm_up={"steady": False}),
        END,
    ]

    assert row_of(summarize(records), "one").steady is False


def test_ratio_is_paired_by_round():
    # In the last round everything took ten times as long, and one came before the other.
    summary = summarize(whole(("base", [1.0, 1.0, 10.0]), ("twice", [2.0, 2.0, 20.0])))

    row = row_of(summary, "twice")

    assert summary.speed_reference == "base"
    assert row_of(summary, "base").pass_ratio is None
    assert (row.pass_ratio.low, row.pass_ratio.high) == pytest.approx((2, 2))
    assert row.pass_ratio.rounds == 3


def test_only_rounds_that_both_have_are_paired():
    records = whole(("base", [1.0, 1.0]), ("other", [3.0, 3.0]))
    records.insert(-1, measurement("other", 2, [100.0]))

    ratio = row_of(summarize(records), "other").pass_ratio

    assert ratio.rounds == 2
    assert ratio.value == pytest.approx(3)


def test_more_artifacts_make_the_intervals_wider():
    times = ("base", [1.0, 1.1, 1.2]), ("x", [1.2, 1.1, 1.3])
    alone = row_of(summarize(whole(*times)), "x").pass_ratio
    among = row_of(summarize(whole(*times, ("y", [1.0] * 3), ("z", [1.0] * 3))), "x").pass_ratio

    assert among.value == alone.value
    assert among.low < alone.low and among.high > alone.high


def test_reference_of_speed_is_that_of_the_largest_group():
    records = [
        RUN,
        artifact("lone", weights="b"),
        artifact("x"),
        artifact("y"),
        *(measurement(name, 0, [1.0]) for name in ("lone", "x", "y")),
        parity("lone", "lone"),
        parity("x", "y"),
        parity("y", "y"),
        END,
    ]

    summary = summarize(records)

    assert summary.speed_reference == "y"
    assert [[row.artifact for row in group] for group in summary.groups] == [["x", "y"], ["lone"]]


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
    # Calls of 1, 2, 3 ... seconds, over two rounds and not in order.
    seconds = [float(second) for second in range(calls, 0, -1)]
    records = [
        RUN,
        artifact("one"),
        measurement("one", 0, [1.0], singles=seconds[::2]),
        measurement("one", 1, [1.0], singles=seconds[1::2]),
        END,
    ]

    summary = summarize(records)

    assert row_of(summary, "one").single_percentiles_s == expected
    (percentiles,) = (column for column in tables.COST if column.title(summary) == "p90 / p95")
    shown = percentiles.cell(row_of(summary, "one"), summary)
    assert shown == (f"{expected['p90']} s / {expected['p95']} s" if "p95" in expected else "-")


def several_trainings():
    records = [
        RUN,
        artifact("torch in torch", weights="t"),
        artifact("jax in torch", weights="t", framework="jax"),
        artifact("jax in jax", weights="j", framework="jax", trained_in="jax"),
        artifact("torch in jax", weights="j", trained_in="jax"),
    ]
    names = [record["artifact"] for record in records[1:]]
    records += [measurement(name, 0, [float(i + 1)]) for i, name in enumerate(names)]
    return [*records, *(outcome(name) for name in names), END]


def test_own_training_is_each_framework_with_its_own_weights():
    summary = summarize(several_trainings())

    assert [row.artifact for row in summary.own_training] == ["jax in jax", "torch in torch"]
    titles = [title for title, _ in tables.sections(summary)]
    assert titles == [
        "Same weights: t-weights, trained in torch",
        "Same weights: j-weights, trained in jax",
        "Each framework's own training, in its own formats (the paper's comparison)",
    ]


def test_own_training_of_one_framework_is_no_comparison():
    records = [r for r in several_trainings() if "jax in jax" not in r.values()]

    summary = summarize(records)

    assert summary.own_training == []
    assert len(tables.sections(summary)) == 2


def test_bare_payload_has_a_section_and_no_weights():
    record = artifact("model.onnx") | {"manifest": None}

    summary = summarize([RUN, record, measurement("model.onnx", 0, [1.0]), END])

    row = row_of(summary, "model.onnx")
    assert (row.weights, row.framework, row.format) == (None, None, "fake")
    assert summary.own_training == []
    assert [title for title, _ in tables.sections(summary)] == ["Artifacts without a manifest"]


def test_interrupted_run_shows_what_was_measured():
    records = whole(("base", [1.0, 1.0]), ("other", [3.0, 3.0]))
    cut = [r for r in records if r["kind"] in ("run", "artifact") or r.get("round") == 0]
    cut = [r for r in cut if (r["kind"], r.get("artifact")) != ("measurement", "other")]

    summary = summarize(cut)

    assert summary.interrupted
    assert row_of(summary, "base").pass_s == pytest.approx(1.0)
    other = row_of(summary, "other")
    assert (other.outcome, other.reason, other.pass_s) == ("not measured", "interrupted", None)
    report = markdown.render(summary)
    assert "INTERRUPTED" in report
    assert "other: not measured" in report


@pytest.mark.parametrize("count", [1, 2])
def test_run_that_was_cut_off_at_its_start_can_be_shown(count):
    summary = summarize(whole(("base", [1.0]))[:count])

    assert summary.interrupted
    assert summary.speed_reference is None
    assert "INTERRUPTED" in markdown.render(summary)


def test_run_that_said_it_was_interrupted():
    records = whole(("base", [1.0]))[:-1]

    assert summarize([*records, {"kind": "end", "interrupted": True}]).interrupted
    assert not summarize([*records, END]).interrupted


def test_notices_are_told_once_and_quick_runs_say_so():
    records = whole(("base", [1.0]), ("other", [1.0]))
    records[0] = RUN | {"protocol": RUN["protocol"] | {"name": "quick"}}
    records[1] = artifact("base", notices=["TRAINED BRIEFLY"])
    records[2] = artifact("other", notices=["TRAINED BRIEFLY"])

    summary = summarize(records)

    quick, brief = summary.notices
    assert "QUICK" in quick
    assert brief == "TRAINED BRIEFLY"
    report = markdown.render(summary)
    assert report.index(quick) < report.index(brief) < report.index("|")


def test_summary_does_not_change_the_records():
    records = several_trainings()
    before = json.dumps(records)

    assert asdict(summarize(records)) == asdict(summarize(records))
    assert json.dumps(records) == before


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

    assert "Made up 3000, 4 cores, no GPU; on cpu with 2 threads" in report
    other = cells(report, "other")
    assert other["1,000 samples"] == "4 ms"
    assert other["ratio"].startswith("2.00 [")
    assert other["verdict"] == "slower"
    assert other["samples/s"] == "250,000"
    assert other["size"] == "3.0 MiB"
    assert (other["outcome"], other["largest difference"]) == ("ok", "0.0e+00")
    assert (other["equal labels"], other["accuracy"]) == ("75.00%", "0.9000")
    base = cells(report, "base")
    assert base["ratio"] == "1 (reference)"
    assert base["largest difference"] == "reference"
    assert "ratio: time over that of base" in report


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
    assert row.pass_s is None
    assert row.metrics is None
    report = markdown.render(summary)
    assert f"broken: crash**: the process was killed by SIGSEGV (`{row.command}`)" in report
    assert "| broken" not in report


def test_bars_in_names_do_not_break_the_table():
    report = markdown.render(summarize(whole(("a|b", [1.0]))))

    assert "| a\\|b |" in report


def test_times_have_units():
    records = whole(("s", [2.5]), ("ms", [0.0025]), ("us", [0.0000025]))

    report = markdown.render(summarize(records))

    times = [cells(report, name)["1,000 samples"] for name in ("s", "ms", "us")]
    assert times == ["2.5 s", "2.5 ms", "2.5 µs"]
