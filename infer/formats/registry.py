"""The registry of formats."""

from __future__ import annotations

from .aotinductor.format import FORMAT as AOTINDUCTOR
from .base import Format
from .fake.format import FORMAT as FAKE
from .jax_export.format import FORMAT as JAX_EXPORT
from .litert.format import FORMAT as LITERT
from .onnx.format import FORMAT as ONNX
from .openvino.format import FORMAT as OPENVINO
from .saved_model.format import FORMAT as SAVED_MODEL
from .torch_export.format import FORMAT as TORCH_EXPORT
from .torchscript.format import FORMAT as TORCHSCRIPT

# By name; formats of plug-ins are added after the built-in ones (infer.plugins).
FORMATS: dict[str, Format] = {
    known.name: known
    for known in (
        SAVED_MODEL,
        TORCHSCRIPT,
        TORCH_EXPORT,
        AOTINDUCTOR,
        JAX_EXPORT,
        ONNX,
        LITERT,
        OPENVINO,
        FAKE,
    )
}


def names_functions(format_name: str) -> bool:
    """Whether files of a format hold functions by name, one of which is to be chosen."""
    return format_name in FORMATS and FORMATS[format_name].names_functions


def has_methods(format_name: str) -> bool:
    """Whether files of a format may hold others than the function that is called by default."""
    return format_name in FORMATS and FORMATS[format_name].has_methods
