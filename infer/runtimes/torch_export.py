"""A program of `torch.export` in PyTorch."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch.export.graph_signature import (
    ConstantArgument,
    InputKind,
    OutputKind,
    TensorArgument,
)
from torch.export.passes import move_to_device_pass
from torch.utils import _pytree

from ..tensors.signature import Signature, TensorSpec
from ..tensors.size_limits import SizeLimits
from . import torch_model
from .base import STATELESS, Arrays, Options, Setting, chosen
from .torch_model import Staged, TorchModel, buffers_reset
from .torch_model import devices as devices
from .torch_model import has_cuda as has_cuda
from .torch_values import devices_of, leaves

SETTINGS = (
    # Called operator by operator, or compiled by Inductor, which needs a C++ compiler.
    Setting("compile", "off", "off", ("on",)),
    *torch_model.SETTINGS,
)


class TorchExport(TorchModel):
    """An exported program as a module."""

    def __init__(self, path: Path, options: Options) -> None:
        super().__init__(options, chosen(SETTINGS, options))
        program = _program(path)
        if options.device != "cpu" or "cuda" in devices_of(list(program.state_dict.values())):
            program = move_to_device_pass(program, options.device)
        self._in_spec = program.call_spec.in_spec
        # Of each leaf of the arguments, the name of a tensor that is given, or a fixed value.
        self._arguments: list[tuple[str | None, Any]] = []
        self.signature = self._signature(program, options.manifest.get("signature"))
        self._outputs = [spec.name for spec in self.signature.outputs]
        module = self._laid_out(program.module())
        self._call = module
        self._module = module if self._changes_state else None
        if self._settings["compile"] == "on":
            _prepare_to_compile()
            self._unseen = ("PyTorch's profiler does not see all that Inductor compiles",)
            self._call = torch.compile(self._call, dynamic=True)
        self._call = self._graphed(self._call)

    def _signature(self, program: torch.export.ExportedProgram, stated: Any) -> Signature:
        """Names and shapes as the graph has them, or as the manifest calls them."""
        values = {node.name: node.meta.get("val") for node in program.graph.nodes}
        inputs, limits = [], []
        for given in program.graph_signature.input_specs:
            argument = given.arg
            if given.kind != InputKind.USER_INPUT:
                continue
            if isinstance(argument, TensorArgument):
                inputs.append(_spec(argument.name, values[argument.name]))
                limits.append(_size_limits(values[argument.name], program.range_constraints))
                self._arguments.append((argument.name, None))
            elif isinstance(argument, ConstantArgument):
                self._arguments.append((None, argument.value))
                self.notes.append(f"{argument.name}: always {argument.value}")
            else:
                raise NotImplementedError(
                    f"the input '{argument.name}' is a number that may change"
                )
        returned = [
            output.arg.value
            if isinstance(output.arg, ConstantArgument)
            else values[output.arg.name]
            for output in program.graph_signature.output_specs
            if output.kind == OutputKind.USER_OUTPUT
        ]
        result = _pytree.tree_unflatten(returned, program.call_spec.out_spec)
        outputs = [_spec(name, value) for name, value in leaves(result)]
        self._changes_state = bool(program.graph_signature.buffers_to_mutate or _changes(program))
        if self._changes_state:
            self.notes.append("keeps state from call to call")
        named = Signature.from_dict(stated) if stated else Signature(tuple(inputs), tuple(outputs))
        if len(named.inputs) != len(inputs) or len(named.outputs) != len(outputs):
            raise ValueError(
                f"the manifest states {len(named.inputs)} inputs and {len(named.outputs)} outputs, "
                f"the program has {len(inputs)} and {len(outputs)}"
            )
        names = iter(spec.name for spec in named.inputs)
        self._arguments = [(is_input and next(names), value) for is_input, value in self._arguments]
        self.size_limits = {
            (spec.name, axis): limit
            for spec, by_axis in zip(named.inputs, limits, strict=True)
            for axis, limit in by_axis.items()
        }
        return named

    def state_reset(self) -> Callable[[], object]:
        """Copy the present values back into the buffers."""
        if self._module is None:
            return STATELESS
        return buffers_reset(self._module)

    def _put(self, inputs: Arrays) -> Staged:
        flat = [
            value if name is None else torch.from_numpy(inputs[name]).to(self._device)
            for name, value in self._arguments
        ]
        args, kwargs = _pytree.tree_unflatten(flat, self._in_spec)
        return args, kwargs


def _prepare_to_compile() -> None:
    """Have Inductor keep what it makes where the worker may write, and start no helpers.

    The user's own caches may not be written, and would let one artifact leave code to another.
    Processes that compile at the same time would stay, beside what is timed.

    Raises:
        NotImplementedError: there is no C++ compiler.
    """
    caches = Path(tempfile.gettempdir()) / "compiled"
    os.environ["TORCHINDUCTOR_CACHE_DIR"] = str(caches)
    os.environ["TRITON_CACHE_DIR"] = str(caches / "triton")
    compiler = os.environ.get("CXX", "g++")
    if shutil.which(compiler) is None:
        raise NotImplementedError(
            f"compile=on needs a C++ compiler, and '{compiler}' is not here: install g++, or name "
            "one in CXX"
        )
    from torch._inductor import config

    config.compile_threads = 1


class _PickleError(Exception):
    """A pickle that makes more than tensors and containers."""


class _Guard:
    """Keeps pickles closed while it is entered, whatever way PyTorch takes to open one.

    PyTorch opens those of tensors with a loader of its own, which makes tensors and containers
    only. Where that refuses, or an archive says so, it goes on with Python's, which tells the
    interpreter of every class or function that it looks up.
    """

    def __init__(self) -> None:
        self._closed = False
        sys.addaudithook(self._heard)

    def _heard(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self._closed and event == "pickle.find_class":
            raise _PickleError(".".join(map(str, arguments)))

    def __enter__(self) -> None:
        self._closed = True

    def __exit__(self, *error: object) -> None:
        self._closed = False


_NO_PICKLES = _Guard()


def _program(path: Path) -> torch.export.ExportedProgram:
    try:
        with _NO_PICKLES:
            return torch.export.load(path)
    except _PickleError as error:
        raise NotImplementedError(
            f"it holds a pickle of more than tensors ({error}), which is never opened; export the "
            "module without custom objects and tensor subclasses"
        ) from None


def _spec(name: str, value: Any) -> TensorSpec:
    if not isinstance(value, torch.Tensor):
        value = torch.tensor(value)
    sizes = tuple(size if isinstance(size, int) else str(size) for size in value.shape)
    return TensorSpec(name, sizes, str(value.dtype).removeprefix("torch."))


def _size_limits(value: Any, ranges: Mapping[Any, Any]) -> dict[int, SizeLimits]:
    """The least and largest size of each free axis, as the program's constraints state them."""
    limits = {}
    for axis, size in enumerate(getattr(value, "shape", ())):
        stated = None if isinstance(size, int) else ranges.get(size.node.expr)
        if stated is None:
            continue
        # An unbounded size has an infinity that is no integer. PyTorch starts ranges at 2 where
        # nothing is stated, and its programs take 1 all the same.
        least, most = (int(end) if end.is_Integer else None for end in (stated.lower, stated.upper))
        limits[axis] = SizeLimits(1, least if least and least > 2 else 1, most)
    return limits


def _changes(program: torch.export.ExportedProgram) -> bool:
    """Whether a call changes a buffer, or a view of one, in place."""
    buffers = set(program.graph_signature.inputs_to_buffers)
    for node in program.graph.nodes:
        schema = getattr(node.target, "_schema", None)
        first = getattr(node.args[0], "name", None) if node.args else None
        if node.op != "call_function" or schema is None or first not in buffers:
            continue
        if schema.is_mutable:
            return True
        if any(value.alias_info for value in schema.returns):
            buffers.add(node.name)
    return False


def load(path: Path, options: Options) -> TorchExport:
    """Load a file of torch.export.save."""
    return TorchExport(path, options)
