"""Which artifact is best for each need, and how sure that is."""

import math
from pathlib import Path

from events import events
from run_records import complete_run

from infer.results import ranking, summarizing
from infer.results.recorded_run import RecordedRun
from infer.stats.ratios import Direction


def recorded(*times):
    known = events(complete_run(*times))
    return RecordedRun(Path("run"), known, summarizing.summarize(known))


def throughput(run):
    return ranking.best(run, run.summary.rows, ranking.THROUGHPUT)


def test_an_answer_says_that_it_compares_more_than_a_table():
    steps = (-0.02, -0.02, 0.02, 0.02)
    run = recorded(
        ("native", [0.01] * 4),
        ("fast", [0.01 * math.exp(step - 0.052) for step in steps]),
        ("slow", [0.03 * math.exp(step) for step in steps]),
    )

    # The reference alone is one of two comparisons, and one of three pairs.
    row = next(row for row in run.summary.rows if row.artifact == "fast")
    assert row.timings["batch 32"].ratio.direction == Direction.FASTER
    answer = throughput(run)
    assert (answer.best, answer.equals) == ("fast", ("native",))
    assert answer.how_sure.startswith("with all 3 pairs compared, this run cannot tell it from nat")
    assert "surely ahead of slow" in answer.how_sure


def test_of_two_artifacts_an_answer_compares_what_the_table_does():
    run = recorded(("native", [0.01] * 4), ("other", [0.009, 0.011, 0.009, 0.012]))
    assert throughput(run).how_sure.startswith("this run cannot tell it from ")
