"""What a card could do at best, in a process of its own, which needs no framework.

Prints as JSON the rates of cuBLAS's float32 matrix product, with TF32 and without, of a copy on the
card, read and written bytes counted, and of copies between it and the host, from memory as arrays
have it (pageable) and from pinned memory. The arguments are interpreters whose cuBLAS may be
taken, beside this one's. After Williams, Waterman and Patterson, "Roofline" (2009).
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
# Copies on the card that are waited for together: one takes little longer than waiting for it.
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
        OSError: there is none that works with the driver.
    """

    def __init__(self, pythons: list[str]) -> None:
        tried = []
        for path in candidates(pythons):
            try:
                if path not in _NAMES:
                    # Its own dependency, which is beside it and need not be on the search path.
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
        """Begin C = A B for square matrices A, B and C of float32, column by column."""
        a, b, c = places
        n, one, zero = ctypes.c_int(side), ctypes.c_float(1), ctypes.c_float(0)
        self._call(
            "cublasSgemm_v2",
            *(self._handle, ctypes.c_int(0), ctypes.c_int(0), n, n, n),
            *(ctypes.byref(one), a, n, b, n, ctypes.byref(zero), c, n),
        )

    def set_mode(self, mode: int) -> None:
        """Choose the arithmetic: `_FLOAT32` or `_TF32`."""
        self._call("cublasSetMathMode", self._handle, ctypes.c_int(mode))

    def _call(self, function: str, *arguments: Any) -> None:
        code = int(getattr(self._library, function)(*arguments))
        if code != 0:
            raise OSError(f"{function} returned {code}")


def candidates(pythons: list[str]) -> list[str]:
    """Where cuBLAS may be: among the packages of interpreters, newest first, or the system's."""
    folders = [Path(folder) for folder in sys.path if folder]
    for python in pythons:
        folders += Path(python).parent.parent.glob("lib/python*/*-packages")
    found = [str(path) for folder in folders for path in folder.glob(_LIBRARIES)]
    return sorted(found, key=lambda path: path.rpartition(".")[2], reverse=True) + list(_NAMES)


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
        """So many bytes on the card."""
        address = ctypes.c_uint64()
        self._call("cuMemAlloc_v2", ctypes.byref(address), ctypes.c_size_t(count))
        return address

    def free(self, address: ctypes.c_uint64) -> None:
        """Give memory of the card back."""
        self._call("cuMemFree_v2", address)

    def pinned(self, count: int) -> np.ndarray:
        """So many bytes of the host that the card reads itself, uint8."""
        address = ctypes.c_void_p()
        self._call("cuMemAllocHost_v2", ctypes.byref(address), ctypes.c_size_t(count))
        assert address.value
        return np.ctypeslib.as_array((ctypes.c_uint8 * count).from_address(address.value))

    def send(self, to: ctypes.c_uint64, array: np.ndarray) -> None:
        """Copy an array to the card."""
        size = ctypes.c_size_t(array.nbytes)
        self._call("cuMemcpyHtoD_v2", to, ctypes.c_void_p(array.ctypes.data), size)

    def bring(self, array: np.ndarray, source: ctypes.c_uint64) -> None:
        """Fill an array from the card."""
        size = ctypes.c_size_t(array.nbytes)
        self._call("cuMemcpyDtoH_v2", ctypes.c_void_p(array.ctypes.data), source, size)

    def copy(self, to: ctypes.c_uint64, source: ctypes.c_uint64, count: int) -> None:
        """Begin a copy of so many bytes on the card."""
        self._call("cuMemcpyDtoDAsync_v2", to, source, ctypes.c_size_t(count), ctypes.c_void_p())

    def wait(self) -> None:
        """Return when all that was begun is done."""
        self._call("cuCtxSynchronize")

    def capability(self) -> tuple[int, int]:
        """Compute capability, major and minor."""
        found = []
        for attribute in (75, 76):
            value = ctypes.c_int()
            number = ctypes.c_int(attribute)
            self._call("cuDeviceGetAttribute", ctypes.byref(value), number, self._device)
            found.append(value.value)
        return found[0], found[1]


def copies(card: Card, count: int, seconds: float) -> Iterator[tuple[str, Callable[[], float]]]:
    """What measures each copy of so many bytes, by the name of its rate, in bytes a second."""
    there, other = card.memory(count), card.memory(count)
    pageable = np.ones(count, np.uint8)

    def on_card() -> None:
        for _ in range(_COPIES):
            card.copy(other, there, count)
        card.wait()

    def between(array: np.ndarray, *, back: bool) -> float:
        def once() -> None:
            if back:
                card.bring(array, there)
            else:
                card.send(there, array)
            card.wait()  # what is sent from pageable memory may still be on its way

        return count / best(once, seconds)

    pinned = cache(partial(card.pinned, count))
    yield "bytes_per_s", lambda: 2 * _COPIES * count / best(on_card, seconds)
    yield "to_device_bytes_per_s", lambda: between(pageable, back=False)
    yield "from_device_bytes_per_s", lambda: between(pageable, back=True)
    yield "to_device_pinned_bytes_per_s", lambda: between(pinned(), back=False)
    yield "from_device_pinned_bytes_per_s", lambda: between(pinned(), back=True)


def arithmetic(card: Card, blas: Blas, mode: int, side: int, seconds: float) -> float:
    """Operations a second of a product of random square matrices.

    Zeros and ones would draw less power, and let the card run faster than any network does.

    Raises:
        CudaError: the card has no TF32, or no memory for the matrices.
        ValueError: the product is not that of the matrices.
    """
    if mode == _TF32 and card.capability()[0] < _TF32_SINCE:
        raise ValueError("the card has none (compute capability {}.{})".format(*card.capability()))
    # A length that divides no side, so that no column is like another; one array at a time, for
    # the host may have less memory than the card.
    blocks = np.random.default_rng(0).standard_normal((2, 1_000_003), np.float32)
    places = [card.memory(4 * side * side) for _ in range(3)]
    for place, block in zip(places, blocks, strict=False):
        card.send(place, np.resize(block, side * side))
    blas.set_mode(mode)

    def once() -> None:
        blas.product(side, places)
        card.wait()

    shortest = best(once, seconds)
    first = np.zeros(1, np.float32)
    card.bring(first, places[2])
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
    """All rates; None, with the reason in `failed`, for one that could not be measured."""
    names = ["flops_per_s", "tf32_flops_per_s", "bytes_per_s"]
    for kind in ("", "pinned_"):
        names += [f"{way}_device_{kind}bytes_per_s" for way in ("to", "from")]
    found: dict[str, Any] = dict.fromkeys(names)
    failed: dict[str, str] = {}
    driver, said = start()
    try:
        if driver is None:
            raise OSError(said["error"])
        card = Card(driver)
        measured = dict(copies(card, copied, seconds))
    except (OSError, CudaError) as error:
        return found | {"failed": dict.fromkeys(names, str(error))}
    try:
        blas = Blas(pythons)
        found["library"] = blas.path
        measured["flops_per_s"] = lambda: arithmetic(card, blas, _FLOAT32, side, seconds)
        measured["tf32_flops_per_s"] = lambda: arithmetic(card, blas, _TF32, side, seconds)
    except OSError as error:
        failed |= dict.fromkeys(names[:2], str(error))
    for name, rate in measured.items():
        try:
            found[name] = rate()
        except (OSError, CudaError, ValueError) as error:
            failed[name] = str(error)
    return found | {"failed": failed}


def main(arguments: list[str]) -> None:
    """Measure and print."""
    print(json.dumps(rates(arguments)))
