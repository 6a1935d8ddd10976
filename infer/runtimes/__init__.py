"""The registry of runtimes. A runtime's module is imported in its worker only."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Runtime:
    """Where a runtime's code is and what it needs.

    Attributes:
        module: below `infer.runtimes`.
        package: that must be importable; None for none.
        distributions: whose versions are recorded.
        extra: of this project, that installs it.
    """

    module: str
    package: str | None
    distributions: tuple[str, ...]
    extra: str


RUNTIMES = {
    "saved-model": Runtime("saved_model", "tensorflow", ("tensorflow",), "tensorflow"),
    "torchscript": Runtime("torchscript", "torch", ("torch",), "torch"),
    "jax-export": Runtime("jax_export", "jax", ("jax", "jaxlib"), "jax"),
    "onnx": Runtime("onnx", "onnxruntime", ("onnxruntime", "onnxruntime-gpu"), "onnx"),
    "fake": Runtime("fake", None, (), ""),
}
