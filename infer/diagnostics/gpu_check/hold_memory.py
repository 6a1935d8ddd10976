"""Hold a card's memory, so that others find little: `python hold_memory.py LEFT_BYTES`.

In a process of its own, through the driver alone. It prints what it holds as JSON and holds it
until its standard input ends.
"""

import ctypes
import json
import sys

# What is taken at once, and the least that there is: where one does not fit, half of it may.
_PIECE, _LEAST = 256 << 20, 2 << 20


def main(left: int) -> None:
    """Take all of the first visible card's memory but for so many bytes."""
    cuda = ctypes.CDLL("libcuda.so.1")

    def call(name: str, *arguments: object) -> None:
        status = getattr(cuda, name)(*arguments)
        if status:
            raise SystemExit(f"{name}: error {status}")

    device, context = ctypes.c_int(), ctypes.c_void_p()
    free, total, place = ctypes.c_size_t(), ctypes.c_size_t(), ctypes.c_uint64()
    call("cuInit", 0)
    call("cuDeviceGet", ctypes.byref(device), 0)
    call("cuDevicePrimaryCtxRetain", ctypes.byref(context), device)
    call("cuCtxSetCurrent", context)
    held, piece = 0, _PIECE
    while piece >= _LEAST:
        call("cuMemGetInfo_v2", ctypes.byref(free), ctypes.byref(total))
        size = min(piece, free.value - left)
        if size <= 0:
            break
        if cuda.cuMemAlloc_v2(ctypes.byref(place), ctypes.c_size_t(size)):
            piece //= 2
        else:
            held += size
    call("cuMemGetInfo_v2", ctypes.byref(free), ctypes.byref(total))
    print(json.dumps({"held_bytes": held, "free_bytes": free.value}), flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main(int(sys.argv[1]))
