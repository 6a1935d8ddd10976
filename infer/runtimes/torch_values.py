"""What a module of PyTorch returns, by name and as arrays."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

Value = torch.Tensor | bool | int | float | complex


def leaves(result: Any) -> Iterator[tuple[str, Value]]:
    """The tensors and numbers of a result: of a tuple by number, of a dictionary by key.

    Raises:
        NotImplementedError: there is something else in it.
    """
    if isinstance(result, dict):
        for key, value in result.items():
            yield from _named(str(key), value)
        return
    values = result if isinstance(result, tuple | list) else (result,)
    for index, value in enumerate(values):
        yield from _named(f"output_{index}", value)


def _named(name: str, value: Any) -> Iterator[tuple[str, Value]]:
    if isinstance(value, torch.Tensor | bool | int | float | complex):
        yield name, value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _named(f"{name}.{key}", inner)
    elif isinstance(value, tuple | list):
        for index, inner in enumerate(value):
            yield from _named(f"{name}.{index}", inner)
    elif value is not None:
        raise NotImplementedError(f"the output '{name}' is a {type(value).__name__}")


def on_host(value: Value) -> np.ndarray:
    """A copy on the host, which waits for it; on the CPU it may be the tensor's own memory.

    Raises:
        NotImplementedError: NumPy has no such type.
    """
    if not isinstance(value, torch.Tensor):
        return np.asarray(value)
    tensor = value.detach().cpu()
    try:
        array: np.ndarray = tensor.numpy()
    except TypeError:
        raise NotImplementedError(f"an output is {tensor.dtype}, which NumPy has not") from None
    except RuntimeError:  # conjugated or negated only when it is read
        array = tensor.resolve_conj().resolve_neg().numpy()
    return array


def devices_of(values: list[Value]) -> set[str]:
    """Where the tensors are; numbers are nowhere."""
    return {value.device.type for value in values if isinstance(value, torch.Tensor)}
