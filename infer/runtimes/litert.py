"""LiteRT (.tflite), TensorFlow Lite's successor."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from ..formats.litert.reader import unranked_tensors
from ..tensors.signature import Signature, unique_names
from .base import Arrays, Model, Options, Setting, choose, chosen
from .litert_tensor import LiteRTTensor
from .profiler import Profiler

SETTINGS = (
    # XNNPACK computes what it can; without it LiteRT's own kernels do.
    Setting("xnnpack", "on", "on", ("off",)),
    # Quantised inputs and outputs as the numbers that they stand for, or as they are.
    Setting("tensors", "numbers", "raw"),
    # What to do with a fixed batch: ask for another where the graph allows it, or keep it.
    Setting("batch", "resized", "fixed"),
    Setting("threads", "given", "own"),
)
_RESOLVERS = {
    "on": OpResolverType.AUTO,
    "off": OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
}
# Sums in another order differ by this much at most, for values of about one.
_TOLERANCE = 1e-3


class LiteRT(Model):
    """An interpreter of one signature, whose tensors have the size of the last call."""

    raw_setting = "litert:tensors=raw"

    def __init__(self, path: Path, options: Options) -> None:
        self._settings = chosen(SETTINGS, options)
        self._path = path
        self._threads = options.threads
        self._interpreter = self._new_interpreter()
        self._tensors = self._signature_tensors(options.signature)
        numbers = self._settings["tensors"] == "numbers"
        self._inputs, self._outputs = (
            {name: self._tensor(detail, numbers=numbers) for name, detail in tensors.items()}
            for tensors in self._tensors
        )
        # Of the tensors that are allocated. A free size stands as 1 in the file, which the graph
        # may not take: then nothing is allocated before the inputs of the first call are known.
        self._shapes: dict[str, tuple[int, ...]] = {}
        if all(tensor.is_fixed for tensor in self._inputs.values()):
            self._interpreter.allocate_tensors()
            self._shapes = {
                name: tuple(map(int, tensor.detail["shape"]))
                for name, tensor in self._inputs.items()
            }
        self.notes: list[str] = [
            f"{name}: {tensor.dtype} of scale {tensor.scale:.6g} and zero point {tensor.zero}, "
            "computed with every call"
            for name, tensor in (*self._inputs.items(), *self._outputs.items())
            if tensor.scale
        ]
        self.stored_types = {
            name: tensor.dtype for name, tensor in self._inputs.items() if tensor.scale
        }
        self._staged: Any = None
        self.signature = self._signature()

    def _new_interpreter(self) -> Interpreter:
        return Interpreter(
            model_path=str(self._path),
            num_threads=self._threads if self._settings["threads"] == "given" else None,
            experimental_op_resolver_type=_RESOLVERS[self._settings["xnnpack"]],
        )

    def _reopen(self) -> None:
        """Go on with a new interpreter, whose tensors have the same sizes."""
        self._interpreter = self._new_interpreter()
        for name, shape in self._shapes.items():
            self._interpreter.resize_tensor_input(self._inputs[name].index, shape)
        if self._shapes or not self._inputs:
            self._interpreter.allocate_tensors()
        self._staged = None

    def _has_resources(self) -> bool:
        kinds = {operator["op_name"] for operator in self._interpreter._get_ops_details()}
        return "VAR_HANDLE" in kinds

    def _signature(self) -> Signature:
        return Signature(
            tuple(tensor.spec(name) for name, tensor in self._inputs.items()),
            tuple(tensor.spec(name) for name, tensor in self._outputs.items()),
        )

    def _tensor(self, detail: dict[str, Any], *, numbers: bool) -> LiteRTTensor:
        # The interpreter gives no sizes for a single value and for an unknown rank alike.
        is_unranked = not len(detail["shape"]) and detail["index"] in unranked_tensors(self._path)
        return LiteRTTensor(detail, numbers=numbers, is_unranked=is_unranked)

    def settle(self) -> None:
        """Find out whether a fixed batch can be another."""
        # To find it out takes calls, which would change a state.
        if self._settings["batch"] == "fixed" or self._has_resources():
            return
        fixed = {tensor.batch for tensor in self._inputs.values()}
        if self._resizes():
            (batch,) = fixed
            self.notes.append(f"made for a batch of {batch}, resized to others")
            self.signature = self._signature()
        if self._shapes:
            self._interpreter.reset_all_variables()

    def _signature_tensors(self, name: str | None) -> tuple[dict[str, Any], dict[str, Any]]:
        """Inputs and outputs by name: those of a signature, or of the graph where there is none."""
        interpreter = self._interpreter
        signatures = interpreter.get_signature_list()
        ports = (interpreter.get_input_details(), interpreter.get_output_details())
        if not signatures and name is None:
            inputs, outputs = (
                dict(zip(unique_names(detail["name"] for detail in details), details, strict=True))
                for details in ports
            )
            return inputs, outputs
        name = choose(list(signatures), name)
        runner = interpreter.get_signature_runner(name)
        if runner._subgraph_index != 0:
            raise NotImplementedError(f"the signature '{name}' is not that of the main graph")
        by_index = {detail["index"]: detail for details in ports for detail in details}
        inputs, outputs = runner.get_input_details(), runner.get_output_details()
        return (
            {key: by_index[inputs[key]["index"]] for key in signatures[name]["inputs"]},
            {key: by_index[outputs[key]["index"]] for key in signatures[name]["outputs"]},
        )

    def _resizes(self) -> bool:
        """Whether a batch that is fixed in the file can be another all the same.

        The graph is asked for a batch twice as large. If it takes that, every output has to have
        twice the samples, and they must be those that the fixed batch gives.
        """
        fixed = {tensor.batch for tensor in self._inputs.values()}
        if None in fixed or len(fixed) != 1:
            return False
        if any(tensor.is_text for tensor in (*self._inputs.values(), *self._outputs.values())):
            return False
        (batch,) = fixed
        assert batch is not None
        if any(tensor.batch != batch for tensor in self._outputs.values()):
            return False
        parts = [self._probe(seed) for seed in range(2)]
        try:
            expected = [self._called(part) for part in parts]
            both = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
            together = self._called(both)
        except (RuntimeError, ValueError):
            together, expected = {}, []
        fits = bool(expected) and all(
            array.shape == (2 * batch, *expected[0][name].shape[1:])
            and _alike(array, np.concatenate([part[name] for part in expected]))
            for name, array in together.items()
        )
        if fits:
            for tensor in (*self._inputs.values(), *self._outputs.values()):
                tensor.free_batch()
        else:
            self._resize(parts[0])
        return fits

    def _probe(self, seed: int) -> Arrays:
        random = np.random.default_rng(seed)
        return {
            name: (random.random(self._shapes[name]) * 2).astype(tensor.raw)
            for name, tensor in self._inputs.items()
        }

    def _called(self, raw: Arrays) -> Arrays:
        self._put(raw)
        self._interpreter.invoke()
        return {
            name: self._interpreter.get_tensor(tensor.index)
            for name, tensor in self._outputs.items()
        }

    def _resize(self, raw: Arrays) -> None:
        """Give the tensors the shapes of these inputs, if they have others."""
        wanted = {name: raw[name].shape for name in self._inputs}
        if wanted == self._shapes:
            return
        for name, shape in wanted.items():
            self._interpreter.resize_tensor_input(self._inputs[name].index, shape)
        self._shapes = {}  # what cannot be allocated is tried anew
        self._interpreter.allocate_tensors()
        self._shapes = wanted

    def _put(self, raw: Arrays) -> None:
        self._resize(raw)
        for name, tensor in self._inputs.items():
            self._interpreter.set_tensor(tensor.index, raw[name])

    def run(self, inputs: Arrays) -> Arrays:
        """Host arrays in, host arrays out."""
        self.run_staged(self.stage(inputs))
        return self.fetch(None)

    def stage(self, inputs: Arrays) -> Arrays:
        """Put the inputs into the interpreter's tensors, where the next call finds them."""
        staged = {name: tensor.into(inputs[name]) for name, tensor in self._inputs.items()}
        self._put(staged)
        self._staged = staged
        return staged

    def run_staged(self, staged: Arrays) -> None:
        """Run; other inputs may have been staged in between."""
        if self._staged is not staged:
            self._put(staged)
            self._staged = staged
        self._interpreter.invoke()

    def sync(self, result: None) -> None:
        """A call has ended when it returns."""

    def fetch(self, result: None) -> Arrays:
        """Copy the outputs of the last call."""
        return {
            name: tensor.out_of(self._interpreter.get_tensor(tensor.index))
            for name, tensor in self._outputs.items()
        }

    def raw_call(self, inputs: Arrays) -> Callable[[], object]:
        """Set, invoke, get, with what each call has to convert."""
        interpreter = self._interpreter
        ins, outs = list(self._inputs.items()), list(self._outputs.values())
        self._resize({name: tensor.into(inputs[name]) for name, tensor in ins})

        def call() -> object:
            for name, tensor in ins:
                interpreter.set_tensor(tensor.index, tensor.into(inputs[name]))
            interpreter.invoke()
            return [tensor.out_of(interpreter.get_tensor(tensor.index)) for tensor in outs]

        return call

    def state_reset(self) -> Callable[[], object]:
        """Reset the variables; resources are as in the file only in a new interpreter."""
        if self._has_resources():
            return self._reopen
        return self._interpreter.reset_all_variables  # type: ignore[no-any-return]

    def profiler(self, folder: Path) -> Profiler:
        """There is none: LiteRT's is in its C++ alone."""
        raise NotImplementedError(
            "LiteRT's Python package (ai-edge-litert) gives no times of operators, only its C++ "
            "tool benchmark_model does"
        )

    def placement(self) -> dict[str, Any]:
        """On the CPU; the Python package has no other device."""
        return {"device": "cpu", "threads": self._threads, "settings": self._settings}


def _alike(output: np.ndarray, expected: np.ndarray) -> bool:
    if output.dtype.kind in "fc":
        return np.allclose(output, expected, rtol=_TOLERANCE, atol=_TOLERANCE, equal_nan=True)
    # A quantised value may be rounded the other way.
    return bool(np.abs(output.astype(np.int64) - expected.astype(np.int64)).max(initial=0) <= 1)


def devices() -> list[str]:
    """What LiteRT can run on here."""
    return ["cpu"]


def has_cuda() -> str:
    """Why it cannot run on an NVIDIA GPU."""
    return "LiteRT runs on the CPU here: use --device cpu"


def load(path: Path, options: Options) -> LiteRT:
    """Load a .tflite file."""
    return LiteRT(path, options)
