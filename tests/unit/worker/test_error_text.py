"""Errors of runtimes in one line: their cause, without places in source code."""

import pytest

from infer.outcome import Outcome
from infer.worker.error_outcome import failure_of
from infer.worker.error_text import shorten, without_locations

TORCHSCRIPT = """The following operation failed in the TorchScript interpreter.
Traceback of TorchScript, serialized code (most recent call last):
  File "code/__torch__.py", line 8, in forward
  def forward(self: __torch__.Net, x: Tensor) -> Tensor:
    _0 = torch.matmul(x, self.w)
         ~~~~~~~~~~~~ <--- HERE
    return _0

Traceback of TorchScript, original code (most recent call last):
  File "/home/me/net.py", line 14, in forward
    return x @ self.w
           ~~~~~~~~~~ <--- HERE
RuntimeError: mat1 and mat2 shapes cannot be multiplied (2x5 and 4x3)
"""
NO_CUDA = """The following operation failed in the TorchScript interpreter.
Traceback of TorchScript, serialized code (most recent call last):
  File "code/__torch__.py", line 8, in forward
    _0 = torch.arange(4, dtype=6, layout=None, device=torch.device("cuda:0"))
         ~~~~~~~~~~~~ <--- HERE
NotImplementedError: Could not run 'aten::arange.start_out' with arguments from the 'CUDA' backend.
CPU: registered at /pytorch/build/aten/src/ATen/RegisterCPU.cpp:31418 [kernel]
"""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (TORCHSCRIPT, "RuntimeError: mat1 and mat2 shapes cannot be multiplied (2x5 and 4x3)"),
        (
            "[ONNXRuntimeError] : 2 : INVALID_ARGUMENT : Non-zero status code returned while "
            "running Reshape node. Name:'r' Status Message: "
            "/onnxruntime_src/onnxruntime/core/providers/cpu/tensor/reshape_helper.h:45 "
            "onnxruntime::ReshapeHelper::ReshapeHelper(const onnxruntime::TensorShape&, "
            "onnxruntime::TensorShapeVector&, bool) input_shape_size == size was false. The input "
            "tensor cannot be reshaped to the requested shape.",
            "Non-zero status code returned while running Reshape node. Name:'r' Status Message: "
            "input_shape_size == size was false. The input tensor cannot be reshaped to the "
            "requested shape.",
        ),
        (
            "Exception from src/inference/src/cpp/core.cpp:118:\nException from "
            "src/inference/src/dev/plugin.cpp:53:\nthe shapes do not match",
            "the shapes do not match",
        ),
        (
            "tensorflow/lite/kernels/reshape.cc:92 num_input_elements != num_output_elements "
            "(200 != 100)Node number 3 (RESHAPE) failed to prepare.",
            "num_input_elements != num_output_elements (200 != 100)Node number 3 (RESHAPE) failed "
            "to prepare.",
        ),
        (
            'in user code:\n\n    File "/home/me/net.py", line 3, in call\n        return f(x)\n'
            "ValueError: no such thing",
            "in user code: ValueError: no such thing",
        ),
        ("frame #0: c10::Error::Error(x) + 0x57 (libc10.so)\nit broke", "it broke"),
        ("tensorprotoutils.cc:2201 GetExtDataFromTensorProto External data", "External data"),
        ("a plain text: y.h5 and 1:2", "a plain text: y.h5 and 1:2"),
        ("layer.cc:12", "layer.cc:12"),
    ],
)
def test_places_in_source_code_are_left_out(text, expected):
    assert without_locations(text) == expected


def test_a_long_text_keeps_its_end():
    text = "Error of the runtime: " + "word " * 500 + "and this is the cause"

    short = shorten(text)

    assert len(short) <= 300
    assert short.startswith("Error of the runtime") and short.endswith("and this is the cause")


@pytest.mark.parametrize(
    ("text", "outcome", "words"),
    [
        (NO_CUDA, Outcome.UNSUPPORTED, ("wants CUDA, and there is none here",)),
        ("Torch not compiled with CUDA enabled", Outcome.UNSUPPORTED, ("wants CUDA",)),
        (
            "Load model from x.onnx failed:Fatal error: ai.onnx.contrib:SentencepieceTokenizer(-1) "
            "is not a registered function/op",
            Outcome.UNSUPPORTED,
            ("SentencepieceTokenizer of onnxruntime-extensions",),
        ),
        (
            "Fatal error: my_ops:Inverse2(-1) is not a registered function/op",
            Outcome.UNSUPPORTED,
            ("Inverse2 of 'my_ops'",),
        ),
        (
            "Summary:\n-- No conversion rule found for operations: my_ops.Inverse2\n",
            Outcome.UNSUPPORTED,
            ("Inverse2 of 'my_ops'",),
        ),
        (
            "Unknown builtin op: torchvision::nms.\nCould not find any similar ops",
            Outcome.UNSUPPORTED,
            ("nms of torchvision",),
        ),
        ("Op type not registered 'CaseFoldUTF8' in binary", Outcome.UNSUPPORTED, ("CaseFoldUTF8",)),
        ("Encountered unresolved custom op: Mine.", Outcome.UNSUPPORTED, ("Mine",)),
        *(
            (text, Outcome.BAD_INPUT, ("got uint8 as it is", "--range INPUT=0:1"))
            for text in (
                "Input type (Mkldnntorch.ByteTensor) and weight type (Mkldnntorch.FloatTensor) "
                "should be the same",
                "Input type (unsigned char) and bias type (float) should be the same",
                "mat1 and mat2 must have the same dtype, but got Byte and Float",
            )
        ),
        ("something else", Outcome.CRASH, ("RuntimeError: something else",)),
    ],
)
def test_known_causes_are_said_in_a_line(text, outcome, words):
    failed = failure_of(RuntimeError(text), Outcome.CRASH)

    assert failed.outcome == outcome
    assert "\n" not in failed.reason
    assert all(word in failed.reason for word in words)
    # What the line leaves out is in the log.
    assert failed.is_shortened == (outcome != Outcome.CRASH)


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        ("indices element out of data bounds, idx=3 must be within the inclusive range [-2,1]", 1),
        ("indices[1,5] = 8 is not in [0, 2)", 1),
        ("index out of range in self", 0),
        ("out of luck", None),
    ],
)
def test_an_index_beyond_a_table_is_told_with_its_limit(text, limit):
    assert failure_of(IndexError(text), Outcome.CRASH).index_limit == limit


def test_a_lack_of_memory_stays_one():
    failed = failure_of(MemoryError("unable to allocate 12 GiB"), Outcome.CRASH)

    assert failed.outcome == Outcome.OUT_OF_MEMORY


def test_the_type_of_an_error_is_said_once():
    failed = failure_of(RuntimeError(TORCHSCRIPT), Outcome.CRASH)

    assert failed.reason.startswith("RuntimeError: mat1 and mat2")


def test_what_is_not_supported_is_said_without_a_type():
    failed = failure_of(NotImplementedError("made for tpu, asked to run on cpu"), Outcome.CRASH)

    assert failed.reason == "made for tpu, asked to run on cpu"
    assert not failed.is_shortened
