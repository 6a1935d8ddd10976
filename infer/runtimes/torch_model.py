"""What the formats of PyTorch have in common: how a module is set up, called and looked at."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from infer.runtimes.base import Arrays, Options
from infer.runtimes.torch_values import Value, devices_of, leaves, on_host


class TorchModel:
    """A module with its arguments; a format says how the one is called and the others are made."""

    def __init__(self, options: Options, settings: dict[str, str]) -> None:
        self._settings = settings
        if settings["threads"] == "given":
            torch.set_num_threads(options.threads)
        torch.backends.cuda.matmul.allow_tf32 = False
        torch.backends.cudnn.allow_tf32 = False
        if options.device == "cuda" and not torch.cuda.is_available():
            raise RuntimeError("PyTorch sees no CUDA device")
        self._device = torch.device(options.device)
        self.notes: list[str] = []
        self._outputs: list[str] | None = None  # as the results call themselves
        self._last: list[Value] = []

    def _put(self, inputs: Arrays) -> Any:
        """Arguments on the device; on the CPU they share the arrays' memory."""
        raise NotImplementedError

    def _apply(self, staged: Any) -> Any:
        """Call the module with arguments."""
        raise NotImplementedError

    def run(self, inputs: Arrays) -> Arrays:
        """Host arrays in, host arrays out."""
        return self.fetch(self.run_staged(self._put(inputs)))

    def stage(self, inputs: Arrays) -> Any:
        """Arguments on the device, finished."""
        staged = self._put(inputs)
        self.sync(None)
        return staged

    def run_staged(self, staged: Any) -> Any:
        """Call the module; on a GPU the result may be unfinished."""
        with torch.inference_mode(self._settings["autograd"] == "off"):
            return self._apply(staged)

    def sync(self, result: Any) -> None:
        """Wait for the device."""
        if self._device.type == "cuda":
            torch.cuda.synchronize()

    def fetch(self, result: Any) -> Arrays:
        """Copy the outputs to the host, which waits for them."""
        named = list(leaves(result))
        self._last = [value for _, value in named]
        names = self._outputs or [name for name, _ in named]
        return {name: on_host(value) for name, value in zip(names, self._last, strict=True)}

    def bare(self, inputs: Arrays) -> Callable[[], object]:
        """A call of the module on tensors of the arrays."""
        put, apply = self._put, self._apply

        def call() -> object:
            with torch.inference_mode(self._settings["autograd"] == "off"):
                result = apply(put(inputs))
            return [on_host(value) for _, value in leaves(result)]

        return call

    def placement(self) -> dict[str, Any]:
        """Where the last outputs were."""
        ran_on = devices_of(self._last)
        return {
            "device": "cuda" if ran_on == {"cuda"} else "cpu",
            "devices": sorted(ran_on),
            "threads": torch.get_num_threads(),
            "tf32": False,
            "settings": self._settings,
        }


def devices() -> list[str]:
    """What PyTorch can run on here."""
    names = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    return ["cpu", *names]
