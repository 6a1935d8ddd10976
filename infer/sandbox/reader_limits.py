"""Limits of processes that read files, count operations or score outputs; not of workers."""

from __future__ import annotations

TIME_S = 60.0
MEMORY_BYTES = 4 << 30


def limit_memory(memory: int = MEMORY_BYTES) -> None:
    """Limit the memory of this process to `memory` bytes, if the system supports it."""
    try:
        import resource
    except ImportError:  # not on Windows
        return
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
