"""What tests of exports share: formats, a source of weights and hashes of files."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from export.weight_sources import Source

ALL = (
    "saved-model",
    "torchscript",
    "torch-export",
    "aotinductor",
    "jax-export",
    "jax2tf",
    "onnx-keras",
    "onnx-torch",
    "onnx-jax",
)


def made_up_source(name: str = "w", **record: Any) -> Source:
    return Source(Path(f"{name}.safetensors"), {}, name, record)


def sha256_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
