"""Limits of the processes that read for us."""

from __future__ import annotations

TIME_S = 60.0
MEMORY_BYTES = 4 << 30


def limit_memory(memory: int = MEMORY_BYTES) -> None:
    """Have this process get no more memory than so many bytes, where the system can see to it."""
    try:
        import resource
    except ImportError:  # not on Windows
        return
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
