"""ONNX files in tract, an inference engine in Rust, on the CPU and on one thread."""

from __future__ import annotations

import functools
import mmap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tract
from exportbench.runtimes.base import Arrays, Model, Options, Setting, chosen
from exportbench.tensors.signature import Signature, TensorSpec

SETTINGS = (
    # The graph is prepared for each size of its free dimensions, when a call first has it; or once,
    # for all sizes, which computes more slowly.
    Setting("sizes", "known", "free"),
)
_ONNX_RUNTIME_ONLY = b"ORTM"  # at byte 4
_GRAPH, _OUTPUTS, _NAME = 7, 12, 1  # fields of ONNX's messages
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5  # kinds of fields in protobuf
_DTYPES = {
    tract.DatumType.BOOL: "bool",
    tract.DatumType.U8: "uint8",
    tract.DatumType.U16: "uint16",
    tract.DatumType.U32: "uint32",
    tract.DatumType.U64: "uint64",
    tract.DatumType.I8: "int8",
    tract.DatumType.I16: "int16",
    tract.DatumType.I32: "int32",
    tract.DatumType.I64: "int64",
    tract.DatumType.F16: "float16",
    tract.DatumType.F32: "float32",
    tract.DatumType.F64: "float64",
}
# Sizes as values, which tract keeps as expressions of symbols; numbers once those are known.
_SIZES = "tdim"
# What stands for dimensions that have no name in the file. The first ones are taken for the
# samples, and the same in all inputs.
_FIRST, _OTHER = "_first", "_of_{input}_{axis}"
_PLACEHOLDERS = ("_first", "_of_")
# Words of what tract says where it lacks something, and the file may be good.
_LACKING = ("unimplemented", "not implemented", "unsupported", "not supported")


class Tract(Model):
    """A graph, and what it was prepared to for each size of its free dimensions."""

    def __init__(self, path: Path, options: Options) -> None:
        self._settings = chosen(SETTINGS, options)
        self._path = path
        with path.open("rb") as file:
            if file.read(8)[4:] == _ONNX_RUNTIME_ONLY:
                raise NotImplementedError("a file that ONNX Runtime alone reads (.ort)")
        model = self._typed()
        self._are_sizes = [_are_sizes(fact) for fact in model.output_facts()]
        if self._settings["sizes"] == "free" and any(self._are_sizes):
            raise NotImplementedError("an output is a size, which is known with sizes=known only")
        self.signature = Signature(
            tuple(
                _spec(model.input_name(index), fact)
                for index, fact in enumerate(model.input_facts())
            ),
            tuple(
                _spec(name, fact)
                for name, fact in zip(_output_names(path), model.output_facts(), strict=True)
            ),
        )
        self._inputs = [spec.name for spec in self.signature.inputs]
        self._outputs = [spec.name for spec in self.signature.outputs]
        # The places of each symbol: inputs and axes.
        self._symbols: dict[str, list[tuple[str, int]]] = {}
        for name, fact in zip(self._inputs, model.input_facts(), strict=True):
            for axis, dim in enumerate(fact.dims()):
                if dim.dump().isidentifier():  # what is computed stays free
                    self._symbols.setdefault(dim.dump(), []).append((name, axis))
        self._prepared: dict[tuple[int, ...], tract.Runnable] = {}
        if self._settings["sizes"] == "free":
            self._prepared[()] = _checked(model.into_runnable)
        self.notes: list[str] = []
        if options.threads > 1:
            self.notes.append(f"computes on one thread, though {options.threads} were allowed")

    def _typed(self) -> tract.Model:
        """The graph with the types and shapes of all values, in symbols where they are free."""
        model = _checked(lambda: tract.onnx().load(self._path))
        for index in range(model.input_count()):
            # As in "?,3,224,224,f32".
            *sizes, dtype = model.input_fact(index).dump().split(",")
            named = [
                (_OTHER.format(input=index, axis=axis) if axis else _FIRST) if size == "?" else size
                for axis, size in enumerate(sizes)
            ]
            if named != sizes:
                fact = ",".join([*named, dtype])
                _checked(functools.partial(model.set_input_fact, index, fact))
        return _checked(model.into_model)

    def _runnable(self, inputs: Arrays) -> tract.Runnable:
        """The graph for the sizes of these inputs; the first call with them prepares it."""
        if self._settings["sizes"] == "free":
            return self._prepared[()]
        sizes = tuple(inputs[name].shape[axis] for (name, axis), *_ in self._symbols.values())
        runnable = self._prepared.get(sizes)
        if runnable is None:
            runnable = self._prepared[sizes] = self._prepare(inputs)
        return runnable

    def _prepare(self, inputs: Arrays) -> tract.Runnable:
        values = {}
        for symbol, places in self._symbols.items():
            sizes = {inputs[name].shape[axis] for name, axis in places}
            if len(sizes) > 1:
                where = ", ".join(f"dimension {axis} of '{name}'" for name, axis in places)
                raise ValueError(f"takes the same size in {where}; given {sorted(sizes)}")
            (values[symbol],) = sizes
        model = self._typed()
        if values:
            _checked(lambda: model.transform(tract.SetSymbols(values)))
        return _checked(model.into_runnable)

    def run(self, inputs: Arrays) -> Arrays:
        """Host arrays in, host arrays out."""
        outputs = self._runnable(inputs).run([inputs[name] for name in self._inputs])
        return self.fetch(outputs)

    def stage(self, inputs: Arrays) -> tuple[tract.Runnable, list[tract.Tensor]]:
        """Tensors of tract's own, with the graph that takes them."""
        tensors = [tract.Tensor.from_numpy(inputs[name]) for name in self._inputs]
        return self._runnable(inputs), tensors

    def run_staged(self, staged: tuple[tract.Runnable, list[tract.Tensor]]) -> list[tract.Tensor]:
        """Run on these tensors, which stay as they are."""
        runnable, tensors = staged
        outputs: list[tract.Tensor] = runnable.run(tensors)
        return outputs

    def sync(self, result: list[tract.Tensor]) -> None:
        """A call has ended when it returns."""

    def fetch(self, result: list[tract.Tensor]) -> Arrays:
        """Copy the outputs."""
        return dict(zip(self._outputs, map(self._array, range(len(result)), result), strict=True))

    def _array(self, index: int, tensor: tract.Tensor) -> np.ndarray:
        if self._are_sizes[index]:
            tensor = tensor.convert_to(tract.DatumType.I64)
        array: np.ndarray = tensor.to_numpy()
        return array

    def raw_call(self, inputs: Arrays) -> Callable[[], object]:
        """A call of the graph."""
        runnable, arrays = self._runnable(inputs), [inputs[name] for name in self._inputs]
        if any(self._are_sizes):
            return lambda: self.fetch(runnable.run(arrays))
        return lambda: [tensor.to_numpy() for tensor in runnable.run(arrays)]

    def placement(self) -> dict[str, Any]:
        """On the CPU and one thread: what tract's library has for more is not in its package."""
        return {
            "device": "cpu",
            "devices": ["default"],
            "threads": 1,
            "settings": self._settings,
        }


def _checked(call: Callable[[], Any]) -> Any:
    """The result of a call of tract; errors without the stack.

    Raises:
        NotImplementedError: it lacks something.
        ValueError: it cannot load the graph otherwise.
    """
    try:
        return call()
    except tract.TractError as error:
        text = " ".join(str(error).partition("Stack backtrace:")[0].split())
        if any(word in text.lower() for word in _LACKING):
            raise NotImplementedError(text) from None
        raise ValueError(text) from None


def _are_sizes(fact: tract.Fact) -> bool:
    return bool(fact.dump().rpartition(",")[2] == _SIZES)


def _spec(name: str, fact: tract.Fact) -> TensorSpec:
    try:
        dtype = "int64" if _are_sizes(fact) else _DTYPES[tract.DatumType(fact.datum_type())]
    except (KeyError, ValueError, tract.TractError):
        raise NotImplementedError(f"'{name}' is {fact.dump()}, which is not taken here") from None
    return TensorSpec(name, tuple(_size(dim.dump()) for dim in fact.dims()), dtype)


def _size(text: str) -> int | str | None:
    """A number, a name of the file's, or None for what has none or is computed from others."""
    if text.isdecimal():
        return int(text)
    return text if text.isidentifier() and not text.startswith(_PLACEHOLDERS) else None


def _output_names(path: Path) -> list[str]:
    """The outputs as the file calls them; tract calls them as the nodes that give them."""
    with path.open("rb") as file:
        data = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    graph = next(value for number, value in _fields(data) if number == _GRAPH)
    return [
        bytes(next(value for number, value in _fields(output) if number == _NAME)).decode()
        for number, output in _fields(graph)
        if number == _OUTPUTS
    ]


def _fields(message: memoryview) -> Iterator[tuple[int, memoryview]]:
    """The fields of a message of protobuf that are messages or text, by number."""
    position = 0
    while position < len(message):
        key, position = _varint(message, position)
        kind = key & 7
        if kind == _BYTES:
            size, position = _varint(message, position)
            yield key >> 3, message[position : position + size]
            position += size
        elif kind == _VARINT:
            _, position = _varint(message, position)
        elif kind in (_FIXED64, _FIXED32):
            position += 8 if kind == _FIXED64 else 4
        else:
            raise ValueError("not an ONNX file, or a damaged one")


def _varint(message: memoryview, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7


def devices() -> list[str]:
    """What tract can run on here."""
    return ["cpu"]


def has_cuda() -> str:
    """Why it cannot run on an NVIDIA GPU."""
    return "tract runs on the CPU here: use --device cpu"


def load(path: Path, options: Options) -> Tract:
    """Load an ONNX file."""
    return Tract(path, options)
