"""Whether an error says that memory was short, whichever library says it and in what words.

No more than the standard library: workers import it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

_LAST_BYTES = 8192  # of what a process has printed

# Python's own, PyTorch's and TensorFlow's.
_TYPES = {"MemoryError", "OutOfMemoryError", "ResourceExhaustedError"}
_WORDS = re.compile(
    r"""
      (?:^|[:(.]\s*|\b(?:cuda|hip|gpu|device|ran|is|system)\s)out\ of\ memory\b
    | \bOOM\ when\ allocating\b
    | \bCUDA_ERROR_OUT_OF_MEMORY\b | \bcudaErrorMemoryAllocation\b
    | \bCU(?:BLAS|DNN|SPARSE|SOLVER|FFT|RAND)_\w*ALLOC(?:ATION)?_FAILED\b
    | \bthe\ resource\ allocation\ failed\b       # cuBLAS in words
    # No memory for a handle. In other calls it means that something failed before.
    | \bCUBLAS_STATUS_NOT_INITIALIZED\b.*\bcublas(?:Lt)?Create\b
    | \bcreate\ cublas\ handle:\ CUBLAS_STATUS_NOT_INITIALIZED\b
    | \bresource[ _]exhausted\b
    | \bfailed\ to\ allocated?\ (?:memory|requested|request\ for|\d)
    | \bAvailable\ memory\ of\ \d+\ is\ smaller\ than\ requested\b
    | \b(?:can't|cannot|unable\ to|could\ not)\ allocate\ (?:memory|\d)
    | \bnot\ enough\ memory\b
    | \bbad_alloc\b
    # PyTorch looks at NVML only to say how short memory was, and fails where it cannot.
    | \bNVML_SUCCESS\ ==.*\bINTERNAL\ ASSERT\ FAILED\b.*\bCUDACachingAllocator\b
    """,
    re.IGNORECASE | re.VERBOSE | re.DOTALL,
)
# What a kernel may take of a multiprocessor's own memory is a limit of the program, and an
# allocator that can do with less says so.
_OTHERWISE = re.compile(r"shared memory|indicates that this is not a failure", re.IGNORECASE)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error, or what it was raised from, is for want of memory."""
    return any(
        not _TYPES.isdisjoint(kind.__name__ for kind in type(cause).__mro__)
        or says_out_of_memory(str(cause))
        for cause in _causes(error)
    )


def says_out_of_memory(text: str) -> bool:
    """Whether a message says so, of the host's memory or a card's."""
    return bool(_WORDS.search(text)) and not _OTHERWISE.search(text)


def last_words(log: Path) -> str | None:
    """The line at the end of what a process has printed that says that memory was short.

    Raises:
        OSError: the file cannot be read.
    """
    with log.open("rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - _LAST_BYTES))
        lines = file.read().decode(errors="replace").splitlines()
    return next((" ".join(s.split())[:300] for s in lines if says_out_of_memory(s)), None)


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        yield cause
        cause = cause.__cause__
