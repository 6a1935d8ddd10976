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
from infer.report.profile_tables import MOST_LAYERS, problems, profile_tables, profile_texts

_RATE = "of this machine's rate of a float32 matrix product convolutions reach"


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


def test_layers_are_paired_if_a_runtime_merges_axes():
    def block(artifact, output, product):
        return profile(
            artifact,
            conv("q", 0.001, (256, 256), output, kind="MatMul"),
            conv("qk", 0.001, product, kind="MatMul"),
            conv("up", 0.001, (256, 1024), (*output[:-1], 1024), kind="MatMul"),
        )

    rows = paired(
        [
            block("a", (16, 64, 256), (16, 8, 32, 64)),
            block("merged", (1024, 256), (128, 32, 64)),
            block("other", (1024, 128), (128, 64, 64)),
        ]
    )
    assert names(rows) == [
        (None, None, "q"),
        (None, None, "qk"),
        ("q", "q", None),
        ("qk", "qk", None),
        ("up", "up", "up"),
    ]


def test_axes_are_merged_with_their_neighbours_only():
    apart = profile("a", conv("qk", 0.001, (16, 8, 32, 64), kind="MatMul"))
    assert names(paired([apart, profile("b", conv("up", 0.001, (1024, 256), kind="MatMul"))])) == [
        (None, "up"),
        ("qk", None),
    ]


def test_attention_in_one_operator_is_no_product_of_another_runtime():
    shape = (4, 8, 64, 64)
    apart = profile("a", *(conv(name, 0.001, shape, kind="MatMul") for name in ("qk", "av")))
    one = conv("attention", 0.002, shape, kind="aten::scaled_dot_product_attention")
    unknown = profile("a", conv("product", 0.001, kind="MatMul"))
    assert names(paired([unknown, profile("b", one)])) == [(None, one.name), ("product", None)]
    rows = names(paired([apart, profile("b", one), profile("c", one)]))
    assert sorted(rows, key=str) == [
        ("av", None, None),
        ("qk", None, None),
        (None, *[one.name] * 2),
    ]


def test_of_many_layers_the_longest_are_shown_and_the_rest_summed():
    many = [conv(f"c{n}", 0.001 * (n + 1), kind="MatMul") for n in range(MOST_LAYERS + 5)]
    _, layers, operators = profile_tables([profile("a", *many, call_s=1.0)], None)
    *longest, shorter, _, _ = layers.rows
    assert [row[0].value for row in longest] == list(range(6, MOST_LAYERS + 6))
    assert shorter[1].text == "5 shorter layers"
    assert shorter[3].value == pytest.approx(0.015)
    (row,) = operators.rows
    assert [row[0].text, row[1].text, row[3].value, row[6].text] == [
        *("a", "MatMul", MOST_LAYERS + 5, f"c{MOST_LAYERS + 4}")
    ]
    assert row[4].value == pytest.approx(sum(one.seconds for one in many))


def test_labels_leave_out_what_all_share():
    profiles = [replace(A, artifact=f"models/{name}") for name in ("a", "b")]
    texts = profile_texts(profiles, 2e9)
    assert texts.findings[0].startswith(f"{_RATE} 50 % in a, 50 % in b")
    assert [row[0].text for row in texts.tables[0].rows] == ["a", "b"]


def test_a_profile_without_operators_has_no_layers():
    assert names(paired([profile("none"), A]))[0] == (None, "")


def test_findings_say_the_rate_and_where_the_difference_is():
    slow = profile("b", conv("c", 0.014), call_s=0.030, flops={"convolution": 7e6})
    said = findings([A, slow], 2e9)
    assert said[0].startswith(f"{_RATE} 50 % in a, 25 % in b")
    assert said[1].startswith("a call of b takes 20 ms longer than one of a: ")
    assert "+15.5 ms in time in which no operator runs" in said[1]
    assert "+7 ms in convolutions" in said[1]


def test_a_difference_that_the_profiler_made_is_not_divided():
    slow = profile("b", conv("c", 0.014), call_s=0.030, plain_s=0.026)
    assert len(findings([A, slow], None)) == 1
    assert findings([replace(A, plain_s=0.0115), replace(slow, plain_s=0.0255)], None) == []


def test_nothing_is_said_that_was_not_measured():
    assert findings([A], None) == []
    assert findings([Profile("x", 1, problem="unsupported: why")], 1e9) == []
    (too_fast,) = findings([A], 0.5e9)  # 1e9 operations a second
    assert too_fast.startswith("convolutions run at over 110 % of this machine's rate")
    # Without the profiler its calls are others: neither rates nor differences are said.
    rough = profile("b", conv("c", 0.02), call_s=0.03, plain_s=0.01, flops={"convolution": 7e6})
    assert findings([A, rough], None) == [
        "b: calls under the profiler took 200 % longer than those without it: its figures are "
        "rough, and nothing else is said of it"
    ]
    shares = profile_tables([A, rough], 2e9)[0]
    assert [row[-1].text for row in shares.rows] == ["50 %", "-"]
    rate, said = findings([A, rough], 2e9)
    assert rate == f"{_RATE} 50 % in a" and said.startswith("b: ")


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
    assert [row[1].text for row in operators.rows] == ["Conv", "Transpose", "Relu", "Gemm"]
    assert [cell.text for cell in operators.rows[0]][3:] == ["3", "7.00 ms", "70 %", "stem", "40 %"]
    assert problems([A, without]) == ["b: not profiled: unsupported: no profiler"]
