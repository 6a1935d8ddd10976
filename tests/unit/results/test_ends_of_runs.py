"""How a run ended, and what is said of one that was cut off, resumed or quick."""

import pytest
from run_records import (
    END,
    artifact,
    burst,
    complete_run,
    outcome,
    row_of,
    run,
    shown,
    summarize,
)

from infer.report import markdown


def test_interrupted_run_shows_what_was_measured():
    records = complete_run(("base", [1.0, 1.0]), ("other", [3.0, 3.0]))
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
    summary = summarize(complete_run(("base", [1.0]))[:count])

    assert summary.interrupted
    assert summary.speed_references == ({"base": "base"} if count == 3 else {})
    assert summary.generations == 0
    assert "INTERRUPTED" in markdown.render(summary)
    assert "INTERRUPTED" in shown(summary)


def test_run_that_said_it_was_interrupted():
    records = complete_run(("base", [1.0]))[:-1]

    cut = summarize([*records, {"kind": "end", "interrupted": True, "reason": "interrupted"}])

    assert (cut.interrupted, cut.ended) == (True, "interrupted")
    assert not summarize([*records, END]).interrupted


RESUME = {"kind": "resume", "protocol": run()["protocol"]}


def test_run_that_was_resumed_is_interrupted_until_it_ends_again():
    records = complete_run(("base", [1.0]))[:-1]
    records += [{"kind": "end", "interrupted": True, "reason": "interrupted"}, RESUME]

    assert summarize(records).interrupted
    assert summarize(records).ended is None
    assert not summarize([*records, END]).interrupted
    assert summarize([*records, END]).ended == END["reason"]
    assert summarize([*records, END, RESUME]).interrupted


def test_latest_outcome_counts():
    records = complete_run(("base", [1.0]))

    row = row_of(summarize([*records, outcome("base", "crash", "killed"), END]), "base")

    assert (row.outcome, row.reason) == ("crash", "killed")


def test_notices_are_told_once_and_quick_runs_say_so():
    records = complete_run(("base", [1.0]), ("other", [1.0]))
    records[0] = run(name="quick")
    records[1] = artifact("base", notices=["TRAINED BRIEFLY"])
    records[2] = artifact("other", notices=["TRAINED BRIEFLY"])

    summary = summarize(records)

    quick, brief = summary.notices
    assert "QUICK" in quick
    assert brief == "TRAINED BRIEFLY"
    report = markdown.render(summary)
    assert report.index(quick) < report.index(brief) < report.index("|")
