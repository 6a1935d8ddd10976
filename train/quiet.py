"""Keeps what frameworks print while they are imported out of the user's sight."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager


def without_gpu_hide_gpu_search() -> None:
    """Spare machines without an NVIDIA GPU the frameworks' complaints about finding none."""
    if shutil.which("nvidia-smi") is None:
        os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")


@contextmanager
def quiet_stderr() -> Iterator[None]:
    """Hold back standard error, from C++ too; show it after all when an exception leaves.

    TensorFlow writes notes on import that none of its settings turn off.
    """
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as file:
        os.dup2(file.fileno(), 2)
        try:
            yield
        except BaseException:
            file.seek(0)
            os.write(kept, file.read())
            raise
        finally:
            sys.stderr.flush()
            os.dup2(kept, 2)
            os.close(kept)
