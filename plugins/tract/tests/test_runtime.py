from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from conftest import GRAPHS, WEIGHTS, constant, node, value
from exportbench.runtimes.base import Options
from exportbench_tract import runtime
from onnx import helper

Make = Callable[..., Path]


def inputs_for(model: runtime.Tract, count: int) -> dict[str, np.ndarray]:
    arrays = {}
    for number, spec in enumerate(model.signature.inputs):
        shape = [size if isinstance(size, int) else count for size in spec.shape]
        size = int(np.prod(shape))
        arrays[spec.name] = (np.arange(size) + number).reshape(shape).astype(spec.dtype)
    return arrays


@pytest.mark.parametrize("sizes", ["known", "free"])
@pytest.mark.parametrize("name", ["plain", "fixed", "unnamed", "integers", "types", "sizes"])
def test_gives_what_onnx_runtime_gives(make: Make, name: str, sizes: str) -> None:
    path = make(name)
    options = Options(settings={"sizes": sizes})
    if (name, sizes) == ("sizes", "free"):
        with pytest.raises(NotImplementedError, match="sizes=known"):
            runtime.load(path, options)
        return
    model = runtime.load(path, options)
    other = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    for count in (1, 7, 128, 1):
        arrays = inputs_for(model, count)
        expected = dict(zip(GRAPHS_OUTPUTS[name], other.run(None, arrays), strict=True))
        staged = model.stage(arrays)
        model.sync(result := model.run_staged(staged))
        for outputs in (model.run(arrays), model.fetch(result), model.fetch(result)):
            assert list(outputs) == list(expected)
            for key, array in expected.items():
                np.testing.assert_allclose(outputs[key], array, rtol=1e-6)
                assert outputs[key].dtype == array.dtype
        model.raw_call(arrays)()


GRAPHS_OUTPUTS = {name: [output.name for output in graph[2]] for name, graph in GRAPHS.items()}


def test_names_and_sizes_are_the_files(make: Make) -> None:
    signature = runtime.load(make("plain"), Options()).signature
    assert [(spec.name, spec.shape) for spec in signature.inputs] == [("a", ("n", 4))]
    assert [(spec.name, spec.shape) for spec in signature.outputs] == [
        ("y", ("n", 3)),
        ("z", ("n",)),
    ]
    unnamed = runtime.load(make("unnamed"), Options()).signature
    assert [spec.shape for spec in unnamed.inputs] == [(None, 4), (None, 4)]


def test_weights_may_be_in_a_file_beside(make: Make) -> None:
    path = make("plain", save_as_external_data=True, location="plain.data", size_threshold=0)
    assert path.with_suffix(".data").is_file()
    model = runtime.load(path, Options())
    array = np.ones((2, 4), np.float32)
    np.testing.assert_array_equal(model.run({"a": array})["y"], array @ WEIGHTS)


def test_sizes_that_must_be_the_same_are_named(make: Make) -> None:
    model = runtime.load(make("unnamed"), Options())
    arrays = {"a": np.ones((2, 4), np.float32), "b": np.ones((3, 4), np.float32)}
    with pytest.raises(ValueError, match="same size in dimension 0 of 'a', dimension 0 of 'b'"):
        model.run(arrays)


@pytest.mark.parametrize(("name", "reason"), [("custom", "Foo"), ("text", "'a' is")])
def test_what_tract_lacks_is_said_in_a_line(make: Make, name: str, reason: str) -> None:
    with pytest.raises(NotImplementedError, match=reason) as caught:
        runtime.load(make(name), Options())
    assert "\n" not in str(caught.value)
    assert "backtrace" not in str(caught.value)


def test_other_files_are_errors(tmp_path: Path) -> None:
    path = tmp_path / "other.onnx"
    path.write_bytes(b"hello world, this is no model")
    with pytest.raises(ValueError, match="Protobuf"):
        runtime.load(path, Options())
    path.write_bytes(b"\x1c\x00\x00\x00ORTM" + bytes(24))
    with pytest.raises(NotImplementedError, match=r"\.ort"):
        runtime.load(path, Options())


def test_it_computes_on_one_thread_and_says_so(tmp_path: Path) -> None:
    size = 512
    graph = helper.make_graph(
        [node("MatMul", "a w", "y")],
        "graph",
        [value("a", ["n", size])],
        [value("y", ["n", size])],
        [constant("w", np.ones((size, size), np.float32))],
    )
    path = tmp_path / "large.onnx"
    opsets = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=9), str(path))
    model = runtime.load(path, Options(threads=2))
    assert model.placement()["threads"] == 1
    assert "one thread, though 2" in model.notes[0]
    if (os.cpu_count() or 1) < 2:
        pytest.skip("has one core")
    arrays = {"a": np.ones((2048, size), np.float32)}
    model.run(arrays)
    cpu, wall = time.process_time(), time.perf_counter()
    for _ in range(20):
        model.run(arrays)
    assert time.process_time() - cpu < 1.2 * (time.perf_counter() - wall)
