"""TorchScript in PyTorch."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import torch

from infer.artifact import Signature, TensorSpec
from infer.runtimes.base import Arrays, Options


class TorchScript:
    """The `forward` of a scripted or traced module."""

    def __init__(self, path: Path, options: Options) -> None:
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
            self._module = torch.jit.freeze(module)
        # The order and names of the outputs are not in the file.
        stated = options.manifest.get("signature")
        self.signature = Signature.of(stated) if stated else _signature(module)
        self._inputs = [spec.name for spec in self.signature.inputs]
        self._outputs = [spec.name for spec in self.signature.outputs]
        self._ran_on: set[str] = set()

    @torch.inference_mode()
    def run(self, inputs: Arrays) -> Arrays:
        """Host arrays in, host arrays out."""
        return self.fetch(self.run_staged(self.stage(inputs)))

    def stage(self, inputs: Arrays) -> list[torch.Tensor]:
        """Tensors on the device; on the CPU they share the arrays' memory."""
        return [torch.from_numpy(inputs[name]).to(self._device) for name in self._inputs]

    @torch.inference_mode()
    def run_staged(self, staged: list[torch.Tensor]) -> tuple[torch.Tensor, ...]:
        """Call `forward`; on a GPU the result may be unfinished."""
        result = self._module(*staged)
        return result if isinstance(result, tuple) else (result,)

    def sync(self, result: tuple[torch.Tensor, ...]) -> None:
        """Wait for the device."""
        if self._device.type == "cuda":
            torch.cuda.synchronize()

    def fetch(self, result: tuple[torch.Tensor, ...]) -> Arrays:
        """Copy the outputs to the host, which waits for them."""
        self._ran_on.update(value.device.type for value in result)
        return {
            name: value.cpu().numpy() for name, value in zip(self._outputs, result, strict=True)
        }

    def placement(self) -> dict[str, Any]:
        """Where the outputs were."""
        return {
            "device": "cuda" if self._ran_on == {"cuda"} else "cpu",
            "devices": sorted(self._ran_on),
            "threads": torch.get_num_threads(),
            "tf32": False,
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
