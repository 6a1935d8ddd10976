"""What tables say in a sentence: no more than the intervals hold."""

from types import SimpleNamespace

import pytest
from test_tables import POINT, result, timing

from infer.report.agreement_tables import agreement_table
from infer.report.headlines import headlines
from infer.report.speed_tables import speed_table
from infer.report.tables import labels_of
from infer.stats.ratios import Ratio
from infer.workload import Workload


def said(table_of, rows, **references):
    return [line.text for line in lines(table_of, rows, **references)]


def has_interval(rows):
    (line,) = lines(lambda rows, whole: speed_table(POINT, rows, whole), rows)
    return line.has_interval


def lines(table_of, rows, **references):
    whole = SimpleNamespace(
        rows=rows,
        speed_references={row.artifact: references.get(row.artifact, "base") for row in rows},
        workloads={POINT: Workload(1)},
        run=SimpleNamespace(device="cpu"),
        elapsed_s=30.0,
    )
    table = table_of(rows, whole)
    return headlines(table, rows, whole, labels_of(rows))


def fastest(*intervals, formats=None, outcomes=None):
    """What is said of a reference "base" and others, each of a ratio with its interval."""
    names = "abcdefgh"[: len(intervals)]
    ratios = [Ratio(*interval, 4) for interval in intervals]
    rows = [result("base", timings={POINT: timing(1.0)}, format="torchscript")]
    rows += [
        result(
            name,
            timings={POINT: timing(ratio.value, ratio)},
            format=(formats or {}).get(name, name),
            outcome=(outcomes or {}).get(name, "ok"),
        )
        for name, ratio in zip(names, ratios, strict=True)
    ]
    return said(lambda rows, whole: speed_table(POINT, rows, whole), rows)


@pytest.mark.parametrize(
    ("intervals", "text"),
    [
        (
            [(0.418, 0.41, 0.42), (1.8, 1.7, 1.9)],
            "a is fastest for one sample: 0.418 [0.410, 0.420] of base's time",
        ),
        (
            [(0.42, 0.40, 0.44), (0.43, 0.41, 0.45), (0.9, 0.8, 1.1)],
            "a leads for one sample: 0.420 [0.400, 0.440] of base's time; b may be as fast",
        ),
        # A lower estimate whose interval holds 1 is no lead over the reference.
        (
            [(0.6, 0.2, 1.8), (0.7, 0.6, 0.8)],
            "b leads for one sample: 0.70 [0.60, 0.80] of base's time; a may be as fast",
        ),
        (
            [(1.3, 1.2, 1.4), (1.1, 1.05, 1.16)],
            "base is fastest for one sample; b takes 1.10 [1.05, 1.16] times as long",
        ),
        (
            [(0.9, 0.7, 1.1), (1.0, 0.9, 1.1), (1.5, 1.4, 1.6)],
            "Nothing is surely faster than base for one sample; a and b may be",
        ),
        ([(0.9, 0.8, 1.25)], "No difference was found for one sample; one of 25% would have shown"),
        (
            [(0.9, 0.1, 10.0)],
            "No difference was found for one sample; one of a factor of 10 would have shown",
        ),
        (
            [(0.5, None, None)],
            "Too few generations of processes to say what is fastest for one sample: "
            "take --budget 10m",
        ),
    ],
)
def test_what_the_intervals_hold(intervals, text):
    assert fastest(*intervals) == [text]


def test_several_of_one_format_are_called_by_it():
    both = (0.42, 0.40, 0.44), (0.43, 0.41, 0.45)
    onnx = {"a": "onnx", "b": "onnx"}
    text = "ONNX is fastest for one sample: 0.420 [0.400, 0.440] of base's time (2 artifacts tied)"
    assert fastest(*both, formats=onnx) == [text]
    # Not where another of the format is slower.
    slower = fastest(*both, (0.9, 0.8, 0.95), formats=onnx | {"c": "onnx"})
    assert slower == [
        "a leads for one sample: 0.420 [0.400, 0.440] of base's time; b may be as fast"
    ]


@pytest.mark.parametrize(
    ("intervals", "text"),
    [
        # The fastest need not be faster than the reference.
        (
            [(0.9, 0.8, 1.03), (1.3, 1.2, 1.4)],
            "a is fastest for one sample; b takes 1.44 times as long",
        ),
        (
            [(0.9, 0.85, 0.95), (1.0, 0.92, 1.08)],
            "a leads for one sample: 0.900 [0.850, 0.950] of base's time; b may be as fast",
        ),
        (
            [(1.3, 1.2, 1.4), (1.35, 1.25, 1.45)],
            "No difference was found between these for one sample; one of 8.0% would have shown",
        ),
    ],
)
def test_what_is_said_of_a_group_without_the_reference(intervals, text):
    rows = [
        result(name, timings={POINT: timing(interval[0], Ratio(*interval, 4))}, format=name)
        for name, interval in zip("ab", intervals, strict=True)
    ]
    assert said(lambda rows, whole: speed_table(POINT, rows, whole), rows) == [text]


def test_what_differs_is_not_the_fastest():
    texts = fastest((0.2, 0.19, 0.21), (0.5, 0.4, 0.6), outcomes={"a": "parity_fail"})
    assert texts == ["b is fastest for one sample: 0.50 [0.40, 0.60] of base's time"]


def test_of_one_artifact_its_time_is_said():
    assert fastest() == ["base takes 1.00 s for one sample: 1.00 samples/s"]
    # Not as if it were the only one where another failed after it was timed.
    assert fastest((0.5, 0.4, 0.6), outcomes={"a": "crash"}) == [
        "base takes 1.00 s for one sample: 1.00 samples/s"
    ]


def test_sentences_say_whether_they_have_an_interval():
    rows = [result("base", timings={POINT: timing(1.0)})]
    assert not has_interval(rows)
    other = result("a", timings={POINT: timing(0.5, Ratio(0.5, 0.4, 0.6, 4))})
    assert has_interval([*rows, other])
    undecided = result("a", timings={POINT: timing(0.5, Ratio(0.5, 0.4, 1.6, 4))})
    assert not has_interval([*rows, undecided])


def test_who_agrees_and_who_does_not():
    def agreeing(*outcomes):
        rows = [result("base", reference="base")]
        rows += [
            result(name, reference="base", outcome=outcome, largest_difference=1e-6)
            for name, outcome in zip("abc", outcomes, strict=False)
        ]
        return said(lambda rows, whole: agreement_table(rows), rows)

    assert agreeing("ok") == ["a agrees with base: largest difference 1.0e-06"]
    assert agreeing("ok", "ok") == ["Both agree with base: largest difference 1.0e-06"]
    assert agreeing("ok", "parity_fail", "crash") == [
        "1 of 3 agrees with base: largest difference 1.0e-06",
        "parity_fail: b",
        "crash: c",
    ]
    assert agreeing("parity_fail") == ["parity_fail: a"]
    assert agreeing() == ["base has no other to be compared with"]
