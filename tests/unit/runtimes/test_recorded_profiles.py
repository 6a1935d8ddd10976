"""What runtimes' profilers tell, read without the runtimes."""

from datetime import timedelta
from types import SimpleNamespace

from infer.profiling.operator_classes import OperatorClass, class_of
from infer.runtimes.hlo_text import operators_of
from infer.runtimes.openvino_profile import bodies_within
from infer.runtimes.openvino_profile import operator_events as openvino_events
from infer.runtimes.xplane import MARK, Operator, PlaneEvent, programs_within, recorded_calls

HLO = """HloModule jit_call, entry_computation_layout={(f32[1,8,8,3]{3,2,1,0})->(f32[1,2]{1,0})}

%fused_computation.1 (param_0.9: f32[1,8,8,3], param_1.12: f32[3,3,3,4]) -> f32[1,8,8,4] {
  %param_0.9 = f32[1,8,8,3]{3,2,1,0} parameter(0)
  %param_1.12 = f32[3,3,3,4]{3,2,1,0} parameter(1)
  ROOT %conv.14 = f32[1,8,8,4]{3,2,1,0} convolution(%param_0.9, %param_1.12), window={size=3x3}
}

%fused_computation.2 (param_0: f32[1,8,8,4]) -> f32[1,4] {
  %param_0 = f32[1,8,8,4]{3,2,1,0} parameter(0)
  ROOT %reduce.1 = f32[1,4]{1,0} reduce(%param_0, %param_0), dimensions={1,2}, to_apply=%max
}

%fused_computation.3 (param_0.1: f32[1,4]) -> f32[4,1] {
  %param_0.1 = f32[1,4]{1,0} parameter(0)
  ROOT %transpose.1 = f32[4,1]{1,0} transpose(%param_0.1), dimensions={1,0}
}

%fused_computation.4 (param_0.2: f32[1,8,8,4], param_1.2: f32[3,3,4,4]) -> f32[1,8,8,4] {
  %param_0.2 = f32[1,8,8,4]{3,2,1,0} parameter(0)
  %param_1.2 = f32[3,3,4,4]{3,2,1,0} parameter(1)
  %conv.1 = f32[1,8,8,4]{3,2,1,0} convolution(%param_0.2, %param_1.2), window={size=3x3}
  ROOT %conv.2 = f32[1,8,8,4]{3,2,1,0} convolution(%conv.1, %param_1.2), window={size=3x3}
}

ENTRY %main.1 (arg: f32[1,8,8,3]) -> (f32[1,2]) {
  %arg = f32[1,8,8,3]{3,2,1,0} parameter(0)
  %w = f32[3,3,3,4]{3,2,1,0} constant({...})
  %ynn_fusion.8 = f32[1,8,8,4]{3,2,1,0} fusion(%arg, %w), kind=kCustom, calls=%fused_computation.1
  %both = f32[1,8,8,4]{3,2,1,0} fusion(%ynn_fusion.8), kind=kCustom, calls=%fused_computation.4
  %max_fusion = f32[1,4]{1,0} fusion(%both), kind=kLoop, calls=%fused_computation.2
  %t = f32[4,1]{1,0} fusion(%max_fusion), kind=kLoop, calls=%fused_computation.3
  %v = f32[4,2]{1,0} constant({...})
  %dot.1 = f32[1,2]{1,0} dot(%max_fusion, %v), lhs_contracting_dims={1}
  %lib = f32[1,2]{1,0} custom-call(%dot.1), custom_call_target="__cublas$gemm"
  ROOT %out = (f32[1,2]{1,0}) tuple(%lib)
}
"""


def test_operators_of_a_program_of_xla():
    operators = operators_of(HLO)
    assert operators["ynn_fusion.8"] == Operator(
        "ynn_fusion.8", "convolution fusion", (1, 8, 8, 4), (3, 3, 3, 4)
    )
    assert operators["both"].kind == "fusion of 2 convolutions"
    assert operators["both"].weights == ()
    assert operators["dot.1"] == Operator("dot.1", "dot", (1, 2), (4, 2))
    classes = {name: class_of(operators[name].kind) for name in ("max_fusion", "t", "lib", "both")}
    assert classes == {
        "max_fusion": OperatorClass.REDUCTION,
        "t": OperatorClass.LAYOUT,
        "lib": OperatorClass.MATRIX_PRODUCT,
        "both": OperatorClass.CONVOLUTION,
    }


def plane_event(name, start, end, line="thread", plane="/host:CPU", **stats):
    return PlaneEvent(plane, line, name, start, end, stats)


def operator_of(event):
    return Operator(event.name, "dot") if "op" in event.stats else None


def test_calls_of_a_profile_of_xla():
    events = [
        plane_event("warm", 1, 5, op="x"),
        plane_event(MARK, 10, 20, line="python"),
        plane_event("a", 11, 15, op="x"),
        plane_event("ThreadpoolListener::Record", 12, 13),
        plane_event(MARK, 30, 40, line="python"),
        plane_event("b", 31, 35, op="x"),
    ]
    calls = recorded_calls(events, operator_of)
    assert [(call.start_ns, [e.name for e in call.events]) for call in calls] == [
        (10, ["a"]),
        (30, ["b"]),
    ]


def test_a_program_within_an_operator_is_said():
    events = [plane_event(MARK, 10, 20), plane_event("a", 11, 15, op="x")]
    calls = recorded_calls(events, lambda event: Operator(event.name, "XlaCallModule"))
    (note,) = programs_within(calls)
    assert "what runs inside is not named" in note
    assert programs_within(recorded_calls(events, operator_of)) == []


def test_on_a_card_the_streams_count():
    card = "/device:GPU:0"
    events = [
        plane_event(MARK, 10, 90),
        plane_event("launch", 11, 15, op="x"),
        plane_event("kernel", 20, 60, line="Stream #13", plane=card, op="x"),
        plane_event("kernel", 20, 60, line="XLA Ops", plane=card, op="x"),
    ]
    (call,) = recorded_calls(events, operator_of)
    assert [(event.name, event.start_ns) for event in call.events] == [("kernel", 20)]


def test_nodes_of_openvino_are_laid_end_to_end():
    def node(name, kind, microseconds):
        took = timedelta(microseconds=microseconds)
        return SimpleNamespace(node_name=name, node_type=kind, real_time=took)

    nodes = [node("c", "Convolution", 70), node("r", "Relu", 0), node("s", "Softmax", 10)]
    events = openvino_events(nodes, 1000, {"c": ((1, 4), (4, 3))})
    assert [(e.name, e.start_ns, e.end_ns) for e in events] == [
        ("c", 1000, 71000),
        ("s", 71000, 81000),
    ]
    assert events[0].weights == (4, 3)


def test_openvino_does_not_look_into_loops():
    assert bodies_within(["Convolution"]) == []
    assert bodies_within(["Loop", "If", "Add"]) == [
        "OpenVINO does not tell what runs inside of If and Loop: it counts as other"
    ]
