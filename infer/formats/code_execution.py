"""Which formats can execute code when an artifact is loaded or run."""

from __future__ import annotations

# ONNX Runtime, LiteRT and OpenVINO run operators of libraries only where the caller has loaded
# these, which nothing here does.
FORMATS = {
    "aotinductor": "it is a shared library",
    "jax-export": "it may call whatever is registered in jaxlib",
    "saved-model": "its graph may read and write files",
    "torch-export": "its graph may call any function of PyTorch",
    "torchscript": "the file holds a program",
}
UNKNOWN = {"litert": "it depends on its operators: exportbench inspect PATH tells"}
