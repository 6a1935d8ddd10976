from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import LARGEST, Two, torch
from exportbench.runtimes.base import Options
from exportbench_executorch import runtime

Made = Callable[[str], Path]


def load(path: Path, **options: Any) -> runtime.ExecuTorch:
    model = runtime.load(path, Options(**options))
    model.settle()
    return model


def inputs(count: int) -> dict[str, np.ndarray]:
    draw = np.random.default_rng(0)
    return {
        "input_0": draw.random((count, 4), dtype=np.float32),
        "input_1": draw.random((count, 3), dtype=np.float32),
    }


@pytest.mark.parametrize("count", [1, 7, LARGEST])
def test_gives_what_the_module_gives(made: Made, count: int) -> None:
    model = load(made("two"))
    torch.manual_seed(0)
    arrays = inputs(count)
    with torch.no_grad():
        expected = Two().eval()(*(torch.from_numpy(array) for array in arrays.values()))
    outputs = model.run(arrays)
    np.testing.assert_allclose(outputs["output_0"], expected["sum"].numpy(), rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(outputs["output_1"], expected["max"].numpy())


def test_both_boundaries_give_the_same_again_and_again(made: Made) -> None:
    model = load(made("two"))
    first, second = inputs(3), inputs(5)
    staged, other = model.stage(first), model.stage(second)
    expected = model.run(first)
    for _ in range(3):
        model.run_staged(other)
        result = model.run_staged(staged)
        model.sync(result)
        outputs = model.fetch(result)
        for name, array in expected.items():
            np.testing.assert_array_equal(outputs[name], array)


def test_outputs_stay_what_they_were(made: Made) -> None:
    model = load(made("two"))
    first = model.run(inputs(3))
    kept = {name: array.copy() for name, array in first.items()}
    model.run({name: array + 1 for name, array in inputs(3).items()})
    for name, array in kept.items():
        np.testing.assert_array_equal(first[name], array)


def test_a_free_batch_is_found_and_its_bound_noted(made: Made) -> None:
    model = load(made("two"))
    assert [spec.shape for spec in model.signature.inputs] == [(None, 4), (None, 3)]
    assert [spec.shape for spec in model.signature.outputs] == [(None, 3), (None,)]
    assert f"up to {LARGEST}" in model.notes[0]


@pytest.mark.parametrize("name", ["fixed", "counting", "mixing"])
def test_a_batch_is_fixed_unless_samples_are_seen_to_be_apart(made: Made, name: str) -> None:
    model = load(made(name))
    assert all(isinstance(size, int) for spec in model.signature.inputs for size in spec.shape)


def test_looking_for_the_batch_leaves_a_state_as_it_was(made: Made) -> None:
    model = load(made("counting"))
    zeros = np.zeros((LARGEST, 4), np.float32)
    assert model.run({"input_0": zeros})["output_0"][0, 0] == 1


def test_a_batch_above_the_bound_is_unsupported(made: Made) -> None:
    model = load(made("two"))
    with pytest.raises(NotImplementedError, match=f"up to {LARGEST} in dimension 0"):
        model.run(inputs(LARGEST + 1))


def test_another_shape_is_refused_though_executorch_would_take_it(made: Made) -> None:
    model = load(made("two"))
    arrays = inputs(3)
    with pytest.raises(ValueError, match="'input_0' takes"):
        model.run(arrays | {"input_0": arrays["input_0"][:, :3]})


def test_threads_are_set_and_read_back(made: Made) -> None:
    if (os.cpu_count() or 1) < 2:
        pytest.skip("has one core")
    for threads in (2, 1):
        assert load(made("two"), threads=threads).placement()["threads"] == threads


def test_names_come_from_the_manifest(made: Made) -> None:
    tensor = {"dtype": "float32", "range": None}
    signature = {
        "inputs": [
            {"name": "a", "shape": ["batch", 4], **tensor},
            {"name": "b", "shape": ["batch", 3], **tensor},
        ],
        "outputs": [
            {"name": "sum", "shape": ["batch", 3], **tensor},
            {"name": "max", "shape": ["batch"], **tensor},
        ],
    }
    model = load(made("two"), manifest={"signature": signature})
    outputs = model.run(dict(zip(("a", "b"), inputs(3).values(), strict=True)))
    assert list(outputs) == ["sum", "max"]
    with pytest.raises(ValueError, match="takes 8 samples only"):
        load(made("fixed"), manifest={"signature": signature})
    signature["inputs"][0]["shape"] = ["batch", 5]
    with pytest.raises(ValueError, match="the manifest states 'a'"):
        load(made("two"), manifest={"signature": signature})


def test_a_method_is_asked_for_by_name(made: Made) -> None:
    model = load(made("methods"), signature="decode")
    assert model.signature.outputs[0].shape == (8, 4)
    with pytest.raises(ValueError, match="no method 'forward', but decode, encode"):
        load(made("methods"))
    with pytest.raises(ValueError, match="no method 'other'"):
        load(made("methods"), signature="other")


@pytest.mark.parametrize(
    ("name", "reason"), [("number", "input 1 is not a tensor"), ("bfloat16", "NumPy has not")]
)
def test_what_is_not_taken_is_said(made: Made, name: str, reason: str) -> None:
    with pytest.raises(NotImplementedError, match=reason):
        load(made(name))


def test_a_damaged_file_is_an_error(made: Made, tmp_path: Path) -> None:
    path = tmp_path / "damaged.pte"
    path.write_bytes(made("two").read_bytes()[:600])
    with pytest.raises(RuntimeError):
        load(path)


def test_there_is_no_compiler_in_the_process() -> None:
    import subprocess
    import sys

    code = "import sys, exportbench_executorch.runtime; print('executorch.exir' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "False"
