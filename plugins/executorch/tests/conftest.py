"""ExecuTorch programs as other people make them, exported once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("executorch")

LARGEST = 32


class Two(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(4, 3)

    def forward(self, a: Any, b: Any) -> Any:
        return {"sum": self.layer(a) + b, "max": torch.amax(a, 1)}


class Counting(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("calls", torch.zeros(1))

    def forward(self, a: Any) -> Any:
        self.calls.add_(1)
        return a + self.calls


class Mixing(torch.nn.Module):
    """What a sample gives depends on its neighbours."""

    def forward(self, a: Any) -> Any:
        return a - a.mean(0, keepdim=True)


class Times(torch.nn.Module):
    def forward(self, a: Any, factor: int) -> Any:
        return a * factor


class Brain(torch.nn.Module):
    def forward(self, a: Any) -> Any:
        return a.to(torch.bfloat16) * 2


def _program(name: str) -> Any:
    batch = torch.export.Dim("batch", max=LARGEST)
    a, b = torch.rand(8, 4), torch.rand(8, 3)
    export = torch.export.export
    torch.manual_seed(0)
    two = Two().eval()
    if name == "two":
        return export(two, (a, b), dynamic_shapes={"a": {0: batch}, "b": {0: batch}})
    if name == "fixed":
        return export(two, (a, b))
    if name == "methods":
        encode, decode = torch.nn.Linear(4, 3).eval(), torch.nn.Linear(3, 4).eval()
        return {"encode": export(encode, (a,)), "decode": export(decode, (b,))}
    if name == "number":
        return export(Times(), (a, 3))
    if name == "bfloat16":
        return export(Brain(), (a,))
    if name == "quantised":
        return _quantised()
    module = {"counting": Counting, "mixing": Mixing}[name]()
    return export(module, (a,), dynamic_shapes={"a": {0: batch}})


def _quantised() -> Any:
    from executorch.backends.xnnpack.quantizer import xnnpack_quantizer as quantizer
    from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e

    module = torch.nn.Sequential(
        torch.nn.Conv2d(3, 8, 3), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(288, 4)
    ).eval()
    images = (torch.rand(2, 3, 8, 8),)
    how = quantizer.XNNPACKQuantizer()
    how.set_global(quantizer.get_symmetric_quantization_config())
    prepared = prepare_pt2e(torch.export.export(module, images).module(), how)
    prepared(*images)
    return torch.export.export(convert_pt2e(prepared), images)


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """A program by its name."""
    folder = tmp_path_factory.mktemp("programs")

    def make(name: str) -> Path:
        from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
        from executorch.exir import to_edge_transform_and_lower

        path: Path = folder / f"{name}.pte"
        if not path.exists():
            lowered = to_edge_transform_and_lower(
                _program(name), partitioner=[XnnpackPartitioner()]
            )
            path.write_bytes(lowered.to_executorch().buffer)
        return path

    return make
