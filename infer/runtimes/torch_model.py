"""What the formats of PyTorch have in common: how a module is set up, called and looked at."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from ..tensors.signature import unique_names
from .base import TF32, Arrays, Model, Options, Setting, tf32_used
from .profiler import Profiler
from .torch_graphs import Graphed
from .torch_values import Value, devices_of, leaves, on_host

# Of all formats.
SETTINGS = (
    # The autograd that one has without choosing keeps what a backward pass would need.
    Setting("autograd", "off", "on"),
    Setting("threads", "given", "own"),
    TF32,
    # Whether cuDNN times its algorithms for every new shape, as other runtimes do, or guesses.
    Setting("cudnn-benchmark", "on", "off", (), "cuda"),
    # The memory format of the weights that convolutions have: as stored, or changed after loading.
    # cuDNN calculates in channels-last if either the weights or the values come so.
    Setting("layout", "own", "own", ("nchw", "nhwc"), "cuda"),
    Setting("cuda-graphs", "off", "off", ("on",), "cuda"),
)
_LAYOUTS = {"nchw": torch.contiguous_format, "nhwc": torch.channels_last}

# Positional and keyword arguments.
Staged = tuple[tuple[Any, ...], dict[str, Any]]


class TorchModel(Model):
    """A module with its arguments; a format loads the one and makes the others."""

    _call: Callable[..., Any]
    # What PyTorch's profiler does not see of it.
    _unseen: Sequence[str] = ()
    # What it is said not to see of compiled code whose kernels are not named; None without any.
    _unnamed: str | None = None

    def __init__(self, options: Options, settings: dict[str, str]) -> None:
        self._settings = settings
        if settings["threads"] == "given":
            torch.set_num_threads(options.threads)
        self._options = options
        if options.device == "cuda":
            if problem := has_cuda():
                raise NotImplementedError(problem)
            _set_up_cuda(settings)
        self._device = torch.device(options.device)
        self.notes: list[str] = []
        self._outputs: list[str] | None = None  # as the results call themselves
        self._last: list[Value] = []

    def _laid_out(self, module: Any) -> Any:
        """The module with its weights in the layout that is asked for."""
        layout = self._settings.get("layout", "own")
        return module.to(memory_format=_LAYOUTS[layout]) if layout in _LAYOUTS else module

    def _graphed(self, call: Callable[..., Any]) -> Callable[..., Any]:
        """The module's call, as CUDA graphs where that is asked for."""
        return Graphed(call) if self._settings.get("cuda-graphs") == "on" else call

    def _put(self, inputs: Arrays) -> Staged:
        """Arguments on the device; on the CPU they share the arrays' memory."""
        raise NotImplementedError

    def run(self, inputs: Arrays) -> Arrays:
        """Host arrays in, host arrays out."""
        return self.fetch(self.run_staged(self._put(inputs)))

    def stage(self, inputs: Arrays) -> Staged:
        """Arguments on the device, finished."""
        staged = self._put(inputs)
        self.sync(None)
        return staged

    def run_staged(self, staged: Staged) -> Any:
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
        named = list(leaves(result))
        self._last = [value for _, value in named]
        names = self._outputs or unique_names(name for name, _ in named)
        return {name: on_host(value) for name, value in zip(names, self._last, strict=True)}

    def event_seconds(self, staged: Staged) -> float | None:
        """The device's own time of a call; None on the CPU."""
        if self._device.type != "cuda":
            return None
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        begin.record()
        self.run_staged(staged)
        end.record()
        end.synchronize()
        return float(begin.elapsed_time(end)) / 1e3  # it gives milliseconds

    def raw_call(self, inputs: Arrays) -> Callable[[], object]:
        """The module on tensors of the arrays; on arguments made beforehand if some are none."""
        args, kwargs = self._put(inputs)
        module, device, inference = self._call, self._device, self._settings["autograd"] == "off"
        arrays = [inputs[spec.name] for spec in self.signature.inputs]

        def of_tensors() -> Any:
            with torch.inference_mode(inference):
                tensors = [torch.from_numpy(array).to(device) for array in arrays]
                return module(
                    *tensors[: len(args)], **dict(zip(kwargs, tensors[len(args) :], strict=True))
                )

        def of_others() -> Any:
            with torch.inference_mode(inference):
                return module(*args, **kwargs)

        call = of_others
        if all(isinstance(value, torch.Tensor) for value in (*args, *kwargs.values())):
            call = of_tensors

        def call_once() -> object:
            result = call()
            if isinstance(result, torch.Tensor):
                return result.cpu().numpy()
            return [on_host(value) for _, value in leaves(result)]

        return call_once

    def profiler(self, folder: Path) -> Profiler:
        """PyTorch's profiler."""
        from .torch_profile import TorchProfiler  # which takes long to import

        return TorchProfiler(self._device.type, self._unseen, self._unnamed)

    def gpu_peak_bytes(self) -> int | None:
        """Of the tensors, at their most."""
        return torch.cuda.max_memory_allocated() if self._device.type == "cuda" else None

    def placement(self) -> dict[str, Any]:
        """Where the last outputs were."""
        ran_on = devices_of(self._last)
        return {
            "device": "cuda" if ran_on == {"cuda"} else "cpu",
            "devices": sorted(ran_on),
            "threads": torch.get_num_threads(),
            "tf32": tf32_used(tf32_allowed(), self._options),
            "settings": self._settings,
        }


def buffers_reset(module: Any) -> Callable[[], None]:
    """A function that copies the present values back into a module's buffers and parameters."""
    tensors = [*module.buffers(), *module.parameters()]
    kept = [(tensor, tensor.detach().clone()) for tensor in tensors]

    def reset() -> None:
        with torch.inference_mode():
            for tensor, value in kept:
                tensor.copy_(value)

    return reset


def _set_up_cuda(settings: dict[str, str]) -> None:
    """What holds for the whole process.

    The older names of the switches for TF32 are used: they set all of the newer ones alike, and
    can be read back, while PyTorch refuses to read the older ones once a newer one was set, as
    its own compiler does.
    """
    if settings["tf32"] != TF32.untuned:
        allowed = settings["tf32"] == "on"
        torch.backends.cuda.matmul.allow_tf32 = allowed
        torch.backends.cudnn.allow_tf32 = allowed
    torch.backends.cudnn.benchmark = settings["cudnn-benchmark"] == "on"


def tf32_allowed() -> bool | None:
    """Whether PyTorch lets cuBLAS or cuDNN take TF32; None where it does not tell."""
    try:
        return bool(torch.backends.cuda.matmul.allow_tf32 or torch.backends.cudnn.allow_tf32)
    except RuntimeError:  # set by older and by newer names, which the artifact may have done
        return None


def has_cuda() -> str | None:
    """Why PyTorch cannot run on a GPU here; None if it can."""
    if torch.version.cuda is None:
        return (
            f"PyTorch {torch.__version__} is a build without CUDA: install the one for CUDA "
            "(pytorch.org, Get Started)"
        )
    if not torch.cuda.is_available():
        return (
            f"PyTorch {torch.__version__} (CUDA {torch.version.cuda}) sees no GPU that it can use: "
            "look at nvidia-smi and CUDA_VISIBLE_DEVICES; the driver must be new enough for "
            f"CUDA {torch.version.cuda}"
        )
    capability, built = torch.cuda.get_device_capability(), torch.cuda.get_arch_list()
    if built and not any(_runs_on(capability, architecture) for architecture in built):
        return (
            f"PyTorch {torch.__version__} has no kernels for a card of compute capability "
            f"{'.'.join(map(str, capability))}, only {', '.join(built)}: install a build for "
            "another CUDA (pytorch.org, Get Started)"
        )
    return None


def _runs_on(capability: tuple[int, int], built: str) -> bool:
    """Whether what was built for "sm_86" or "compute_90" runs on a card.

    Machine code runs on cards of the same major version and no lower minor one, but for that of an
    "a", which runs on its own alone; "compute" is compiled for any later card as it is loaded
    (CUDA C++ Programming Guide, "Compute Capabilities").
    """
    kind, _, number = built.partition("_")
    digits = number.rstrip("af")
    version = int(digits[:-1]), int(digits[-1])
    if number.endswith("a"):
        return capability == version
    return capability >= version and (kind == "compute" or capability[0] == version[0])


def devices() -> list[str]:
    """What PyTorch can run on here."""
    names = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    return ["cpu", *names]
