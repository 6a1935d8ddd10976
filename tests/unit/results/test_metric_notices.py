"""What metrics a run was to have, and has not, stands at its top."""

from events import events
from run_records import complete_run

from infer.records.metric_events import MetricsScored
from infer.results.summarizing import summarize


def test_a_task_that_does_not_fit_is_told_once_of_all_artifacts():
    records = events(complete_run(("a", [0.002] * 3), ("b", [0.003] * 3)))
    reason = "--task segmentation: no output is a map of classes"
    missing = [
        MetricsScored(artifact="a", missing=(reason,)),
        MetricsScored(artifact="b", missing=(reason, "metric dice: gives nan")),
    ]

    notices = summarize([*records[:-1], *missing, records[-1]]).notices

    assert f"METRICS MISSING: {reason}." in notices
    assert "METRICS MISSING: of b: metric dice: gives nan." in notices
