"""A model that AOTInductor compiled, in PyTorch.

PyTorch's own loader unpacks into a fixed place, which a worker may not write, compiles what a
package holds as C++ only, and opens its pickles. So the package is unpacked here, and the shared
library is given to what that loader gives it to.
"""

from __future__ import annotations

import contextlib
import os
import platform
import shutil
import stat
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from ..formats.aotinductor.reader import Package, read_package, unfit
from ..tensors.signature import Signature
from . import torch_model
from .base import Arrays, Options, chosen
from .memory_errors import last_words
from .torch_model import Staged, TorchModel
from .torch_model import devices as devices
from .torch_model import has_cuda as has_cuda

# The layout of the weights is compiled, and the code has a lock that CUDA graphs do not take.
SETTINGS = tuple(
    setting for setting in torch_model.SETTINGS if setting.name not in ("layout", "cuda-graphs")
)
# All that Python is told of an error in compiled code: which call it was in.
_NO_MORE = "API call failed"
_STDERR = 2  # of a worker, its log
_PROCESSOR_HAS = {
    "AVX2": "_is_avx2_supported",
    "AVX512": "_is_avx512_supported",
    "AVX512_VNNI": "_is_vnni_supported",
    "AMX_TILE": "_is_amx_tile_supported",
}


class AOTInductor(TorchModel):
    """A compiled model, which takes its tensors in one list."""

    _unnamed = (
        "the package does not name its kernels to PyTorch's profiler: compile it with "
        'inductor_configs={"cpp.enable_kernel_profile": True}'
    )

    def __init__(self, path: Path, options: Options) -> None:
        with zipfile.ZipFile(path) as archive:
            package = read_package(archive)
            _check_fit(package, options.device)
            super().__init__(options, chosen(SETTINGS, options))
            folder = _unpack(archive, package, options.scratch)
        runner = _called(_runner, package, folder, options.device)
        if options.device == "cpu":
            shutil.rmtree(folder)  # the library stays mapped; kernels of a GPU are read later
        self._call: Callable[..., Any] = lambda *tensors: _called(runner.run, list(tensors))
        self.notes += package.notes
        self.signature = _signature(package, options.manifest.get("signature"))
        self._outputs = [spec.name for spec in self.signature.outputs] or None
        self._orders = [_order(strides) for strides in package.strides]

    def _put(self, inputs: Arrays) -> Staged:
        """The code takes the strides of its inputs for granted: they are made so."""
        tensors = []
        for spec, order in zip(self.signature.inputs, self._orders, strict=True):
            tensor = torch.from_numpy(inputs[spec.name])
            if order is None:
                tensor = tensor.contiguous()
            else:
                back = sorted(range(len(order)), key=order.__getitem__)
                tensor = tensor.permute(order).contiguous().permute(back)
            tensors.append(tensor.to(self._device))
        return tuple(tensors), {}


def _check_fit(package: Package, device: str) -> None:
    """Whether the package can run here, where that can be told before its code is loaded.

    Raises:
        NotImplementedError: it cannot.
    """
    if problem := unfit(package, device, platform.machine()):
        raise NotImplementedError(problem)
    for name in package.instructions:
        supported = getattr(torch.cpu, _PROCESSOR_HAS.get(name, ""), None)
        if supported and not supported():
            raise NotImplementedError(
                f"compiled for a processor with {name}, which this one has not: compile it here"
            )


def _unpack(archive: zipfile.ZipFile, package: Package, scratch: Path) -> Path:
    """A folder with the files of the package, without its C++.

    It lies where the worker may write, and goes with what else a worker leaves there.
    """
    wanted = {name: info for name, info in package.files.items() if not name.endswith(".cpp")}
    scratch.mkdir(exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="aotinductor-", dir=scratch))
    for name, info in wanted.items():  # names without folders, as the reader sees to
        with archive.open(info) as packed, (folder / name).open("wb") as file:
            shutil.copyfileobj(packed, file, 1 << 20)
    return folder


def _runner(package: Package, folder: Path, device: str) -> Any:
    library = str(folder / package.library)
    aoti: Any = torch._C._aoti
    if device == "cpu":
        return aoti.AOTIModelContainerRunnerCpu(library, 1)
    return aoti.AOTIModelContainerRunnerCuda(library, 1, device, str(folder))


def _called(call: Callable[..., Any], *arguments: Any) -> Any:
    """Call what ends in compiled code.

    Raises:
        torch.OutOfMemoryError: memory was short: PyTorch only prints what an error there was.
    """
    try:
        return call(*arguments)
    except RuntimeError as error:
        if _NO_MORE in str(error) and stat.S_ISREG(os.fstat(_STDERR).st_mode):
            with contextlib.suppress(OSError):
                if last_line := last_words(Path(f"/proc/self/fd/{_STDERR}")):
                    raise torch.OutOfMemoryError(last_line) from error
        raise


def _signature(package: Package, stated: Any) -> Signature:
    """As the package has it, or as the manifest calls it."""
    packaged = Signature(package.inputs, package.outputs)
    if not stated:
        return packaged
    named = Signature.from_dict(stated)
    if len(named.inputs) != len(packaged.inputs) or len(named.outputs) != len(packaged.outputs):
        raise ValueError(
            f"the manifest states {len(named.inputs)} inputs and {len(named.outputs)} outputs, "
            f"the package has {len(packaged.inputs)} and {len(packaged.outputs)}"
        )
    return named


def _order(strides: dict[int, int]) -> list[int] | None:
    """The dimensions from the slowest to the fastest; None for C's order, or where it is unsaid."""
    if sorted(strides) != list(range(len(strides))):
        return None
    order = sorted(strides, key=lambda dimension: -strides[dimension])
    return None if order == sorted(order) else order


def load(path: Path, options: Options) -> AOTInductor:
    """Load a package of `torch._inductor.aoti_compile_and_package`."""
    return AOTInductor(path, options)
