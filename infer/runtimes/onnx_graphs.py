"""CUDA graphs in ONNX Runtime: the kernels of a call, captured once and launched together.

ONNX Runtime captures a call itself, if its inputs and outputs are bound to memory that stays; each
combination of shapes is a graph of its own, which a number tells apart ("CUDA Execution Provider",
Using CUDA Graphs, on onnxruntime.ai). So there is a binding with memory of its own for each.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnxruntime as ort

from .base import Arrays

_NUMBER = "gpu_graph_id"
_NOT_CAPTURED = "-1"


class Captured:
    """A session whose calls are captured, one graph for each combination of shapes."""

    def __init__(self, session: Any, outputs: list[str], device: str) -> None:
        self._session = session
        self._outputs = outputs
        self._device = device
        self._bound: dict[tuple[Any, ...], _Bound] = {}

    def stage(self, inputs: Arrays) -> Staged:
        """Copy the inputs into the memory of their graph."""
        key = tuple((name, inputs[name].shape, inputs[name].dtype.str) for name in sorted(inputs))
        if key not in self._bound:
            self._bound[key] = _Bound(
                self._session, inputs, self._outputs, self._device, len(self._bound)
            )
        staged = Staged(self._bound[key], inputs)
        staged.bound.hold(inputs)
        return staged

    def run(self, staged: Staged) -> Staged:
        """Launch the graph, on these inputs if others of their shapes were staged since."""
        staged.bound.hold(staged.inputs)
        self._session.run_with_iobinding(staged.bound.binding, staged.bound.options)
        return staged

    def fetch(self, staged: Staged) -> Arrays:
        """Copy the outputs of the last call of these shapes to the host."""
        arrays = staged.bound.binding.copy_outputs_to_cpu()
        return dict(zip(self._outputs, arrays, strict=True))


class Staged:
    """Inputs and the memory that their graph reads."""

    def __init__(self, bound: _Bound, inputs: Arrays) -> None:
        self.bound = bound
        self.inputs = inputs

    def synchronize_outputs(self) -> None:
        """Wait for the device, as a binding does."""
        self.bound.binding.synchronize_outputs()


class _Bound:
    """Memory for inputs and outputs of certain shapes, and the number of their graph."""

    def __init__(
        self, session: Any, inputs: Arrays, outputs: list[str], device: str, number: int
    ) -> None:
        self.options = ort.RunOptions()
        self.options.add_run_config_entry(_NUMBER, _NOT_CAPTURED)
        self.binding = session.io_binding()
        self._values = {
            name: ort.OrtValue.ortvalue_from_numpy(np.ascontiguousarray(array), device, 0)
            for name, array in inputs.items()
        }
        self._held: Arrays = inputs
        for name, value in self._values.items():
            self.binding.bind_ortvalue_input(name, value)
        # A call that is not captured tells the shapes of the outputs; its memory is kept for them.
        for name in outputs:
            self.binding.bind_output(name, device)
        session.run_with_iobinding(self.binding, self.options)
        made = self.binding.get_outputs()
        self.binding.clear_binding_outputs()
        for name, value in zip(outputs, made, strict=True):
            self.binding.bind_ortvalue_output(name, value)
        self.options.add_run_config_entry(_NUMBER, str(number))

    def hold(self, inputs: Arrays) -> None:
        """Have the inputs in the memory, copied unless they are there."""
        if inputs is self._held:
            return
        for name, value in self._values.items():
            value.update_inplace(np.ascontiguousarray(inputs[name]))
        self._held = inputs
