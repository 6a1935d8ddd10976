"""What the driver says of this machine's NVIDIA cards, as JSON: `python tools/card.py`.

A process of its own: it starts the driver, and sees the cards that $CUDA_VISIBLE_DEVICES hides.
It takes the standard library alone. The functions are of CUDA's driver API.
"""

from __future__ import annotations

import ctypes
import json
import os

_NO_DEVICE = 100
_CAPABILITY_MAJOR, _CAPABILITY_MINOR = 75, 76


def card() -> dict[str, object]:
    """The newest `cuda` that the driver runs, times 1,000, and the best card's `capability`.

    Where there is no card, only the `problem`, in words.
    """
    os.environ.pop("CUDA_VISIBLE_DEVICES", None)
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return {"problem": "no NVIDIA driver"}
    status = driver.cuInit(0)
    if status == _NO_DEVICE:
        return {"problem": "no NVIDIA card"}
    if status:
        return {"problem": f"the NVIDIA driver does not start (cuInit gives {status})"}
    cuda, count = ctypes.c_int(), ctypes.c_int()
    driver.cuDriverGetVersion(ctypes.byref(cuda))
    driver.cuDeviceGetCount(ctypes.byref(count))
    capabilities = []
    for index in range(count.value):
        device = ctypes.c_int()
        driver.cuDeviceGet(ctypes.byref(device), index)
        capability = []
        for attribute in (_CAPABILITY_MAJOR, _CAPABILITY_MINOR):
            value = ctypes.c_int()
            driver.cuDeviceGetAttribute(ctypes.byref(value), attribute, device)
            capability.append(value.value)
        capabilities.append(capability)
    if not capabilities:
        return {"problem": "no NVIDIA card"}
    return {"cuda": cuda.value, "capability": max(capabilities)}


if __name__ == "__main__":
    print(json.dumps(card()))
