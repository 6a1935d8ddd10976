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
    (
        OperatorClass.LAYOUT,
        re.compile(
            r"reorder|to_dense|to_mkldnn|nchwtonhwc|nhwctonchw|_prepack(?!ed)|unpack|upsampl|"
            r"resiz(?!eandpad)|interpolat"
        ),
    ),
    (OperatorClass.CONVOLUTION, re.compile(r"conv(?!ert)|fprop|winograd")),
    (
        OperatorClass.MATRIX_PRODUCT,
        re.compile(
            # Neither QuantizeLinear nor QLinearAdd is a product.
            r"gemm(?!a)|gemv|matmul|(?<!quantize)linear(?![a-z])|\bdot|_dot\b|tensordot|addb?mm|addmv|"
            r"\bmv\b|(\b|_)b?mm\b|fullyconnected|einsum|attention|lstm|gru|rnn|\bq?moe\b"
        ),
    ),
    (
        OperatorClass.LAYOUT,
        re.compile(
            r"transpose|permut|copy|memcpy|memset|concat|\bcat\b|contiguous|slice|split|gather|"
            r"scatter|reshape|bitcast|pad|tile|expand|broadcast(?!_)|convert|\bcast|\bto\b|squeeze|"
            r"flatten|clone|fill|\bt\b|as_strided|view|empty|identity|detach|resolve_|select|unbind|"
            r"stack|embedding|iota|\blift|wrapped_broadcast|index|repeat|shuffle|depthtospace|"
            r"spacetodepth|\broll\b|flip|reverse|one_?hot|tril|triu|range|\beye|constantofshape|zeros|"
            r"\bones|\bfull|im2col|col2im|unfold|crop|compress\b|grid_?sampl|\bpack\b|tensorlist|chunk|"
            r"\b(narrow|alias|take|movedim|moveaxis|swapaxes|swapdims|type_as|meshgrid|diag)"
        ),
    ),
    (
        OperatorClass.REDUCTION,
        re.compile(
            r"softmax|hardmax|reduc|pool|norm|\bsum|mean|argm|amax|amin|topk|sort|cum(sum|prod)|"
            r"\bmax\b|\bmin\b|\bprod\b|\bvar\b|\bstd\b|\bany\b|\ball\b|\blrn\b|\bmvn\b|roi_?align"
        ),
    ),
    (
        OperatorClass.ELEMENTWISE,
        re.compile(
            r"add|mul|sub|div|elu|silu|glu|sigmoid|tanh|exp|log|sqrt|square|pow|clamp|clip|maximum|"
            r"minimum|eltwise|elementwise|erf|abs|neg|where|fusion|swish|mish\b|hardsw|softplus|softsign|"
            r"activation|bias|equal|less|greater|compare|round|floor|ceil|trunc|sign|quantize|subgraph|"
            r"snippet|_loop|\b(a|arc)?(sin|cos|tan)(e|h|2)?\b|\bcosine|reciprocal|\bf?mod\b|floormod|"
            r"remainder|bitwise|logical|shift|shrink|\b(and|or|xor|not|ne|eq|lt|le|gt|ge|math)\b|dropout|"
            r"bernoulli|random|\bis(nan|inf)|finite|lerp|threshold"
        ),
    ),
)


def class_of(kind: str) -> OperatorClass:
    """The class of an operator, by its kind in the runtime's words."""
    words = kind.lower().rstrip("_")  # as ATen ends what changes its input
    for operator_class, pattern in _WORDS:
        if pattern.search(words):
            return operator_class
    return OperatorClass.OTHER
