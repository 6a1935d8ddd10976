"""The registry of runtimes. A runtime's module is imported in its worker only."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from types import ModuleType
from typing import Any

from ..external_module import ExternalModule


@dataclass(frozen=True)
class Runtime:
    """All that is known of a runtime without importing it.

    Attributes:
        module: below `infer.runtimes`, or in the package of a plug-in.
        package: that must be importable; None for none.
        distributions: whose versions are recorded.
        install: the command that installs it.
        formats: that it takes.
        devices: that it can be asked to run on.
        cuda_files: of which one is in an environment whose build of it has CUDA, as a pattern;
            it tells environments apart, the runtime itself says whether it finds a GPU.
        for_tests: whether it stands for a runtime and its device in tests; no user is shown it.
        external: where its module is, if that is of a plug-in; None for one of ours.
    """

    module: str
    package: str | None
    distributions: tuple[str, ...]
    install: str
    formats: tuple[str, ...]
    devices: tuple[str, ...] = ("cpu", "cuda")
    cuda_files: str = ""
    for_tests: bool = False
    external: ExternalModule | None = None

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> Runtime:
        """Read back what `to_dict` and JSON made of a runtime."""
        lists = {name: tuple(value[name]) for name in ("distributions", "formats", "devices")}
        external = value["external"] and ExternalModule(**value["external"])
        return cls(**{**value, **lists, "external": external})

    def to_dict(self) -> dict[str, Any]:
        """As JSON takes it: what a worker is told of a runtime that it has no registry of."""
        return asdict(self)

    def load(self) -> ModuleType:
        """Import its module; in a worker only.

        Raises:
            ImportError: what it needs is not installed. What the module itself raises is passed on.
        """
        if self.external:
            return self.external.load()
        return importlib.import_module(f".{self.module}", __package__)


def _extra(name: str) -> str:
    """The command that installs an extra of this project."""
    return f"pip install '.[{name}]'"


_JAX_CUDA = "jax_plugins/xla_cuda*"
_ONNX_CUDA = "onnxruntime/capi/libonnxruntime_providers_cuda.so"
_TENSORFLOW_CUDA = "nvidia/cublas/lib/libcublas.so.12"  # its wheel is the same without
_TORCH_CUDA = "torch/lib/libtorch_cuda.so"

# Of several that take a format, the first is used unless the user names another. Those of plug-ins
# come after ours (infer.plugins).
RUNTIMES = {
    "saved-model": Runtime(
        "saved_model",
        "tensorflow",
        ("tensorflow",),
        _extra("tensorflow"),
        ("saved-model",),
        cuda_files=_TENSORFLOW_CUDA,
    ),
    "torchscript": Runtime(
        "torchscript",
        "torch",
        ("torch",),
        _extra("torch"),
        ("torchscript",),
        cuda_files=_TORCH_CUDA,
    ),
    "torch-export": Runtime(
        "torch_export",
        "torch",
        ("torch",),
        _extra("torch"),
        ("torch-export",),
        cuda_files=_TORCH_CUDA,
    ),
    "aotinductor": Runtime(
        "aotinductor",
        "torch",
        ("torch",),
        _extra("torch"),
        ("aotinductor",),
        cuda_files=_TORCH_CUDA,
    ),
    "jax-export": Runtime(
        "jax_export",
        "jax",
        ("jax", "jaxlib"),
        _extra("jax"),
        ("jax-export",),
        cuda_files=_JAX_CUDA,
    ),
    "onnx": Runtime(
        "onnx",
        "onnxruntime",
        ("onnxruntime", "onnxruntime-gpu"),
        _extra("onnx"),
        ("onnx",),
        cuda_files=_ONNX_CUDA,
    ),
    "litert": Runtime(
        "litert", "ai_edge_litert", ("ai-edge-litert",), _extra("litert"), ("litert",), ("cpu",)
    ),
    "openvino": Runtime(
        "openvino",
        "openvino",
        ("openvino",),
        _extra("openvino"),
        ("openvino", "onnx"),
        ("cpu",),
    ),
    "fake": Runtime("fake", None, (), _extra(""), ("fake",), for_tests=True),
}


def runtimes_for(format_name: str) -> list[str]:
    """The runtimes that take a format; the first is the one that is used by default."""
    return [name for name, runtime in RUNTIMES.items() if format_name in runtime.formats]


def runtime_names() -> list[str]:
    """The runtimes that users are shown, by name."""
    return [name for name, runtime in RUNTIMES.items() if not runtime.for_tests]
