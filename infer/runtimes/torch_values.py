"""The tensors in what a module of PyTorch returns, by name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch


def leaves(result: Any) -> Iterator[tuple[str, torch.Tensor]]:
    """The tensors of a result: those of a tuple by number, of a dictionary by key.

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


def _named(name: str, value: Any) -> Iterator[tuple[str, torch.Tensor]]:
    if isinstance(value, torch.Tensor):
        yield name, value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _named(f"{name}.{key}", inner)
    elif isinstance(value, tuple | list):
        for index, inner in enumerate(value):
            yield from _named(f"{name}.{index}", inner)
    elif isinstance(value, bool | int | float | complex):
        yield name, torch.tensor(value)
    elif value is not None:
        raise NotImplementedError(f"the output '{name}' is a {type(value).__name__}")
