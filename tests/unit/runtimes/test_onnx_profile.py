"""Events of ONNX Runtime's profile, as it writes them."""

import pytest

pytest.importorskip("onnxruntime")

from infer.runtimes.onnx_profile import operator_events


def node(name, op, ts, dur, **arguments):
    return {
        "cat": "Node",
        "ph": "X",
        "name": name,
        "pid": 1,
        "tid": 7,
        "ts": ts,
        "dur": dur,
        "args": {"op_name": op, **arguments},
    }


def test_nodes_are_operators_with_their_shapes():
    events = [
        {"cat": "Session", "ph": "X", "name": "model_run", "ts": 0, "dur": 9, "tid": 7, "args": {}},
        node("c_fence_before", "Conv", 1, 0),
        node(
            *("c_kernel_time", "Conv", 2, 5),
            input_type_shape=[{"float": [1, 3, 8, 8]}, {"float": [4, 3, 3, 3]}, {"float": [4]}],
            output_type_shape=[{"float": [1, 4, 8, 8]}],
        ),
    ]
    (event,) = operator_events(events, began_ns=1000)
    assert (event.name, event.kind, event.thread) == ("c", "Conv", 7)
    assert (event.start_ns, event.end_ns) == (3000, 8000)
    assert event.output == (1, 4, 8, 8)
    assert event.weights == (4, 3, 3, 3)


def test_on_a_card_the_kernels_count():
    events = [
        node("c_kernel_time", "Conv", 2, 5, output_type_shape=[{"float": [1, 4, 8, 8]}]),
        {
            "cat": "Kernel",
            "ph": "X",
            "name": "cudnn::implicit_gemm",
            "ts": 40,
            "dur": 30,
            "tid": 7,
            "args": {"stream": "13", "op_name": "Conv"},
        },
    ]
    (event,) = operator_events(events)
    assert (event.name, event.kind, event.thread) == ("c", "Conv", 13)
    assert (event.start_ns, event.end_ns) == (40_000, 70_000)
    assert event.output == (1, 4, 8, 8)
