"""Where the marks of plots stand."""

from infer.report.plots import curves


def test_curves_stand_where_their_values_are():
    plot = curves("t", "x", "y", {"a": {1: 10.0, 100: 1000.0}, "b": {1: 5.0}}, {1: "1", 100: "100"})
    (line,) = plot.lines  # of one point there is no curve
    (x0, y0), (x1, y1) = line.points
    assert 0 < x0 < x1 < 100
    assert 0 < y1 < y0 < 100  # from the top
    assert len(plot.y_ticks) >= 3
