"""ExecuTorch programs (.pte) in the runtime of ExecuTorch's Python package, on the CPU."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

# Not `executorch.runtime`, which imports the compiler too: that takes seconds and 130 MB which
# running a program needs nothing of. PyTorch comes first, since its libraries are linked with.
from executorch.extension.pybindings import _C as et  # noqa: N811
from exportbench.runtimes.base import Arrays, Model, Options, Setting, chosen
from exportbench.tensors.signature import Signature

from .ports import Port, check_shape, check_stated, program_signature

SETTINGS = (
    # The threads of the pool that XNNPACK and the parallel kernels share.
    Setting("threads", "given", "own"),
)
FORWARD = "forward"
_OPERATOR_MISSING = "error 0x14"
# Rows that an axis is tried with, to see whether it is the samples'.
_PROBED_ROWS = 2
# Sums in another order differ by this much at most, for values of about one.
_TOLERANCE = 1e-3


class ExecuTorch(Model):
    """One method of a program, loaded."""

    def __init__(self, path: Path, options: Options) -> None:
        self._settings = chosen(SETTINGS, options)
        if self._settings["threads"] == "given":
            et._unsafe_reset_threadpool(options.threads)
        self._path = path
        self._method_name = options.signature
        self._load()
        meta = self._method.method_meta()
        self._inputs = [
            Port.from_meta(meta.input_tensor_meta, index, "input")
            for index in range(meta.num_inputs())
        ]
        self._outputs = [
            Port.from_meta(meta.output_tensor_meta, index, "output")
            for index in range(meta.num_outputs())
        ]
        self.notes: list[str] = []
        stated = options.manifest.get("signature")
        self._stated = Signature.from_dict(stated) if stated else None
        self.signature = self._stated or program_signature(self._inputs, self._outputs)
        if self._stated:
            check_stated(self._stated, self._inputs, self._outputs)
        self._names = [spec.name for spec in self.signature.inputs]
        self._output_names = [spec.name for spec in self.signature.outputs]

    def _load(self) -> None:
        # All of the file is checked, not only that it has an ExecuTorch program's marks.
        self._program = et._load_program(
            str(self._path), program_verification=et.Verification.InternalConsistency
        )
        names = [self._program.get_method_name(i) for i in range(self._program.num_methods())]
        try:
            self._method = self._program.load_method(_chosen_method(names, self._method_name))
        except RuntimeError as error:
            if _OPERATOR_MISSING in str(error):
                raise NotImplementedError(
                    f"it has an operator that the Python package has no kernel of ({error})"
                ) from None
            raise

    def settle(self) -> None:
        """Find out whether the first dimension is that of the samples and may be smaller.

        The file says of a tensor that its shape may change, and the largest sizes, but not which
        dimensions are free.
        """
        bounded = tuple(index for index in range(len(self._inputs)) if self._may_shrink(index))
        if self._stated is not None:
            for index, spec in enumerate(self._stated.inputs):
                if spec.shape and not isinstance(spec.shape[0], int) and index not in bounded:
                    raise ValueError(
                        f"the manifest states that '{spec.name}' takes batches of any size, the "
                        f"program takes {self._inputs[index].bounds[0]} samples only"
                    )
        elif bounded and self._rows_are_independent(bounded):
            self.signature = program_signature(
                self._inputs, self._outputs, bounded, range(len(self._outputs))
            )
        for spec, port in zip(self.signature.inputs, self._inputs, strict=True):
            if spec.shape and not isinstance(spec.shape[0], int):
                self.notes.append(f"{spec.name}: made for batches of up to {port.bounds[0]}")

    def _may_shrink(self, index: int) -> bool:
        """Whether an input may have fewer rows; to set it is all that is done."""
        if not self._inputs[index].bounds or self._inputs[index].bounds[0] < _PROBED_ROWS:
            return False
        shapes = [port.bounds for port in self._inputs]
        shapes[index] = (shapes[index][0] - 1, *shapes[index][1:])
        try:
            self._method.set_inputs(
                [
                    torch.from_numpy(np.zeros(shape, port.dtype))
                    for shape, port in zip(shapes, self._inputs, strict=True)
                ]
            )
        except RuntimeError:
            return False
        return True

    def _rows_are_independent(self, bounded: tuple[int, ...]) -> bool:
        """Whether two samples together give what each gives alone, in rows of their own."""
        draw = np.random.default_rng(0)
        both = [
            (2 * draw.random((_PROBED_ROWS, *port.bounds[1:]) if index in bounded else port.bounds))
            for index, port in enumerate(self._inputs)
        ]
        arrays = [a.astype(port.dtype) for a, port in zip(both, self._inputs, strict=True)]
        try:
            together = self._call(arrays)
            alone = [
                self._call([a[row : row + 1] if i in bounded else a for i, a in enumerate(arrays)])
                for row in range(_PROBED_ROWS)
            ]
        except RuntimeError:
            return False
        finally:
            del self._method, self._program
            self._load()  # a call may have changed a state
        return all(
            array.shape[:1] == (_PROBED_ROWS,) and _close(array, [part[index] for part in alone])
            for index, array in enumerate(together)
        )

    def _call(self, arrays: list[np.ndarray]) -> list[np.ndarray]:
        tensors = [torch.from_numpy(np.ascontiguousarray(array)) for array in arrays]
        return [tensor.numpy() for tensor in self._method(tensors)]

    def run(self, inputs: Arrays) -> Arrays:
        """Host arrays in, host arrays out."""
        return self._named(self._method(self.stage(inputs)))

    def stage(self, inputs: Arrays) -> list[torch.Tensor]:
        """Tensors of the arrays' memory.

        ExecuTorch takes whatever fits into the memory that was planned for an input, other shapes
        too, so that they are looked at here.
        """
        staged = []
        for spec, port in zip(self.signature.inputs, self._inputs, strict=True):
            array = inputs[spec.name]
            if array.shape != port.bounds:
                check_shape(spec, array.shape, port.bounds)
            staged.append(torch.from_numpy(np.ascontiguousarray(array)))
        return staged

    def run_staged(self, staged: list[torch.Tensor]) -> None:
        """Copy the inputs into the program's memory, and run.

        They are copied with every call: the program uses that memory for other values later on.
        """
        self._method.set_inputs(staged)
        self._method.execute()

    def sync(self, result: None) -> None:
        """A call has ended when it returns."""

    def fetch(self, result: None) -> Arrays:
        """Copy the outputs of the last call."""
        return self._named(self._method.get_outputs())

    def _named(self, outputs: list[torch.Tensor]) -> Arrays:
        return {
            name: tensor.numpy() for name, tensor in zip(self._output_names, outputs, strict=True)
        }

    def raw_call(self, inputs: Arrays) -> Callable[[], object]:
        """A call of the method."""
        method, arrays = self._method, [inputs[name] for name in self._names]

        def call() -> object:
            outputs = method([torch.from_numpy(array) for array in arrays])
            return [tensor.numpy() for tensor in outputs]

        return call

    def placement(self) -> dict[str, Any]:
        """On the CPU, with the threads of the pool as it is."""
        return {
            "device": "cpu",
            "threads": et._threadpool_get_thread_count(),
            "settings": self._settings,
        }


def _chosen_method(names: list[str], wanted: str | None) -> str:
    known = ", ".join(sorted(names)) or "none"
    if wanted is not None and wanted not in names:
        raise ValueError(f"no method '{wanted}' (there are: {known})")
    if wanted is None and FORWARD not in names and len(names) != 1:
        raise ValueError(f"no method '{FORWARD}', but {known}: choose one with --signature")
    return wanted or (FORWARD if FORWARD in names else names[0])


def _close(output: np.ndarray, parts: list[np.ndarray]) -> bool:
    expected = np.concatenate(parts) if all(part.ndim for part in parts) else np.stack(parts)
    return output.shape == expected.shape and np.allclose(
        output, expected, rtol=_TOLERANCE, atol=_TOLERANCE, equal_nan=True
    )


def devices() -> list[str]:
    """What ExecuTorch's Python package can run on here: the kinds of code that it has."""
    return ["cpu", *(f"cpu: {name}" for name in et._get_registered_backend_names())]


def has_cuda() -> str:
    """Why it cannot run on an NVIDIA GPU."""
    return "ExecuTorch runs on the CPU here: use --device cpu"


def load(path: Path, options: Options) -> ExecuTorch:
    """Load a .pte file."""
    return ExecuTorch(path, options)
