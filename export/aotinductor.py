"""A package of AOTInductor from PyTorch: the network compiled to a shared library.

It runs on the kind of device that it is compiled for, and on the CPU only on processors that have
the instructions of this one: Inductor has the C++ compiler use all of them.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch._inductor
from torch.export.passes import move_to_device_pass

from export.compiling import compiler
from export.cpp_library import shared_library_compiler
from export.signature import Predict
from export.torch_serving import Serving, example, predictor

# As Inductor comes, without search for the fastest kernel, which takes minutes.
_CONFIGURATION = {
    "cpp.dynamic_threads": True,  # or else it takes as many threads as there are cores here
    "compile_threads": 1,
    # They take longer to compile than one network, and say where they lie on this machine.
    "aot_inductor.precompile_headers": False,
    "aot_inductor.enable_line_tables": False,
}


def compile_package(
    module: torch.nn.Module,
    arguments: tuple[Any, ...],
    keywords: dict[str, Any],
    dynamic_shapes: Any,
    path: Path,
    device: str,
) -> None:
    """Export a module and compile it.

    Args:
        module: on the CPU, set to evaluation.
        arguments: to trace it with, on the CPU.
        keywords: arguments by name.
        dynamic_shapes: as `torch.export.export` takes them.
        path: of the .pt2 file to write.
        device: to compile for, "cpu" or "cuda".

    Raises:
        RuntimeError: there is no compiler, or no such device.
    """
    if device == "cuda" and not torch.cuda.is_available():
        raise RuntimeError("a package for cuda is compiled where PyTorch sees a card, not here")
    torch.backends.cudnn.allow_tf32 = False  # of what is decided now and not in a call
    # Traced on the CPU: on a card, the choice of a kernel for batch normalization would become a
    # limit of the batch, which contradicts a symbolic size without one.
    program = torch.export.export(module, arguments, keywords, dynamic_shapes=dynamic_shapes)
    if device != "cpu":
        program = move_to_device_pass(program, device)
    known = torch._inductor.list_options()
    configuration: dict[str, Any] = {
        name: value for name, value in _CONFIGURATION.items() if name in known
    }
    with tempfile.TemporaryDirectory() as folder:
        found = compiler()
        if found is not None and "cpp.cxx" in known:
            configuration["cpp.cxx"] = (shared_library_compiler(found, Path(folder)),)
        torch._inductor.aoti_compile_and_package(
            program, package_path=str(path), inductor_configs=configuration
        )


def export(weights: Mapping[str, np.ndarray], size: int, path: Path, device: str) -> Predict:
    """Write a .pt2 file of a symbolic batch for a device."""
    model = Serving(weights)
    shapes = {"image": {0: torch.export.Dim("batch")}}
    compile_package(model, (example(size),), {}, shapes, path, device)
    return predictor(model)
