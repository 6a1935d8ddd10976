"""Recognise files that are no artifacts, and say what to do with them."""

from __future__ import annotations

import struct
from pathlib import Path

from ..errors import DamagedError
from .content import Content
from .protobuf import Message

# By the bytes that they begin with.
_BEGINNINGS = (
    (b"\x89HDF\r\n\x1a\n", "a model or weights of Keras in HDF5; export it with model.export"),
    (b"GGUF", "weights for llama.cpp, not a graph that runs by itself"),
    (b"\x80\x02", "a pickle, which is never opened; export the model"),
    (b"\x80\x03", "a pickle, which is never opened; export the model"),
    (b"\x80\x04", "a pickle, which is never opened; export the model"),
    (b"\x80\x05", "a pickle, which is never opened; export the model"),
    (b"\x93NUMPY", "an array, not a model; give it with --inputs"),
    (b"ML\xefR", "a bare MLIR module; serialize the function with jax.export"),
    (b"\x1f\x8b", "compressed with gzip; unpack it first"),
    (b"\x28\xb5\x2f\xfd", "compressed with zstd; unpack it first"),
)


def kind_of_file(content: Content) -> str | None:
    """Say what a file without the marks of a format is, and what to do; None if not known.

    Raises:
        DamagedError: it is a damaged archive.
    """
    if content.is_archive:
        return _archive(content.entries)
    head = content.head
    for start, what in _BEGINNINGS:
        if head.startswith(start):
            return what
    if head[4:8] == b"ET12":
        return "a program of ExecuTorch; install the plug-in exportbench-executorch, which takes it"
    if head[8:9] == b"{" and struct.unpack_from("<Q", head)[0] <= content.path.stat().st_size:
        return "weights alone (safetensors), without a graph to run"
    beside = content.path.with_suffix(".xml")
    if content.path.suffix == ".bin" and beside.is_file():
        return f"the weights of {beside.name}; name that file"
    return None


def kind_of_structure(content: Content) -> str | None:
    """Say what a file without the structure of a format is; None if not known."""
    try:
        model = Message(content.data)
        numbers = model.numbers()
        if not (numbers <= {1, 2, 3, 4} and 1 in numbers):
            return None
        node = Message(model.raw(1)[0])
        is_graph_def = bool(node.string(1) and node.string(2))
    except DamagedError:
        return None
    if is_graph_def:
        return "a bare TensorFlow graph (GraphDef) without signature; save it as SavedModel"
    return None


def kind_of_folder(path: Path) -> str | None:
    """Say what a folder that is no artifact is; None if not known."""
    if (path / "Manifest.json").is_file() and list(path.glob("Data/*/*.mlmodel")):
        return "a model of Core ML, which runs on Apple's systems only"
    return None


def _archive(names: frozenset[str]) -> str:
    if "serialized_exported_program.json" in names:
        return (
            "a program that torch.export saved before PyTorch 2.8; load it there and save it anew"
        )
    if "data.pkl" in names:
        return (
            "weights or a pickled module of torch.save, which is never opened; export the module "
            "with torch.jit or torch.onnx.export"
        )
    if "model.weights.h5" in names:
        return "a model of Keras; export it with model.export"
    if names and all(name.endswith(".npy") for name in names):
        return "arrays, not a model; give them with --inputs"
    return "an archive, but neither TorchScript, torch.export nor AOTInductor"
