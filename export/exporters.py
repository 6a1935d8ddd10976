"""The registry of exporters.

An exporter is a module with one function:

    export(weights, size, path) -> predict

It writes the network with these canonical weights, for images of `size` pixels, to the payload
at `path`, and returns the framework's own prediction (images, float32 N x size x size x 3 in
0..1, to probabilities, N x 8), which the written payload is checked against. Its input is named
`image` and its output `probabilities`. One that compiles is also given what for, as `device`: "cpu"
or "cuda".
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

INPUT = "image"
OUTPUT = "probabilities"

Predict = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Exporter:
    """What is to be known of an exporter without importing it.

    Attributes:
        module: below `export`.
        format: the runtime's name in `infer.runtimes`.
        framework: the framework that the network is written in.
        native: whether this is the framework's own deployment format.
        payload: name of the file or folder.
        needs: packages that must be importable together; the check of the artifact has its
            runtime from where it is.
        extras: of this project, that install them.
        distributions: whose versions are recorded.
        executes_code: whether loading or running the artifact can do more than arithmetic.
        months: for which the format promises to load; None where it has no end.
        compiles: whether it takes a C++ compiler, and is for one kind of device.
    """

    module: str
    format: str
    framework: str
    native: bool
    payload: str
    needs: tuple[str, ...]
    extras: str
    distributions: tuple[str, ...]
    executes_code: bool = False
    months: int | None = None
    compiles: bool = False


EXPORTERS = {
    "saved-model": Exporter(
        "saved_model",
        "saved-model",
        "keras",
        True,
        "saved_model",
        ("tensorflow", "keras"),
        "train,tensorflow",
        ("keras", "tensorflow"),
        executes_code=True,  # a graph may read and write files
    ),
    "torchscript": Exporter(
        "torchscript",
        "torchscript",
        "torch",
        True,
        "model.pt",
        ("torch",),
        "train,torch",
        ("torch",),
        executes_code=True,  # the file holds a program
    ),
    "torch-export": Exporter(
        "torch_export",
        "torch-export",
        "torch",
        False,
        "model.pt2",
        ("torch",),
        "train,torch",
        ("torch",),
        executes_code=True,  # sizes in its graph are read as Python
    ),
    "aotinductor": Exporter(
        "aotinductor",
        "aotinductor",
        "torch",
        False,
        "model.pt2",
        ("torch",),
        "train,torch",
        ("torch",),
        executes_code=True,  # a shared library
        compiles=True,
    ),
    "jax-export": Exporter(
        "jax_export",
        "jax-export",
        "flax",
        True,
        "model.jax",
        ("jax", "flax"),
        "train,jax",
        ("jax", "jaxlib", "flax"),
        months=6,  # docs.jax.dev, "Exporting and serializing", compatibility guarantees
    ),
    "jax2tf": Exporter(
        "jax2tf",
        "saved-model",
        "flax",
        False,
        "saved_model",
        ("jax", "flax", "tensorflow"),
        "train,jax,tensorflow",
        ("jax", "jaxlib", "flax", "tensorflow"),
        executes_code=True,
    ),
    "onnx-keras": Exporter(
        "onnx_keras",
        "onnx",
        "keras",
        False,
        "model.onnx",
        ("tensorflow", "tf2onnx"),
        "train,tensorflow,onnx",
        ("keras", "tensorflow", "tf2onnx", "onnx"),
    ),
    "onnx-torch": Exporter(
        "onnx_torch",
        "onnx",
        "torch",
        False,
        "model.onnx",
        ("torch", "onnxscript"),
        "train,torch,onnx",
        ("torch", "onnxscript", "onnx"),
    ),
    "onnx-jax": Exporter(
        "onnx_jax",
        "onnx",
        "flax",
        False,
        "model.onnx",
        ("jax", "jax2onnx", "onnxruntime"),
        "train,jax,onnx,jax2onnx",
        ("jax", "jaxlib", "flax", "jax2onnx", "onnx"),
    ),
}


def choose(formats: list[str]) -> list[str]:
    """The exporters that the names stand for: `all`, `onnx` for all three, or one's own name.

    Raises:
        ValueError: a name is unknown.
    """
    chosen = []
    for name in formats:
        found = [
            key
            for key, exporter in EXPORTERS.items()
            if name in ("all", key) or name == "onnx" == exporter.format
        ]
        if not found:
            known = ", ".join(["all", "onnx", *EXPORTERS])
            raise ValueError(f"unknown format {name!r}: choose from {known}")
        chosen += [key for key in found if key not in chosen]
    return chosen
