"""ONNX from JAX, through jax2onnx."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import jax2onnx
import numpy as np
import onnx
import onnxruntime as ort
from jax2onnx.converter import ir_optimizations

from export.jax_serving import predictor, serving_function
from export.onnx_file import OPSET, write_onnx
from export.signature import INPUT, OUTPUT, Predict

# Where a strided convolution follows, this pass of jax2onnx 0.17.1 drops transposes that are
# needed, and ONNX Runtime refuses the graph. tests/frameworks/test_export_onnx_jax.py fails when a
# new version no longer has the fault: then `_without` goes.
BROKEN_STEP = "remove_redundant_transpose_pairs"


def export(weights: Mapping[str, np.ndarray], size: int, path: Path) -> Predict:
    """Write an ONNX file."""
    function = serving_function(weights)
    with _without(BROKEN_STEP):
        model = convert(function, size)
    write_onnx(_tidy(model), path)
    return predictor(function)


def convert(function: object, size: int) -> onnx.ModelProto:
    """What jax2onnx makes of a function of images."""
    model = jax2onnx.to_onnx(
        function,
        inputs=[("batch", size, size, 3)],
        input_names=[INPUT],
        output_names=[OUTPUT],
        opset=OPSET,
    )
    assert isinstance(model, onnx.ModelProto)
    return model


@contextlib.contextmanager
def _without(name: str) -> Iterator[None]:
    passes = ir_optimizations._OPTIMIZER_PASSES
    ir_optimizations._OPTIMIZER_PASSES = tuple(p for p in passes if p.name != name)
    try:
        yield
    finally:
        ir_optimizations._OPTIMIZER_PASSES = passes


def _tidy(model: onnx.ModelProto) -> onnx.ModelProto:
    """Remove the transposes that the left-out pass was for.

    ONNX Runtime does it, with those of its optimisations that know no hardware and write
    standard operators; it would do the same each time that it loads the file.
    """
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.log_severity_level = 3
    with tempfile.TemporaryDirectory() as folder:
        options.optimized_model_filepath = str(Path(folder) / "tidy.onnx")
        ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
        tidy = onnx.load(options.optimized_model_filepath)
    # It declares all of its own operator sets, used or not.
    used = {node.domain for node in tidy.graph.node}
    sets = [entry for entry in tidy.opset_import if entry.domain in used]
    del tidy.opset_import[:]
    tidy.opset_import.extend(sets)
    return tidy
