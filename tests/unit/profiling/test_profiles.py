"""What profiles come to: shares, layers side by side, sentences, and traces."""

import json
from dataclasses import replace
from itertools import pairwise

import pytest

from infer.profiling.attribution import OperatorTime, TracedEvent
from infer.profiling.findings import findings
from infer.profiling.layers import layers_of, paired
from infer.profiling.operator_classes import OperatorClass
from infer.profiling.profile import Profile
from infer.profiling.trace import trace_of
from infer.report.profile_tables import problems, profile_tables


def conv(name, seconds, weights=None, output=None, kind="Conv"):
    return OperatorTime(name, kind, seconds, output, weights)


def profile(artifact, *operators, call_s=0.010, **values):
    trace = tuple(
        TracedEvent(number, 0, 0.001 * number, operator.seconds)
        for number, operator in enumerate(operators)
    )
    given = {"plain_s": call_s, "profiler": "p", "trace": trace} | values
    return Profile(artifact, 4, call_s=call_s, operators=operators, **given)


A = profile(
    "a",
    OperatorTime("t", "Transpose", 0.001),
    conv("stem", 0.004, (32, 3, 3, 3), (4, 32, 28, 28)),
    OperatorTime("r", "Relu", 0.001),
    conv("skip", 0.001, (64, 32, 1, 1), (4, 64, 14, 14)),
    conv("main", 0.002, (64, 32, 3, 3), (4, 64, 14, 14)),
    OperatorTime("fc", "Gemm", 0.0005),
    flops={"convolution": 7e6},
)


def test_the_parts_of_a_call_add_up_to_it():
    assert A.seconds[OperatorClass.CONVOLUTION] == pytest.approx(0.007)
    assert A.arithmetic_s == pytest.approx(0.0075)
    assert A.memory_s == pytest.approx(0.002)
    assert A.overhead_s == pytest.approx(0.0005)
    assert A.rate(OperatorClass.CONVOLUTION) == pytest.approx(1e9)
    assert A.rate(OperatorClass.MATRIX_PRODUCT) is None


def test_a_layer_has_what_follows_it():
    layers = layers_of(A)
    assert [layer.name for layer in layers] == ["", "stem", "skip", "main", "fc"]
    assert layers[1].seconds == pytest.approx(0.005)
    assert sum(layer.seconds for layer in layers) == pytest.approx(0.0095)


def names(rows):
    return [tuple(layer.name if layer else None for layer in row.layers) for row in rows]


def test_layers_of_other_layout_and_order_are_paired():
    other = profile(
        "b",
        conv("conv", 0.1, (3, 3, 3, 32), kind="aten::conv2d"),
        conv("conv", 0.1, (3, 3, 32, 64), kind="aten::conv2d"),
        conv("one", 0.1, (1, 1, 32, 64), kind="aten::conv2d"),
        conv("linear", 0.1, kind="aten::linear"),
    )
    assert names(paired([A, other])) == [
        ("", None),
        ("stem", "conv"),
        ("skip", "one"),
        ("main", "conv"),
        ("fc", "linear"),
    ]


def test_a_layer_without_shapes_is_paired_beside_branches_of_another_order():
    def branches(artifact, *order):
        shapes = {"skip": (64, 32, 1, 1), "main": (64, 32, 3, 3)}
        products = [conv(name, 0.001, shapes[name]) for name in order]
        return profile(artifact, *products, OperatorTime("fc", "Gemm", 0.0005))

    rows = paired([branches("a", "main", "skip"), branches("b", "skip", "main")])
    assert names(rows) == [("main", "main"), ("skip", "skip"), ("fc", "fc")]


def test_layers_of_other_shapes_have_rows_of_their_own():
    other = profile("b", conv("big", 0.1, (96, 3, 3, 3)), OperatorTime("fc", "MatMul", 0.1))
    assert names(paired([A, other])) == [
        (None, "big"),
        ("", None),
        ("stem", None),
        ("skip", None),
        ("main", None),
        ("fc", "fc"),
    ]


def test_a_profile_without_operators_has_no_layers():
    assert names(paired([profile("none"), A]))[0] == (None, "")


def test_findings_say_the_rate_and_where_the_difference_is():
    slow = profile("b", conv("c", 0.014), call_s=0.030, flops={"convolution": 7e6})
    said = findings([A, slow], 2e9)
    assert said[0].startswith("convolutions run at 50 % in a, 25 % in b, of this machine's rate")
    assert said[1].startswith("a call of b takes 20 ms longer than one of a: ")
    assert "+15.5 ms in time in which no operator runs" in said[1]
    assert "+7 ms in convolutions" in said[1]


def test_nothing_is_said_that_was_not_measured():
    assert findings([A], None) == []
    assert findings([Profile("x", 1, problem="unsupported: why")], 1e9) == []
    # Without the profiler its calls are others: neither rates nor differences are said.
    rough = profile("b", conv("c", 0.02), call_s=0.03, plain_s=0.01, flops={"convolution": 7e6})
    assert findings([A, rough], None) == [
        "b: a call takes 200 % longer under the profiler: its figures are rough, and nothing else "
        "is said of it"
    ]
    rate, said = findings([A, rough], 2e9)
    assert rate.startswith("convolutions run at 50 % in a, of this") and said.startswith("b: ")


def test_a_trace_has_the_fields_of_the_format():
    trace = json.loads(json.dumps(trace_of([A, Profile("none", 1)])))
    complete = [event for event in trace["traceEvents"] if event["ph"] == "X"]
    assert len(complete) == len(A.trace)
    assert all(
        {"name", "cat", "ts", "dur", "pid", "tid", "args"} <= event.keys() for event in complete
    )
    stem = next(event for event in complete if event["name"] == "stem")
    assert (stem["ts"], stem["dur"]) == pytest.approx((1000.0, 4000.0), abs=0.001)
    assert stem["cat"] == "convolution"
    names = [event["args"] for event in trace["traceEvents"] if event["name"] == "process_name"]
    assert names == [{"name": "a, batch 4"}]


def test_neighbours_of_a_trace_do_not_overlap_when_nanoseconds_are_cut_off():
    moments_ns = [number * number for number in range(1, 400)]
    events = tuple(
        TracedEvent(0, 0, begin / 1e9, (end - begin) / 1e9) for begin, end in pairwise(moments_ns)
    )
    neighbours = replace(profile("a", conv("c", 0.001)), trace=events)
    written = json.loads(json.dumps(trace_of([neighbours])))["traceEvents"]
    spans = [
        (int(event["ts"] * 1000), int(event["ts"] * 1000) + int(event["dur"] * 1000))
        for event in written
        if event["ph"] == "X"
    ]
    assert all(end == begin for (_, end), (begin, _) in pairwise(spans))


def test_kernels_without_names_are_no_overhead():
    compiled = profile("b", OperatorTime("m", "aten::mm", 0.001), call_s=0.02, names_all=False)
    assert (compiled.overhead_s, compiled.unnamed_s) == (None, pytest.approx(0.019))
    assert findings([A, compiled], None) == []  # nobody knows what its longer time goes to
    shares, layers, _ = profile_tables([A, compiled], None)
    rows = {row[0].text: dict(zip(shares.titles, row, strict=True)) for row in shares.rows}
    assert (rows["a"]["overhead"].text, rows["a"]["not named"].text) == ("5 %", "-")
    assert (rows["b"]["overhead"].text, rows["b"]["not named"].text) == ("-", "95 %")
    assert [row[1].value for row in layers.rows[-3:]] == ["overhead", "unnamed", "call"]


def test_tables_name_what_has_no_profile():
    without = Profile("b", 4, plain_s=0.02, problem="unsupported: no profiler")
    shares, layers, operators = profile_tables([A, without], 2e9)
    rows = {row[0].text: [cell.text for cell in row] for row in shares.rows}
    assert rows["a"][3:] == ["70 %", "5 %", "20 %", "0", "5 %", "50 %"]
    assert rows["b"] == ["b", "20.0 ms", *["-"] * 7]
    assert len(layers.rows) == 5 + 2
    assert len(operators.rows) == 5
    assert problems([A, without]) == ["b: not profiled: unsupported: no profiler"]
