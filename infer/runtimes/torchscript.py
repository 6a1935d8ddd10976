"""TorchScript in PyTorch."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from infer.artifact import Signature, TensorSpec
from infer.runtimes.base import Arrays, Options, Setting, chosen

SETTINGS = (
    # "frozen" takes the weights into the graph; "optimized" then folds and fuses for oneDNN too.
    Setting("graph", "frozen", "loaded", ("optimized",)),
    # The autograd that one has without choosing keeps what a backward pass would need.
    Setting("autograd", "off", "on"),
    Setting("threads", "given", "own"),
)


class TorchScript:
    """The `forward` of a scripted or traced module."""

    def __init__(self, path: Path, options: Options) -> None:
        self._settings = chosen(SETTINGS, options)
        if self._settings["threads"] == "given":
            torch.set_num_threads(options.threads)
        torch.backends.cuda.matmul.allow_tf32 = False
        torch.backends.cudnn.allow_tf32 = False
        if options.device == "cuda" and not torch.cuda.is_available():
            raise RuntimeError("PyTorch sees no CUDA device")
        self._threads = options.threads
        self._device = torch.device(options.device)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            module = torch.jit.load(str(path), map_location=self._device).eval()
            self._module = _GRAPHS[self._settings["graph"]](module)
        # The order and names of the outputs are not in the file.
        stated = options.manifest.get("signature")
        self.signature = Signature.of(stated) if stated else _signature(module)
        self._inputs = [spec.name for spec in self.signature.inputs]
        self._outputs = [spec.name for spec in self.signature.outputs]
        self._last: tuple[torch.Tensor, ...] = ()

    def run(self, inputs: Arrays) -> Arrays:
        """Host arrays in, host arrays out."""
        return self.fetch(self.run_staged(self._put(inputs)))

    def stage(self, inputs: Arrays) -> list[torch.Tensor]:
        """Tensors on the device; on the CPU they share the arrays' memory."""
        staged = self._put(inputs)
        self.sync(())
        return staged

    def _put(self, inputs: Arrays) -> list[torch.Tensor]:
        return [torch.from_numpy(inputs[name]).to(self._device) for name in self._inputs]

    def run_staged(self, staged: list[torch.Tensor]) -> tuple[torch.Tensor, ...]:
        """Call `forward`; on a GPU the result may be unfinished."""
        with torch.inference_mode(self._settings["autograd"] == "off"):
            result = self._module(*staged)
        return result if isinstance(result, tuple) else (result,)

    def sync(self, result: tuple[torch.Tensor, ...]) -> None:
        """Wait for the device."""
        if self._device.type == "cuda":
            torch.cuda.synchronize()

    def fetch(self, result: tuple[torch.Tensor, ...]) -> Arrays:
        """Copy the outputs to the host, which waits for them."""
        self._last = result
        return {
            name: value.detach().cpu().numpy()
            for name, value in zip(self._outputs, result, strict=True)
        }

    def bare(self, inputs: Arrays) -> Callable[[], object]:
        """A call of the module on tensors of the arrays."""
        module, device = self._module, self._device
        arrays = [inputs[name] for name in self._inputs]

        def call() -> object:
            with torch.inference_mode(self._settings["autograd"] == "off"):
                result = module(*(torch.from_numpy(array).to(device) for array in arrays))
            values = result if isinstance(result, tuple) else (result,)
            return [value.detach().cpu().numpy() for value in values]

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


_GRAPHS: dict[str, Callable[[torch.jit.ScriptModule], torch.jit.ScriptModule]] = {
    "loaded": lambda module: module,
    "frozen": torch.jit.freeze,
    "optimized": torch.jit.optimize_for_inference,
}


def _signature(module: torch.jit.ScriptModule) -> Signature:
    """What the file tells: names and, of tensors, no shapes."""
    forward: Any = module.forward
    schema = forward.schema
    inputs = tuple(TensorSpec(a.name, (), "float32") for a in schema.arguments[1:])
    outputs = tuple(
        TensorSpec(f"output_{index}", (), "float32") for index in range(len(schema.returns))
    )
    return Signature(inputs, outputs)


def load(path: Path, options: Options) -> TorchScript:
    """Load a TorchScript file."""
    return TorchScript(path, options)
