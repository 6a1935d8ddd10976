"""Measure the peak rates of the processor, in a separate process; the argument is the threads.

Prints as JSON the rate of a float32 matrix product of NumPy's BLAS, which no network exceeds by
much, and the rate at which arrays larger than any cache are copied (bytes read plus bytes
written). After Williams, Waterman and Patterson, "Roofline" (2009).
"""

import json
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

SIDE = 1536
COPIED_BYTES = 2**28
SECONDS = 0.6


def best(call: Callable[[], object], seconds: float = SECONDS) -> float:
    """The shortest time of the calls that fit into `seconds`, in seconds, after an untimed call."""
    call()
    shortest = float("inf")
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        begin = time.perf_counter()
        call()
        shortest = min(shortest, time.perf_counter() - begin)
    return shortest


def main(arguments: list[str]) -> None:
    """Measure the rates and print them."""
    threads = int(arguments[0])
    # Set before NumPy is imported, whose BLAS reads it when it is loaded.
    os.environ["OPENBLAS_NUM_THREADS"] = os.environ["OMP_NUM_THREADS"] = str(threads)
    # Some machines set it because of faulty versions of OpenBLAS; it slows a current version.
    for name in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"):
        os.environ.pop(name, None)
    import numpy as np

    a, b = np.ones((2, SIDE, SIDE), np.float32)
    product = np.empty((SIDE, SIDE), np.float32)
    source, target = np.ones((2, COPIED_BYTES // 8), np.float64)
    parts = [
        slice(i * len(source) // threads, (i + 1) * len(source) // threads) for i in range(threads)
    ]
    with ThreadPoolExecutor(threads) as pool:
        product_s = best(lambda: np.matmul(a, b, out=product))
        copy_s = best(
            lambda: list(pool.map(lambda part: np.copyto(target[part], source[part]), parts))
        )
    print(
        json.dumps(
            {"flops_per_s": 2 * SIDE**3 / product_s, "bytes_per_s": 2 * COPIED_BYTES / copy_s}
        )
    )
