"""Operators as runtimes call them, and what they do."""

import pytest

from infer.profiling.operator_classes import OperatorClass, class_of


@pytest.mark.parametrize(
    ("kinds", "expected"),
    [
        (
            "Conv FusedConv QLinearConv aten::conv2d aten::mkldnn_convolution "
            "_MklNativeFusedConv2D DepthwiseConv2dNative Convolution __cudnn$convForward "
            "mkldnn::_convolution_relu",
            OperatorClass.CONVOLUTION,
        ),
        (
            "Gemm MatMul FusedMatMul MatMulInteger aten::linear aten::addmm aten::mm aten::bmm dot "
            "FullyConnected BatchMatMulV2 aten::scaled_dot_product_attention __cublas$gemm LSTM "
            "QLinearMatMul quantized::linear_relu sparse::qlinear aten::baddbmm aten::_int_mm "
            "aten::mkldnn_rnn_layer GRU aten::mv",
            OperatorClass.MATRIX_PRODUCT,
        ),
        (
            "Transpose ReorderInput ReorderOutput Reorder aten::copy_ aten::to_dense Concat Cast "
            "Convert aten::permute Gather Memcpy aten::t aten::to aten::cat Reshape Pad "
            "aten::upsample_bilinear2d ResizeBilinear QLinearConcat aten::index aten::chunk "
            "DepthToSpace quantized::linear_prepack GemmaRotaryEmbedding",
            OperatorClass.LAYOUT,
        ),
        (
            "Relu AddV2 AddN Mul aten::add_ aten::clamp_min aten::gelu Sigmoid Erf Eltwise "
            "QuantizeLinear DequantizeLinear DynamicQuantizeLinear QLinearAdd QLinearSigmoid Sin "
            "Not aten::cos_ Math Elu cosine",
            OperatorClass.ELEMENTWISE,
        ),
        (
            "MaxPool ReduceMax Softmax aten::amax aten::max_pool2d _MklSoftmax Max "
            "aten::batch_norm LayerNormalization aten::mean QLinearGlobalAveragePool MVN LRN",
            OperatorClass.REDUCTION,
        ),
        ("NonZero MyOperator", OperatorClass.OTHER),
    ],
)
def test_class_of_a_kind(kinds, expected):
    assert {kind: class_of(kind) for kind in kinds.split()} == dict.fromkeys(
        kinds.split(), expected
    )
