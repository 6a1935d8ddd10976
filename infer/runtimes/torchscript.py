"""TorchScript in PyTorch."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..tensors.dtypes import ANY
from ..tensors.signature import Signature, TensorSpec
from . import torch_model
from .base import Arrays, Options, Setting, chosen
from .torch_model import Staged, TorchModel
from .torch_model import devices as devices
from .torch_model import has_cuda as has_cuda
from .torchscript_state import attributes_reset, nodes_of

SETTINGS = (
    # "frozen" takes the weights into the graph; "optimized" then folds and fuses for oneDNN too.
    Setting("graph", "optimized", "loaded", ("frozen",), "cpu"),
    # On a GPU optimizing fuses into convolutions with bias and activation that cuDNN has no
    # algorithm for in some layouts, or a slow one, and that fails only when it is called.
    Setting("graph", "frozen", "loaded", (), "cuda"),
    *torch_model.SETTINGS,
)
_FORWARD = "forward"
# A number that is no tensor, as the program declares it: the type to read it in, and to give it.
_SCALARS: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "int": ("int64", int),
    "float": ("float64", float),
    "bool": ("bool", bool),
    "complex": ("complex128", complex),
    "number": ("float64", float),
}


class TorchScript(TorchModel):
    """A method of a scripted or traced module, `forward` unless another is asked for."""

    def __init__(self, path: Path, options: Options) -> None:
        settings = chosen(SETTINGS, options)
        if options.profiled and settings["graph"] == "optimized":
            settings["graph"] = "frozen"
            self._unseen = (
                "PyTorch's profiler does not see the convolutions of a graph that is optimized for "
                "inference: the graph of the profile is frozen only",
            )
        super().__init__(options, settings)
        method = options.signature or _FORWARD
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            module = torch.jit.load(str(path), map_location=self._device).eval()
            module = self._laid_out(module)
            schema = _schema(module, method)
            prepared = self._prepared(module, method)
        self._module, self._method = prepared, method
        self._call = self._graphed(prepared if method == _FORWARD else getattr(prepared, method))
        # Names, order and shapes of tensors are not in the file.
        stated = options.manifest.get("signature")
        self._arguments, self._defaulted = _split(
            schema, Signature.from_dict(stated) if stated else None
        )
        self.defaults = [spec for argument in self._defaulted for spec in argument.specs()]
        declared = [spec for argument in self._arguments for spec in argument.specs()]
        graph = getattr(module, method).graph
        self.signature = (
            Signature.from_dict(stated) if stated else _signature(declared, schema, graph)
        )
        if len(self.signature.inputs) != len(declared):
            raise ValueError(
                f"the manifest states {len(self.signature.inputs)} inputs, the module takes "
                f"{len(declared)}"
            )
        self._inputs = [spec.name for spec in self.signature.inputs]
        self._outputs = [spec.name for spec in self.signature.outputs] if stated else None

    def _prepared(self, module: torch.jit.ScriptModule, method: str) -> torch.jit.ScriptModule:
        others = [] if method == _FORWARD else [method]
        graph = self._settings["graph"]
        if graph == "optimized":
            try:
                module = torch.jit.optimize_for_inference(module, others)
            except RuntimeError as error:
                self.notes.append(f"its graph is frozen only: optimizing failed ({_line(error)})")
                graph = "frozen"
        if graph == "frozen":
            module = torch.jit.freeze(module, preserved_attrs=others)
        if _changes(getattr(module, method).inlined_graph):
            self.notes.append("keeps state from call to call")
        return module

    def take(self, names: Collection[str]) -> None:
        """Call with these arguments too; of a tuple, all parts must be among them.

        Raises:
            ValueError: a part of a tuple is missing.
        """
        for argument in self._defaulted:
            parts = [spec.name for spec in argument.specs()]
            if given := [name for name in parts if name in names]:
                if given != parts:
                    missing = next(name for name in parts if name not in names)
                    raise ValueError(f"of '{argument.name}' '{missing}' is not given")
                self._arguments.append(argument)
                self._inputs += parts
        super().take(names)

    def state_reset(self) -> Callable[[], object] | None:
        """Set the attributes back; None if a call may change what cannot be set back."""
        return attributes_reset(self._module, getattr(self._module, self._method).inlined_graph)

    def _put(self, inputs: Arrays) -> Staged:
        arrays = iter([inputs[name] for name in self._inputs])
        return (), {
            argument.name: argument.value(arrays, self._device) for argument in self._arguments
        }


class _Argument:
    """An argument of the method and the arrays that it is made of."""

    def __init__(self, argument: Any) -> None:
        self.name: str = argument.name
        self._type = argument.type
        self.has_default = argument.has_default_value()
        self.value = _converter(argument.type)

    def specs(self) -> list[TensorSpec]:
        """One for each array; a tuple has several."""
        return list(_specs(self.name, self._type))


def _split(schema: Any, stated: Signature | None) -> tuple[list[_Argument], list[_Argument]]:
    """The arguments to call with, and those that have a default and are not stated."""
    names = {spec.name for spec in stated.inputs} if stated else set()
    arguments = [_Argument(argument) for argument in schema.arguments[1:]]
    left = [
        argument.name
        for argument in arguments
        if argument.has_default and argument.name not in names
    ]
    return (
        [argument for argument in arguments if argument.name not in left],
        [argument for argument in arguments if argument.name in left],
    )


def _line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[-1][:200]


def _kind(declared: Any) -> str:
    text = str(declared.annotation_str)
    return text[len("Optional[") : -1] if text.startswith("Optional[") else text


def _elements(declared: Any) -> list[Any] | None:
    return list(declared.elements()) if declared.kind() == "TupleType" else None


def _specs(name: str, declared: Any) -> Iterator[TensorSpec]:
    elements, kind = _elements(declared), _kind(declared)
    if elements is not None:
        for index, element in enumerate(elements):
            yield from _specs(f"{name}.{index}", element)
    elif kind == "Tensor" or kind == "List[Tensor]":
        yield TensorSpec(name, None, ANY)
    elif kind in _SCALARS:
        yield TensorSpec(name, (), _SCALARS[kind][0])
    else:
        raise NotImplementedError(f"the argument '{name}' is of type {kind}")


def _converter(declared: Any) -> Callable[[Iterator[np.ndarray], torch.device], Any]:
    """From arrays to an argument, of as many as it needs; made once, since calls are timed."""
    elements = _elements(declared)
    if elements is not None:
        parts = [_converter(element) for element in elements]
        return lambda arrays, device: tuple(part(arrays, device) for part in parts)
    kind = _kind(declared)
    if kind in _SCALARS:
        convert = _SCALARS[kind][1]
        return lambda arrays, device: convert(next(arrays).reshape(-1)[0])
    if kind == "List[Tensor]":
        return lambda arrays, device: list(torch.from_numpy(next(arrays)).to(device))
    return lambda arrays, device: torch.from_numpy(next(arrays)).to(device)


class _Returned:
    """A declared result; of a list or a dictionary no more is known before it is there."""

    def __init__(self, declared: Any) -> None:
        self._type = declared

    def names(self, name: str) -> Iterator[str]:
        """Of its tensors, as `leaves` calls them."""
        elements = _elements(self._type)
        if elements is None:
            yield name
            return
        for index, element in enumerate(elements):
            yield from _Returned(element).names(f"{name}.{index}")


def _returned(schema: Any) -> list[_Returned]:
    declared = [value.type for value in schema.returns]
    if len(declared) == 1 and (elements := _elements(declared[0])) is not None:
        declared = elements
    return [_Returned(kind) for kind in declared]


def _keys(graph: Any) -> list[str]:
    """Of the dictionary that is returned, if it is made of fixed keys and left so."""
    returned = next(graph.outputs())
    made = returned.node()
    if made.kind() != "prim::DictConstruct" or len(returned.uses()) > 1:
        return []
    keys = [value.toIValue() for value in list(made.inputs())[::2]]
    return [] if None in keys else [str(key) for key in keys]


def _signature(inputs: list[TensorSpec], schema: Any, graph: Any) -> Signature:
    """What the file tells: names and, of numbers, types."""
    names = _keys(graph) or [
        name
        for index, value in enumerate(_returned(schema))
        for name in value.names(f"output_{index}")
    ]
    return Signature(tuple(inputs), tuple(TensorSpec(name, None, ANY) for name in names))


def _schema(module: torch.jit.ScriptModule, method: str) -> Any:
    known = sorted(module._c._method_names())
    if method not in known:
        raise ValueError(f"no method '{method}' (there are: {', '.join(known) or 'none'})")
    return getattr(module, method).schema


def _changes(graph: Any) -> bool:
    """Whether a call changes what the module holds: sets an attribute, or a tensor in place."""
    attributes = {node.output().debugName() for node in graph.findAllNodes("prim::GetAttr")}
    return any(
        node.kind() == "prim::SetAttr"
        or (
            re.fullmatch(r"aten::\w*[a-z0-9]_", node.kind())
            and next(iter(node.inputs())).debugName() in attributes
        )
        for node in nodes_of(graph)
    )


def load(path: Path, options: Options) -> TorchScript:
    """Load a TorchScript file."""
    return TorchScript(path, options)
