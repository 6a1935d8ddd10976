"""The environment variables of a worker."""

from __future__ import annotations

from ..runtimes.base import ALLOCATOR, TF32_OVERRIDE
from ..system.passed_variables import passed_variables
from ..system.recorded_variables import forbids_tf32
from ..system.visible_cards import WITHOUT_CUDA, variables_for_card
from ..variant import Variant

_THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
# Makes glibc keep memory: no separate mappings for large arrays, no trimming of the heap, one arena
# for all threads, large pages (mallopt(3), and "Memory Allocation Tunables" in its manual).
# Otherwise each call of some runtimes maps tens of MB anew, with a page fault for every 4 KiB.
_KEEP_MEMORY = {
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": str(1 << 40),
    "MALLOC_TOP_PAD_": str(64 << 20),
    "MALLOC_ARENA_MAX": "1",
    "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",
}


def environment_of(
    device: str, threads: int, variant: Variant, card: str | None, *, tf32: bool
) -> dict[str, str]:
    """Build the environment variables of a worker.

    Args:
        device: "cpu" or "cuda".
        threads: for the arithmetic of one call.
        variant: how the artifact is run.
        card: that it sees on cuda, as CUDA_VISIBLE_DEVICES takes it; None leaves the variable.
        tf32: whether products of float32 may be calculated in TF32.
    """
    environment = passed_variables()
    environment |= dict.fromkeys(_THREAD_VARIABLES, str(threads))
    environment["TF_CPP_MIN_LOG_LEVEL"] = "2"
    if device == "cpu":
        environment |= WITHOUT_CUDA
    else:
        environment |= variables_for_card(card)
    if device == "cuda" and forbids_tf32(tf32, variant):
        environment.setdefault(TF32_OVERRIDE, "0")  # what the user has set stands
    allocator = ALLOCATOR.untuned if variant.untuned else ALLOCATOR.tuned
    if variant.settings.get(ALLOCATOR.name, allocator) == ALLOCATOR.tuned:
        environment = _KEEP_MEMORY | environment  # what the user has set stands
    return environment
