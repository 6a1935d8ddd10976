"""Artifacts that differ by a known amount, for the tool to measure itself with."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from ...artifacts.files import files_of
from ...artifacts.manifest import Manifest, write_manifest
from ...tensors.signature import Signature, TensorSpec

# Shares of work that some artifacts do more than the others.
ADDED = (0.02, 0.05, 0.10)
COPIES = 8
LAYERS = 100
INPUT, OUTPUT = "image", "image_out"
SHAPE = (32, 8, 8)

Named = list[tuple[str, Path]]


def copy_name(index: int) -> str:
    """The name of one of the equal artifacts."""
    return f"copy-{index}"


def more_name(added: float) -> str:
    """The name of the artifact with a share of added work."""
    return f"more-{added:.0%}"


def write_inputs(path: Path, samples: int = 256) -> None:
    """Random images for the artifacts of this module, float32 N x 32 x 8 x 8 in 0..1."""
    images = np.random.default_rng(0).random((samples, *SHAPE), np.float32)
    np.savez(path, **{INPUT: images})  # type: ignore[arg-type]


def write_fake(folder: Path, call_s: float = 0.003, **behaviour: Any) -> Named:
    """Artifacts of the fake runtime, which sleeps for a known time; it may behave in other ways."""
    signature = Signature(
        (TensorSpec(INPUT, (None, *SHAPE), "float32"),),
        (TensorSpec(OUTPUT, (None, 4), "float32"),),
    )

    def write(path: Path, added: float) -> None:
        path.mkdir(parents=True)
        settings = {"signature": asdict(signature), "call_s": call_s * (1 + added)} | behaviour
        (path / "model.json").write_text(json.dumps(settings))
        manifest = Manifest(
            name=path.name,
            format="fake",
            payload="model.json",
            framework="none",
            native=False,
            signature=signature,
            precision="float32",
            producer={},
            weights={},
            created="",
            executes_code=False,
        )
        write_manifest(path, manifest)

    return _write_all(folder, write)


def write_onnx(folder: Path) -> Named:
    """ONNX files that convolve an image again and again, some a few times more.

    Every convolution is the identity, so that all give the same output.

    Raises:
        ImportError: the package `onnx` is not installed.
    """
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    kernel = np.zeros((32, 32, 3, 3), np.float32)
    kernel[np.arange(32), np.arange(32), 1, 1] = 1

    def write(path: Path, added: float) -> None:
        path.mkdir(parents=True)
        layers = round(LAYERS * (1 + added))
        names = [INPUT, *(f"layer_{index}" for index in range(1, layers)), OUTPUT]
        nodes = [
            helper.make_node("Conv", [names[i], "kernel"], [names[i + 1]], pads=[1, 1, 1, 1])
            for i in range(layers)
        ]
        values = [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", *SHAPE])
            for name in (INPUT, OUTPUT)
        ]
        graph = helper.make_graph(
            nodes, "chain", values[:1], values[1:], [numpy_helper.from_array(kernel, "kernel")]
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
        onnx.save(model, path / "model.onnx")

    return [(name, path / "model.onnx") for name, path in _write_all(folder, write)]


def copy_artifact(original: Path, folder: Path, copies: int = COPIES) -> Named:
    """Make byte copies of an artifact, none of which is slower."""
    result = []
    for name in map(copy_name, range(copies)):
        target = folder / name
        if original.is_dir():
            shutil.copytree(original, target)
        else:
            for file in files_of(original):
                copy = target / file.relative_to(original.parent)
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(file, copy)
            target = target / original.name
        result.append((name, target))
    return result


def _write_all(folder: Path, write: Callable[[Path, float], None]) -> Named:
    named = [(copy_name(index), 0.0) for index in range(COPIES)]
    named += [(more_name(added), added) for added in ADDED]
    for name, added in named:
        write(folder / name, added)
    return [(name, folder / name) for name, _ in named]
