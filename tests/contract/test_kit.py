"""Every format and runtime of ours keeps the contract that authors of others are held to."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from plugin_distribution import RUNTIME, write_distribution, write_tally

from infer.formats.registry import FORMATS
from infer.runtimes.registry import RUNTIMES
from infer.testing import Sample, problems

pytest_plugins = ("third_party_fixtures",)

RANDOM = np.random.default_rng(0)
X = RANDOM.random((3, 4), dtype=np.float32)
WEIGHTS = np.random.default_rng(0).standard_normal((4, 3)).astype(np.float32)
WHOLE = RANDOM.integers(0, 5, (3, 2))
TREE = {
    "input_0.x": X[:, :3],
    "input_1.0": X[:, 1:],
    "input_1.1": WHOLE.astype(np.int32),
    "scale": np.float32(2).reshape(()),
}
# By runtime: the framework that makes the file, its name, and what to call it with.
SAMPLES = {
    "saved-model": ("tensorflow", "several", Sample("", {"x": X}, {"from": X @ WEIGHTS})),
    "torchscript": ("torch", "words.pt", Sample("", {"ids": WHOLE})),
    "torch-export": (
        *("torch", "pairs.pt2"),
        Sample("", {"x": X[:, :2], "pair_0": X[:, :2], "pair_1": WHOLE[:, 0]}),
    ),
    "jax-export": ("jax", "tree.jax", Sample("", TREE, {"rest.0": 2 * TREE["input_1.1"]})),
    "onnx": ("onnx", "plain", Sample("", {"x": X}, {"y": X @ WEIGHTS})),
    "litert": (
        *("tensorflow", "free.tflite"),
        Sample("", {"image": RANDOM.random((3, 8, 8, 1), dtype=np.float32)}),
    ),
    "openvino": ("openvino", "dense.xml", Sample("", {"x": X}, {"y": X @ WEIGHTS})),
}
# tests/frameworks/test_aotinductor.py has that of AOTInductor, which takes long to compile.
ELSEWHERE = {"aotinductor", "fake"}


def test_all_of_them_are_tried():
    assert SAMPLES.keys() | ELSEWHERE == RUNTIMES.keys()
    assert {name for runtime in RUNTIMES.values() for name in runtime.formats} == FORMATS.keys()


@pytest.mark.parametrize("runtime", SAMPLES)
def test_it_keeps_the_contract(runtime, third_party_models, tmp_path):
    framework, name, sample = SAMPLES[runtime]
    signature = "score" if runtime == "saved-model" else None
    path = third_party_models(framework) / name
    sample = replace(sample, path=path, runtime=runtime, signature=signature)

    assert problems(sample, tmp_path) == []


def test_the_fake_runtime_keeps_it(fake_artifact, tmp_path):
    images = RANDOM.random((3, 4, 4, 3), dtype=np.float32)
    path = fake_artifact(tmp_path, "fake", call_s=0.001)

    assert problems(Sample(path, {"image": images}), tmp_path / "kit") == []


def test_more_samples_than_the_bound_are_to_be_unsupported(fake_artifact, tmp_path):
    images = RANDOM.random((3, 4, 4, 3), dtype=np.float32)
    path = fake_artifact(tmp_path, "fake")
    sample = Sample(path, {"image": images}, largest_batch=128)

    assert problems(sample, tmp_path / "kit") == [
        "largest batch: it takes 129 samples, more than its bound of 128"
    ]


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"early": "sync", "call_s": 0.05}, "early return: the device was busy for"),
        ({"device": "cuda"}, "placement: asked to run on cpu, it says cuda"),
        ({"noise": 0.5}, "device_resident: 'probabilities' of a sample is another than"),
        ({"fault": {"at": "load", "kind": "crash"}}, "load: crash: "),
        ({"takes": 1}, "batch 7: crash: "),
    ],
)
def test_what_breaks_it_is_named(fake_artifact, tmp_path, settings, problem):
    images = RANDOM.random((3, 4, 4, 3), dtype=np.float32)
    path = fake_artifact(tmp_path, "fake", **settings)

    broken = problems(Sample(path, {"image": images}), tmp_path / "kit")

    assert any(problem in line for line in broken), broken


TRY = """
from pathlib import Path
import numpy as np
from infer.testing import Sample, problems

sample = Sample("model", {"x": np.load("x.npy")}, {"y": np.load("y.npy")})
print(problems(sample, Path("kit")))
"""


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("", "", "[]"),
        ('return {"y": inputs["x"] @ self._weights}', 'return {"y": self._weights}', "batch 7: "),
        ('"device": "cpu"', '"device": "abacus"', "asked to run on cpu, it says abacus"),
        ("return lambda: x @ weights", "return None", "raw call: crash: TypeError"),
    ],
)
def test_a_plugin_is_held_to_it(root, tmp_path, old, new, problem):
    write_distribution(tmp_path / "packages", runtime=RUNTIME.replace(old, new) if old else RUNTIME)
    write_tally(tmp_path / "model", WEIGHTS.tolist())
    np.save(tmp_path / "x.npy", X)
    np.save(tmp_path / "y.npy", X @ WEIGHTS)

    done = subprocess.run(
        [sys.executable, "-c", TRY],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": f"{root}:{tmp_path / 'packages'}"},
        capture_output=True,
        text=True,
        timeout=120,
    )

    assert done.returncode == 0, done.stderr
    assert problem in done.stdout
