"""A program of `torch.export` in PyTorch."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch.export.passes import move_to_device_pass
from torch.utils import _pytree

from infer.artifact import Signature, TensorSpec
from infer.errors import ArtifactError, DamagedError
from infer.readers.torch_export import examples
from infer.runtimes.base import Arrays, Options, Setting, chosen
from infer.runtimes.torch_values import leaves

SETTINGS = (
    # Called operator by operator, or compiled by Inductor, which takes a C++ compiler.
    Setting("compile", "off", "off", ("on",)),
    # The autograd that one has without choosing keeps what a backward pass would need.
    Setting("autograd", "off", "on"),
    Setting("threads", "given", "own"),
)


class TorchExport:
    """An exported program as a module."""

    def __init__(self, path: Path, options: Options) -> None:
        self._settings = chosen(SETTINGS, options)
        if self._settings["threads"] == "given":
            torch.set_num_threads(options.threads)
        torch.backends.cuda.matmul.allow_tf32 = False
        torch.backends.cudnn.allow_tf32 = False
        if options.device == "cuda" and not torch.cuda.is_available():
            raise RuntimeError("PyTorch sees no CUDA device")
        self._device = torch.device(options.device)
        program = _program(path)
        if options.device == "cuda":
            program = move_to_device_pass(program, "cuda")
        self.notes: list[str] = []
        self._in_spec = program.call_spec.in_spec
        # Of each leaf of the arguments, the name of a tensor that is given, or a fixed value.
        self._arguments: list[tuple[str | None, Any]] = []
        self.signature = self._signature(program, options.manifest.get("signature"))
        self._outputs = [spec.name for spec in self.signature.outputs]
        self._call: Callable[..., Any] = program.module()
        if self._settings["compile"] == "on":
            self._call = torch.compile(self._call, dynamic=True)
        self._last: list[torch.Tensor] = []

    def _signature(self, program: Any, stated: Any) -> Signature:
        """Names and shapes as the graph has them, or as the manifest calls them."""
        values = {node.name: node.meta.get("val") for node in program.graph.nodes}
        inputs = []
        for leaf in program.graph_signature.user_inputs:
            value = values.get(leaf) if isinstance(leaf, str) else leaf
            if isinstance(value, torch.SymInt | torch.SymFloat):
                raise NotImplementedError(f"the input '{leaf}' is a number that may change")
            if isinstance(value, torch.Tensor):
                inputs.append(_spec(leaf, value))
                self._arguments.append((leaf, None))
            else:
                self._arguments.append((None, value))
        fixed = [str(value) for name, value in self._arguments if name is None]
        if fixed:
            self.notes.append(f"arguments that the graph holds: {', '.join(fixed)}")
        found = [values.get(name, name) for name in program.graph_signature.user_outputs]
        result = _pytree.tree_unflatten(found, program.call_spec.out_spec)
        outputs = [_spec(name, value) for name, value in leaves(result)]
        if program.graph_signature.buffers_to_mutate or _changes(program):
            self.notes.append("keeps state from call to call")
        if not stated:
            return Signature(tuple(inputs), tuple(outputs))
        named = Signature.of(stated)
        if len(named.inputs) != len(inputs) or len(named.outputs) != len(outputs):
            raise ValueError(
                f"the manifest states {len(named.inputs)} inputs and {len(named.outputs)} outputs, "
                f"the program has {len(inputs)} and {len(outputs)}"
            )
        names = iter(spec.name for spec in named.inputs)
        self._arguments = [(own and next(names), value) for own, value in self._arguments]
        return named

    def run(self, inputs: Arrays) -> Arrays:
        """Host arrays in, host arrays out."""
        return self.fetch(self.run_staged(self._put(inputs)))

    def stage(self, inputs: Arrays) -> tuple[Any, Any]:
        """Arguments on the device; on the CPU they share the arrays' memory."""
        staged = self._put(inputs)
        self.sync(None)
        return staged

    def _put(self, inputs: Arrays) -> tuple[Any, Any]:
        flat = [
            value if name is None else torch.from_numpy(inputs[name]).to(self._device)
            for name, value in self._arguments
        ]
        args, kwargs = _pytree.tree_unflatten(flat, self._in_spec)
        return args, kwargs

    def run_staged(self, staged: tuple[Any, Any]) -> Any:
        """Call the module; on a GPU the result may be unfinished."""
        args, kwargs = staged
        with torch.inference_mode(self._settings["autograd"] == "off"):
            return self._call(*args, **kwargs)

    def sync(self, result: Any) -> None:
        """Wait for the device."""
        if self._device.type == "cuda":
            torch.cuda.synchronize()

    def fetch(self, result: Any) -> Arrays:
        """Copy the outputs to the host, which waits for them."""
        self._last = [value for _, value in leaves(result)]
        return {
            name: value.detach().cpu().numpy()
            for name, value in zip(self._outputs, self._last, strict=True)
        }

    def bare(self, inputs: Arrays) -> Callable[[], object]:
        """A call of the module on tensors of the arrays."""
        put, module = self._put, self._call

        def call() -> object:
            args, kwargs = put(inputs)
            with torch.inference_mode(self._settings["autograd"] == "off"):
                result = module(*args, **kwargs)
            return [value.detach().cpu().numpy() for _, value in leaves(result)]

        return call

    def placement(self) -> dict[str, Any]:
        """Where the last outputs were."""
        ran_on = {value.device.type for value in self._last}
        return {
            "device": "cuda" if ran_on == {"cuda"} else "cpu",
            "devices": sorted(ran_on),
            "threads": torch.get_num_threads(),
            "tf32": False,
            "settings": self._settings,
        }


def _program(path: Path) -> torch.export.ExportedProgram:
    """Load the program, if that opens no pickle that may be more than tensors."""
    try:
        # The restricted loader makes tensors and containers only.
        torch.load(io.BytesIO(examples(path)), weights_only=True)  # noqa: TID251
    except DamagedError as error:
        raise ValueError(str(error)) from None
    except ArtifactError as error:
        raise NotImplementedError(str(error)) from None
    except Exception as error:
        # PyTorch would open them without the restriction then.
        raise NotImplementedError(
            "its example inputs are a pickle of more than tensors, which is never opened "
            f"({type(error).__name__})"
        ) from None
    return torch.export.load(path)


def _spec(name: str, value: torch.Tensor) -> TensorSpec:
    sizes = tuple(size if isinstance(size, int) else str(size) for size in value.shape)
    return TensorSpec(name, sizes, str(value.dtype).removeprefix("torch."))


def _changes(program: torch.export.ExportedProgram) -> bool:
    """Whether a call changes a buffer in place."""
    buffers = set(program.graph_signature.inputs_to_buffers)
    return any(
        node.op == "call_function"
        and getattr(getattr(node.target, "_schema", None), "is_mutable", False)
        and bool(node.args)
        and getattr(node.args[0], "name", None) in buffers
        for node in program.graph.nodes
    )


def devices() -> list[str]:
    """What PyTorch can run on here."""
    names = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    return ["cpu", *names]


def load(path: Path, options: Options) -> TorchExport:
    """Load a file of torch.export.save."""
    return TorchExport(path, options)
