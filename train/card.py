"""Settings for NVIDIA cards, made before the frameworks are imported."""

from __future__ import annotations

import os
from pathlib import Path

# Of the driver on Linux, in containers, and of Windows' subsystem for Linux.
_DEVICES = ("/dev/nvidia0", "/dev/nvidiactl", "/dev/dxg")
# Several processes share a card: each takes what it needs, not nearly all.
_SHARED = {"TF_FORCE_GPU_ALLOW_GROWTH": "true", "XLA_PYTHON_CLIENT_PREALLOCATE": "false"}


def use_card() -> None:
    """Share a card between processes, and avoid warnings on machines without one.

    Variables that the user has set are kept. If they hide all cards, JAX is told to
    use none, since its plugin for CUDA raises when it finds none.
    """
    if not any(Path(device).exists() for device in _DEVICES):
        os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
    elif os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1"):
        os.environ.setdefault("JAX_PLATFORMS", "cpu")
    for name, value in _SHARED.items():
        os.environ.setdefault(name, value)
