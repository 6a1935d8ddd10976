"""Limits of processes that read files, count operations or score outputs; not of workers."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

TIME_S = 60.0
MEMORY_BYTES = 4 << 30


def limit_memory(memory: int = MEMORY_BYTES) -> None:
    """Limit the memory of this process to `memory` bytes, if the system supports it."""
    try:
        import resource
    except ImportError:  # not on Windows
        return
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))


@contextmanager
def limited_process() -> Iterator[TextIO]:
    """Limit the memory of this process, and yield what its answer is written to.

    What libraries and the code of plug-ins print is no answer: it goes to standard error.
    """
    limit_memory()
    result = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    with result:
        yield result
