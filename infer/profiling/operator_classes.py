"""What an operator of any runtime does: arithmetic, memory traffic, or neither of the two."""

from __future__ import annotations

import re
from enum import StrEnum


class OperatorClass(StrEnum):
    """The class of an operator, by what limits it."""

    CONVOLUTION = "convolution"
    MATRIX_PRODUCT = "matrix product"
    LAYOUT = "layout and copies"
    ELEMENTWISE = "element by element"
    REDUCTION = "reductions and pooling"
    OTHER = "other"

    @property
    def is_arithmetic(self) -> bool:
        """Whether the rate of arithmetic limits it, rather than that of the memory."""
        return self in (OperatorClass.CONVOLUTION, OperatorClass.MATRIX_PRODUCT)

    @property
    def is_memory_traffic(self) -> bool:
        """Whether it does little more than read and write."""
        return self not in (*_ARITHMETIC, OperatorClass.OTHER)


_ARITHMETIC = (OperatorClass.CONVOLUTION, OperatorClass.MATRIX_PRODUCT)

# By what the kind of an operator has in it, lower case; the first that fits counts. The words are
# those of ONNX, ATen, TensorFlow, XLA, OpenVINO and of the kernels of cuDNN and cuBLAS.
_WORDS = (
    (OperatorClass.LAYOUT, re.compile(r"reorder|to_dense|to_mkldnn|nchwtonhwc|nhwctonchw")),
    (OperatorClass.CONVOLUTION, re.compile(r"conv(?!ert)|fprop|winograd")),
    (
        OperatorClass.MATRIX_PRODUCT,
        re.compile(
            r"gemm|gemv|matmul|\bdot|_dot\b|addmm|\bb?mm\b|linear(?!alg)|fullyconnected|einsum|"
            r"attention|lstm|gru\b|\brnn"
        ),
    ),
    (
        OperatorClass.LAYOUT,
        re.compile(
            r"transpose|permut|copy|memcpy|memset|concat|\bcat\b|contiguous|slice|split|gather|"
            r"scatter|reshape|bitcast|pad|tile|expand|broadcast(?!_)|convert|\bcast|\bto\b|unsqueeze|"
            r"squeeze|flatten|clone|fill|\bt\b|as_strided|view|resize|empty|identity|detach|resolve_|"
            r"select|unbind|stack|embedding|iota|\blift|wrapped_broadcast"
        ),
    ),
    (
        OperatorClass.REDUCTION,
        re.compile(
            r"softmax|reduc|pool|norm|\bsum|mean|argm|amax|amin|topk|sort|cumsum|\bmax\b|\bmin\b|"
            r"\bprod\b"
        ),
    ),
    (
        OperatorClass.ELEMENTWISE,
        re.compile(
            r"add|mul|sub|div|relu|gelu|silu|sigmoid|tanh|exp|log|sqrt|pow|clamp|clip|maximum|minimum|"
            r"eltwise|elementwise|erf|abs|neg|where|fusion|swish|hardsw|activation|bias|equal|less|"
            r"greater|round|floor|quantize|subgraph|snippet|_loop"
        ),
    ),
)


def class_of(kind: str) -> OperatorClass:
    """The class of an operator, by its kind in the runtime's words."""
    for operator_class, pattern in _WORDS:
        if pattern.search(kind.lower()):
            return operator_class
    return OperatorClass.OTHER
