"""The shared libraries that this process has mapped, and the versions of CUDA's among them."""

from __future__ import annotations

import ctypes
import re
from collections.abc import Iterable
from pathlib import Path

# The driver's own libraries (libcuda, libnvidia-*) belong to the system, not to a runtime.
_OF_CUDA = re.compile(
    r"lib(cudart|cudnn|cublas|cufft|cufile|cupti|curand|cusolver|cusparse|nccl|nvinfer|nvJitLink|nvToolsExt"
    r"|nvrtc|nvshmem)[\w.-]*\.so"
)


def mapped() -> list[Path]:
    """List the mapped shared libraries by their resolved paths, each once."""
    libraries = set()
    for line in Path("/proc/self/maps").read_text().splitlines():
        path = line[line.find("/") :] if "/" in line else ""
        if ".so" in path and not path.endswith(" (deleted)"):
            libraries.add(Path(path))
    return sorted(libraries)


def of_cuda(libraries: Iterable[Path]) -> list[Path]:
    """Select the libraries that belong to CUDA, without the driver's."""
    return [path for path in libraries if _OF_CUDA.match(path.name)]


def cuda_versions(libraries: Iterable[Path]) -> dict[str, str]:
    """Ask the loaded libraries for the versions of CUDA's runtime and of cuDNN.

    If CUDA's runtime is compiled into a framework, no library is loaded, and it is left out.
    """
    versions = {}
    for path in libraries:
        try:
            if path.name.startswith("libcudart."):
                value = ctypes.c_int()
                ctypes.CDLL(str(path)).cudaRuntimeGetVersion(ctypes.byref(value))
                versions["CUDA"] = f"{value.value // 1000}.{value.value % 1000 // 10}"
            elif path.name.startswith("libcudnn."):
                tell = ctypes.CDLL(str(path)).cudnnGetVersion
                tell.restype = ctypes.c_size_t
                versions["cuDNN"] = _cudnn(tell())
        except (OSError, AttributeError):
            continue  # not the library that its name suggests
    return versions


def _cudnn(number: int) -> str:
    """Decode CUDNN_VERSION, whose scale changed with version 9."""
    scale = 10_000 if number >= 90_000 else 1_000
    return f"{number // scale}.{number % scale // 100}.{number % 100}"
