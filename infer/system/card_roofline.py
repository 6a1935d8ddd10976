"""Measure the peak rates of a card, in a separate process that needs no framework.

Prints as JSON the rates of cuBLAS's float32 matrix product, with and without TF32, of a copy on the
card (bytes read plus bytes written), and of copies between card and host, from pageable memory,
which arrays use, and from pinned memory. The arguments are interpreters whose cuBLAS may be used,
besides this one's. After Williams, Waterman and Patterson, "Roofline" (2009).
"""

from __future__ import annotations

import ctypes
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from .cpu_roofline import best
from .cuda_driver import CudaError, Driver, start

SIDE = 8192
COPIED_BYTES = 2**28
# Number of copies on the card between two waits: a copy takes hardly longer than a wait.
_COPIES = 8
# cublasMath_t: CUBLAS_DEFAULT_MATH keeps float32 as it is.
_FLOAT32, _TF32 = 0, 3
# The first compute capability whose tensor cores take TF32 (Ampere).
_TF32_SINCE = 8
_LIBRARIES = "nvidia/*/lib/libcublas.so.*"
_NAMES = ("libcublas.so.13", "libcublas.so.12", "libcublas.so.11")


class Blas:
    """cuBLAS, for the card that this process uses.

    Raises:
        OSError: no cuBLAS works with the driver.
    """

    def __init__(self, pythons: list[str]) -> None:
        tried = []
        for path in candidates(pythons):
            try:
                if path not in _NAMES:
                    # A dependency of cuBLAS, beside it and perhaps not on the search path.
                    for beside in Path(path).parent.glob("libcublasLt.so.*"):
                        ctypes.CDLL(str(beside), mode=ctypes.RTLD_GLOBAL)
                self._library = ctypes.CDLL(path)
                self._handle = ctypes.c_void_p()
                self._call("cublasCreate_v2", ctypes.byref(self._handle))
            except OSError as error:
                tried.append(f"{path}: {error}")
                continue
            self.path = path
            return
        raise OSError(f"no cuBLAS that works here ({tried[0]})")

    def product(self, side: int, places: Sequence[ctypes.c_uint64]) -> None:
        """Begin C = A B for square float32 matrices A, B and C, stored by columns."""
        a, b, c = places
        n, alpha, beta = ctypes.c_int(side), ctypes.c_float(1), ctypes.c_float(0)
        self._call(
            "cublasSgemm_v2",
            *(self._handle, ctypes.c_int(0), ctypes.c_int(0), n, n, n),
            *(ctypes.byref(alpha), a, n, b, n, ctypes.byref(beta), c, n),
        )

    def set_mode(self, mode: int) -> None:
        """Set the arithmetic: `_FLOAT32` or `_TF32`."""
        self._call("cublasSetMathMode", self._handle, ctypes.c_int(mode))

    def _call(self, function: str, *arguments: Any) -> None:
        code = int(getattr(self._library, function)(*arguments))
        if code != 0:
            raise OSError(f"{function} returned {code}")


def candidates(pythons: list[str]) -> list[str]:
    """List where cuBLAS may be: in the interpreters' packages, newest first, or in the system."""
    folders = [Path(folder) for folder in sys.path if folder]
    for python in pythons:
        folders += Path(python).parent.parent.glob("lib/python*/*-packages")
    libraries = [str(path) for folder in folders for path in folder.glob(_LIBRARIES)]
    return sorted(libraries, key=lambda path: path.rpartition(".")[2], reverse=True) + list(_NAMES)


class Card:
    """Memory on the card and copies to it, for as long as this process lives."""

    def __init__(self, driver: Driver) -> None:
        self._call = driver.call
        device, context = ctypes.c_int(), ctypes.c_void_p()
        self._call("cuDeviceGet", ctypes.byref(device), ctypes.c_int(0))
        self._call("cuDevicePrimaryCtxRetain", ctypes.byref(context), device)
        self._call("cuCtxSetCurrent", context)
        self._device = device

    def memory(self, count: int) -> ctypes.c_uint64:
        """Allocate `count` bytes on the card."""
        address = ctypes.c_uint64()
        self._call("cuMemAlloc_v2", ctypes.byref(address), ctypes.c_size_t(count))
        return address

    def free(self, address: ctypes.c_uint64) -> None:
        """Free memory on the card."""
        self._call("cuMemFree_v2", address)

    def pinned(self, count: int) -> np.ndarray:
        """Allocate `count` bytes of pinned memory on the host, uint8."""
        address = ctypes.c_void_p()
        self._call("cuMemAllocHost_v2", ctypes.byref(address), ctypes.c_size_t(count))
        assert address.value
        return np.ctypeslib.as_array((ctypes.c_uint8 * count).from_address(address.value))

    def copy_to_card(self, to: ctypes.c_uint64, array: np.ndarray) -> None:
        """Copy an array to the card."""
        size = ctypes.c_size_t(array.nbytes)
        self._call("cuMemcpyHtoD_v2", to, ctypes.c_void_p(array.ctypes.data), size)

    def copy_to_host(self, array: np.ndarray, source: ctypes.c_uint64) -> None:
        """Fill an array from the card."""
        size = ctypes.c_size_t(array.nbytes)
        self._call("cuMemcpyDtoH_v2", ctypes.c_void_p(array.ctypes.data), source, size)

    def copy(self, to: ctypes.c_uint64, source: ctypes.c_uint64, count: int) -> None:
        """Begin a copy of `count` bytes on the card."""
        self._call("cuMemcpyDtoDAsync_v2", to, source, ctypes.c_size_t(count), ctypes.c_void_p())

    def wait(self) -> None:
        """Wait for everything that was begun."""
        self._call("cuCtxSynchronize")

    def capability(self) -> tuple[int, int]:
        """Compute capability, major and minor."""
        numbers = []
        for attribute in (75, 76):
            value = ctypes.c_int()
            number = ctypes.c_int(attribute)
            self._call("cuDeviceGetAttribute", ctypes.byref(value), number, self._device)
            numbers.append(value.value)
        return numbers[0], numbers[1]


def copies(card: Card, count: int, seconds: float) -> Iterator[tuple[str, Callable[[], float]]]:
    """Yield a function that measures each kind of copy, in bytes a second, by its rate's name."""
    there, other = card.memory(count), card.memory(count)
    pageable = np.ones(count, np.uint8)

    def on_card() -> None:
        for _ in range(_COPIES):
            card.copy(other, there, count)
        card.wait()

    def between(array: np.ndarray, *, back: bool) -> float:
        def once() -> None:
            if back:
                card.copy_to_host(array, there)
            else:
                card.copy_to_card(there, array)
            card.wait()  # a copy from pageable memory may not be finished yet

        return count / best(once, seconds)

    pinned = cache(partial(card.pinned, count))
    yield "bytes_per_s", lambda: 2 * _COPIES * count / best(on_card, seconds)
    yield "to_device_bytes_per_s", lambda: between(pageable, back=False)
    yield "from_device_bytes_per_s", lambda: between(pageable, back=True)
    yield "to_device_pinned_bytes_per_s", lambda: between(pinned(), back=False)
    yield "from_device_pinned_bytes_per_s", lambda: between(pinned(), back=True)


def arithmetic(card: Card, blas: Blas, mode: int, side: int, seconds: float) -> float:
    """Measure the operations a second of a product of random square matrices.

    Zeros and ones would draw less power and let the card run faster than any network does.

    Raises:
        CudaError: the card has no TF32, or no memory for the matrices.
        ValueError: the product is wrong.
    """
    if mode == _TF32 and card.capability()[0] < _TF32_SINCE:
        raise ValueError("the card has none (compute capability {}.{})".format(*card.capability()))
    # A length that divides no side, so that no column is like another; one array at a time, for
    # the host may have less memory than the card.
    blocks = np.random.default_rng(0).standard_normal((2, 1_000_003), np.float32)
    places = [card.memory(4 * side * side) for _ in range(3)]
    for place, block in zip(places, blocks, strict=False):
        card.copy_to_card(place, np.resize(block, side * side))
    blas.set_mode(mode)

    def once() -> None:
        blas.product(side, places)
        card.wait()

    shortest = best(once, seconds)
    first = np.zeros(1, np.float32)
    card.copy_to_host(first, places[2])
    row, column = np.arange(side) * side, np.arange(side)
    expected = float(np.take(blocks[0], row, mode="wrap") @ np.take(blocks[1], column, mode="wrap"))
    for place in places:
        card.free(place)
    if abs(float(first[0]) - expected) > 0.01 * side**0.5:
        raise ValueError(f"cuBLAS's product is wrong: {first[0]} where {expected} is right")
    return 2 * side**3 / shortest


def rates(
    pythons: list[str], side: int = SIDE, copied: int = COPIED_BYTES, seconds: float = 0.6
) -> dict[str, Any]:
    """Measure all rates; a rate that failed is None, with the reason in `failed`."""
    names = ["flops_per_s", "tf32_flops_per_s", "bytes_per_s"]
    for kind in ("", "pinned_"):
        names += [f"{way}_device_{kind}bytes_per_s" for way in ("to", "from")]
    result: dict[str, Any] = dict.fromkeys(names)
    failed: dict[str, str] = {}
    driver, answer = start()
    try:
        if driver is None:
            raise OSError(answer["error"])
        card = Card(driver)
        measured = dict(copies(card, copied, seconds))
    except (OSError, CudaError) as error:
        return result | {"failed": dict.fromkeys(names, str(error))}
    try:
        blas = Blas(pythons)
        result["library"] = blas.path
        measured["flops_per_s"] = lambda: arithmetic(card, blas, _FLOAT32, side, seconds)
        measured["tf32_flops_per_s"] = lambda: arithmetic(card, blas, _TF32, side, seconds)
    except OSError as error:
        failed |= dict.fromkeys(names[:2], str(error))
    for name, rate in measured.items():
        try:
            result[name] = rate()
        except (OSError, CudaError, ValueError) as error:
            failed[name] = str(error)
    return result | {"failed": failed}


def main(arguments: list[str]) -> None:
    """Measure the rates and print them."""
    print(json.dumps(rates(arguments)))
