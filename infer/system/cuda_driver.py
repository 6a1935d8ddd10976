"""The CUDA driver's library, called without a framework.

Every framework depends on it: if it does not start, none of them does, and each reports that in
different words.
"""

from __future__ import annotations

import ctypes
from typing import Any

LIBRARY = "libcuda.so.1"
_COPIED_BYTES = 64 << 10
_ALLOCATED_BYTES = 8 << 20


class CudaError(Exception):
    """A call of the driver returned something else than CUDA_SUCCESS."""

    def __init__(self, call: str, code: int, name: str) -> None:
        super().__init__(f"{call} returned {code} ({name})")
        self.code = code
        self.name = name


class Driver:
    """The loaded library.

    Raises:
        OSError: this machine has no such library.
    """

    def __init__(self) -> None:
        self._library = ctypes.CDLL(LIBRARY)

    def name(self, code: int) -> str:
        """The driver's name of a result, such as CUDA_ERROR_OPERATING_SYSTEM for 304."""
        text = ctypes.c_char_p()
        known = self._library.cuGetErrorName(ctypes.c_int(code), ctypes.byref(text)) == 0
        return text.value.decode() if known and text.value else f"CUDA error {code}"

    def initialise(self) -> int:
        """Start the driver in this process; its result, 0 for success."""
        return int(self._library.cuInit(ctypes.c_uint(0)))

    def version(self) -> str:
        """The driver's version of CUDA, such as "13.0"."""
        number = ctypes.c_int()
        self.call("cuDriverGetVersion", ctypes.byref(number))
        return f"{number.value // 1000}.{number.value % 1000 // 10}"

    def devices(self) -> int:
        """Number of cards that this process sees."""
        count = ctypes.c_int()
        self.call("cuDeviceGetCount", ctypes.byref(count))
        return count.value

    def try_context(self) -> None:
        """Do on the first card what every framework does: make a context, allocate memory, copy.

        Raises:
            CudaError: a call failed.
            ValueError: the bytes that were copied back differ from those that were sent.
        """
        device, context, memory = ctypes.c_int(), ctypes.c_void_p(), ctypes.c_uint64()
        self.call("cuDeviceGet", ctypes.byref(device), ctypes.c_int(0))
        self.call("cuDevicePrimaryCtxRetain", ctypes.byref(context), device)
        try:
            self.call("cuCtxSetCurrent", context)
            size = ctypes.c_size_t(_COPIED_BYTES)
            self.call("cuMemAlloc_v2", ctypes.byref(memory), ctypes.c_size_t(_ALLOCATED_BYTES))
            sent = bytes(range(256)) * (_COPIED_BYTES // 256)
            back = ctypes.create_string_buffer(_COPIED_BYTES)
            self.call("cuMemcpyHtoD_v2", memory, sent, size)
            self.call("cuMemcpyDtoH_v2", back, memory, size)
            self.call("cuMemFree_v2", memory)
        finally:
            self.call("cuDevicePrimaryCtxRelease_v2", device)
        if back.raw != sent:
            raise ValueError("what was copied to the card did not come back the same")

    def call(self, function: str, *arguments: Any) -> None:
        """Call a function of the library.

        Raises:
            CudaError: the function failed.
        """
        code = int(getattr(self._library, function)(*arguments))
        if code != 0:
            raise CudaError(function, code, self.name(code))


def start() -> tuple[Driver | None, dict[str, Any]]:
    """Start the driver in this process.

    Returns:
        The driver if it started, and the result: "cuinit", the driver's result code, or None if
        there is no driver; "name" of the code; its "version" of CUDA; "devices", the number of
        cards; "error" in words, or None.
    """
    result: dict[str, Any] = dict.fromkeys(("cuinit", "name", "version", "devices", "error"))
    try:
        driver = Driver()
    except OSError as error:
        result["error"] = f"{LIBRARY} cannot be loaded: {error}"
        return None, result
    code = driver.initialise()
    result |= {"cuinit": code, "name": driver.name(code)}
    if code != 0:
        result["error"] = str(CudaError("cuInit", code, result["name"]))
        return None, result
    try:
        result |= {"version": driver.version(), "devices": driver.devices()}
    except CudaError as error:
        result["error"] = str(error)
    return driver, result
