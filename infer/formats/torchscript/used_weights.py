"""Which attributes of a TorchScript program its results depend on."""

from __future__ import annotations

import ast
from collections.abc import Iterable

from ..needed import needed

_END = "return"  # no name of a value


def used_attributes(trees: Iterable[ast.Module]) -> set[str]:
    """Names of the attributes and constants that what the methods return depends on.

    Statements that set a name count if the name does; all others count.
    """
    used: set[str] = set()
    for tree in trees:
        for function in ast.walk(tree):
            if isinstance(function, ast.FunctionDef):
                parts = [part for statement in function.body for part in _parts(statement)]
                operators = [(_names(taken), given or [_END]) for taken, given in parts]
                for place in needed(operators, [_END]):
                    used |= {
                        node.attr
                        for expression in parts[place][0]
                        for node in ast.walk(expression)
                        if isinstance(node, ast.Attribute)
                    }
    return used


def _parts(statement: ast.stmt) -> list[tuple[list[ast.expr], list[str]]]:
    """What a statement, and those inside it, take, and the names that each sets."""
    expressions = [node for node in ast.iter_child_nodes(statement) if isinstance(node, ast.expr)]
    given: list[str] = []
    if isinstance(statement, ast.Assign | ast.AnnAssign | ast.For):
        targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
        expressions = [node for node in expressions if node not in targets]
        if all(isinstance(node, ast.Name | ast.Tuple) for node in targets):
            given = _names(targets)
        else:  # an attribute is set, which is a state
            expressions += targets
    inner = [part for name in ("body", "orelse") for part in getattr(statement, name, ())]
    return [(expressions, given), *(part for one in inner for part in _parts(one))]


def _names(expressions: Iterable[ast.expr]) -> list[str]:
    return [
        node.id
        for expression in expressions
        for node in ast.walk(expression)
        if isinstance(node, ast.Name)
    ]
