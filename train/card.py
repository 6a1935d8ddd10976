"""How the frameworks are to use this machine's NVIDIA cards; set before they are imported."""

from __future__ import annotations

import os
from pathlib import Path

# Of the driver on Linux, in containers, and of Windows' subsystem for Linux.
_DEVICES = ("/dev/nvidia0", "/dev/nvidiactl", "/dev/dxg")
# Several processes share a card: each takes what it needs, not nearly all.
_SHARED = {"TF_FORCE_GPU_ALLOW_GROWTH": "true", "XLA_PYTHON_CLIENT_PREALLOCATE": "false"}


def use_card() -> None:
    """Have a card shared, and spare machines without one the complaints about finding none.

    What the user has set stands. Where he hides all cards, JAX is told to use none: its plugin
    for CUDA raises when it finds none.
    """
    if not any(Path(device).exists() for device in _DEVICES):
        os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
    elif os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1"):
        os.environ.setdefault("JAX_PLATFORMS", "cpu")
    for name, value in _SHARED.items():
        os.environ.setdefault(name, value)
