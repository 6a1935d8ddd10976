"""Events of PyTorch's profiler, as it tells them."""

import pytest

pytest.importorskip("torch")

from torch._C._autograd import DeviceType

from infer.profiling.operator_classes import OperatorClass, class_of
from infer.runtimes.torch_profile import recorded_calls


class Event:
    """What Kineto tells of an event on the host."""

    def __init__(self, name, start_ns, end_ns, shapes=()):
        self._told = name, start_ns, end_ns, shapes

    def name(self):
        return self._told[0]

    def start_ns(self):
        return self._told[1]

    def end_ns(self):
        return self._told[2]

    def shapes(self):
        return self._told[3]

    def start_thread_id(self):
        return 1

    def device_type(self):
        return DeviceType.CPU


def test_kernels_of_a_package_that_names_them():
    (call,) = recorded_calls(
        [
            Event("exportbench call", 0, 100),
            Event("inductor_wrapper_call", 1, 99),
            Event("graph_0_cpp_fused_convolution_0", 2, 5),
            Event("aoti_torch_cpu_mkldnn__convolution_pointwise", 6, 50),
            Event("aten::empty", 7, 8),
            Event("graph_0_cpp_fused_add_convolution_relu_1", 51, 60),
            Event("aoti_torch_cpu_mm_out", 61, 70),
            Event("aten::mm", 62, 69, ([4, 5], [5, 3])),
            Event("Something of Python", 71, 72),
        ]
    )
    assert [(event.kind, class_of(event.kind)) for event in call.events] == [
        ("copy", OperatorClass.LAYOUT),
        ("mkldnn__convolution_pointwise", OperatorClass.CONVOLUTION),
        ("fused add relu", OperatorClass.ELEMENTWISE),
        ("mm", OperatorClass.MATRIX_PRODUCT),
    ]


@pytest.mark.parametrize(
    ("name", "shapes", "weights"),
    [
        # As TorchScript told of a convolution whose sum with another branch is still to come.
        (
            "aten::_convolution",
            [[32, 64, 14, 14], [32, 32, 28, 28], [64, 32, 1, 1], [64], *([[]] * 10)],
            (64, 32, 1, 1),
        ),
        ("aten::_convolution", [[1, 3, 8, 8], [4, 3, 3, 3], *([[]] * 11)], (4, 3, 3, 3)),
        ("aten::linear", [[32, 128], [8, 128], [8]], (8, 128)),
        ("aten::addmm", [[8], [32, 128], [128, 8], [], []], (128, 8)),
        ("aten::mm", [[16, 16], [16, 16]], (16, 16)),
        ("aten::relu", [[32, 8]], None),
        ("aten::add", [[32, 8], [32, 8], []], None),
    ],
)
def test_weights_are_found_whatever_else_is_told(name, shapes, weights):
    (call,) = recorded_calls([Event("exportbench call", 0, 9), Event(name, 1, 5, shapes)])

    assert call.events[0].weights == weights
