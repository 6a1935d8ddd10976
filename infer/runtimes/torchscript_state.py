"""The state of a TorchScript module: the attributes that its graph reads and sets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch

# Operators that change a list or a dictionary, which an attribute may hold.
_CONTAINER_CHANGES = tuple(
    f"aten::{name}"
    for name in ("append", "extend", "insert", "pop", "remove", "clear", "_set_item", "Delete")
)
_PLAIN = (bool, int, float, complex, str, type(None))


def attributes_reset(module: Any, graph: Any) -> Callable[[], object] | None:
    """Return a function that sets the attributes of a module back to their present values.

    None if a call may change a list, a dictionary, or an attribute of what is no submodule.
    """
    nodes = list(nodes_of(graph))
    if any(node.kind() in _CONTAINER_CHANGES for node in nodes):
        return None
    kept: list[tuple[Any, str, Any]] = []
    changes = [_path_of(node) for node in nodes if node.kind() == "prim::SetAttr"]
    assigned = {path for path in changes if path}
    if None in changes:
        return None
    read = {path for node in nodes if node.kind() == "prim::GetAttr" and (path := _path_of(node))}
    for path in sorted(read | assigned):
        owner = module._c
        for name in path[:-1]:
            owner = owner.getattr(name)
        value = owner.getattr(path[-1])
        if isinstance(value, torch.Tensor):
            kept.append((owner, path[-1], value.detach().clone()))
        elif path in assigned:
            if not isinstance(value, _PLAIN):
                return None
            kept.append((owner, path[-1], value))

    def reset() -> None:
        with torch.inference_mode():
            for owner, name, value in kept:
                now = owner.getattr(name)
                if not isinstance(value, torch.Tensor):
                    owner.setattr(name, value)
                elif isinstance(now, torch.Tensor) and now.shape == value.shape:
                    now.copy_(value)
                else:
                    owner.setattr(name, value.clone())

    return reset


def nodes_of(block: Any) -> Iterator[Any]:
    """All nodes of a graph, with those of the blocks inside."""
    for node in block.nodes():
        yield node
        for inner in node.blocks():
            yield from nodes_of(inner)


def _path_of(node: Any) -> tuple[str, ...] | None:
    """The names that lead from the module to the attribute that a node reads or sets."""
    owner = next(node.inputs()).node()
    if owner.kind() == "prim::Param":
        return (node.s("name"),)
    if owner.kind() != "prim::GetAttr":
        return None
    path = _path_of(owner)
    return None if path is None else (*path, node.s("name"))
