"""Where the marks of plots stand."""

from test_tables import POINT, result, summary, timing

from infer.report.plots import curves, ratios
from infer.report.tables import labels_of
from infer.stats.ratios import Ratio


def test_curves_stand_where_their_values_are():
    plot = curves("t", "x", "y", {"a": {1: 10.0, 100: 1000.0}, "b": {1: 5.0}}, {1: "1", 100: "100"})
    (line,) = plot.lines  # of one point there is no curve
    (x0, y0), (x1, y1) = line.points
    assert 0 < x0 < x1 < 100
    assert 0 < y1 < y0 < 100  # from the top
    assert len(plot.y_ticks) >= 3


def test_what_gives_other_answers_is_not_called_faster():
    rows = [result("base", timings={POINT: timing(1.0)})]
    for name, outcome in (("good", "ok"), ("bad", "parity_fail")):
        timings = {POINT: timing(0.5, Ratio(0.5, 0.4, 0.6, 4))}
        rows.append(result(name, timings=timings, outcome=outcome))
    plot = ratios(POINT, rows, summary(*rows), labels_of(rows))
    assert [(w.verdict, w.text) for w in plot.whiskers] == [
        ("reference", "1 (reference)"),
        ("faster", "0.50 [0.40, 0.60]"),
        ("unsure", "parity_fail"),
    ]
