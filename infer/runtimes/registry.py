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
        formats: that it takes.
        devices: that it can be asked to run on.
        cuda_files: of which one is in an environment whose build of it has CUDA, as a pattern;
            it tells environments apart, the runtime itself says whether it finds a GPU.
    """

    module: str
    package: str | None
    distributions: tuple[str, ...]
    extra: str
    formats: tuple[str, ...]
    devices: tuple[str, ...] = ("cpu", "cuda")
    cuda_files: str = ""

    @property
    def install(self) -> str:
        """The command that installs it."""
        return f"pip install '.[{self.extra}]'"


_JAX_CUDA = "jax_plugins/xla_cuda*"
_ONNX_CUDA = "onnxruntime/capi/libonnxruntime_providers_cuda.so"
_TENSORFLOW_CUDA = "nvidia/cublas/lib/libcublas.so.12"  # its wheel is the same without
_TORCH_CUDA = "torch/lib/libtorch_cuda.so"

# Of several that take a format, the first is used unless the user names another.
RUNTIMES = {
    "saved-model": Runtime(
        "saved_model",
        "tensorflow",
        ("tensorflow",),
        "tensorflow",
        ("saved-model",),
        cuda_files=_TENSORFLOW_CUDA,
    ),
    "torchscript": Runtime(
        "torchscript", "torch", ("torch",), "torch", ("torchscript",), cuda_files=_TORCH_CUDA
    ),
    "torch-export": Runtime(
        "torch_export", "torch", ("torch",), "torch", ("torch-export",), cuda_files=_TORCH_CUDA
    ),
    "aotinductor": Runtime(
        "aotinductor", "torch", ("torch",), "torch", ("aotinductor",), cuda_files=_TORCH_CUDA
    ),
    "jax-export": Runtime(
        "jax_export",
        "jax",
        ("jax", "jaxlib"),
        "jax",
        ("jax-export",),
        cuda_files=_JAX_CUDA,
    ),
    "onnx": Runtime(
        "onnx",
        "onnxruntime",
        ("onnxruntime", "onnxruntime-gpu"),
        "onnx",
        ("onnx",),
        cuda_files=_ONNX_CUDA,
    ),
    "litert": Runtime(
        "litert", "ai_edge_litert", ("ai-edge-litert",), "litert", ("litert",), ("cpu",)
    ),
    "openvino": Runtime(
        "openvino", "openvino", ("openvino",), "openvino", ("openvino", "onnx"), ("cpu",)
    ),
    "fake": Runtime("fake", None, (), "", ("fake",)),
}

# Formats whose files name their functions, and the name that the one for a server has.
WITH_SIGNATURES = ("saved-model", "litert")
SERVING = "serving_default"


def runtimes_for(format_name: str) -> list[str]:
    """The runtimes that take a format; the first is the one that is used by default."""
    return [name for name, runtime in RUNTIMES.items() if format_name in runtime.formats]
