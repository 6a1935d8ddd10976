"""Find the precision of a TorchScript program, as far as its text tells it."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Mapping, Sequence

from ...tensors.precision import (
    Precision,
    Quantisation,
    bits_of,
    coarsest,
    precision_from,
    with_stored_weights,
)
from .used_weights import used_attributes

Stored = tuple[str, str, int]  # name of a weight, its type and its bytes

# Numbers of types in a program (c10/core/ScalarType.h).
_TYPES = {5: "float16", 6: "float32", 7: "float64", 15: "bfloat16"}
_CASTS = {"half": "float16", "bfloat16": "bfloat16", "float": "float32", "double": "float64"}
_AUTOCAST = "autocast_to_reduced_precision"
# Operators with packed weights. They give quantised values, or find the range of each call.
_PRODUCT = re.compile(r"quantized\.(linear|conv\dd|conv_transpose\dd)(_relu|_add\w*)?$")
_DYNAMIC = re.compile(r"quantized\.(\w*_dynamic(_fp16)?)$")
_PLAIN_PRODUCT = re.compile(r"(_convolution|conv\w*|linear|\w*mm|matmul|einsum|embedding)$")
_VALUES = re.compile(
    r"quantize_per_(tensor|channel)$|fake_quant(ize\w*)?$|quantized\.(add|mul|cat|leaky_relu|hardswish)\w*$"
)


def precision_of(
    trees: Sequence[ast.Module], operators: Mapping[str, int], tensors: Sequence[Stored]
) -> Precision:
    """Find the precision of a program.

    Args:
        trees: the files of the program.
        operators: number of calls of each operator.
        tensors: name, type and bytes of each weight.
    """
    used = used_attributes(trees)
    tensors = [tensor for tensor in tensors if tensor[0] in used]
    weights = {dtype for _, dtype, _ in tensors}
    calculated: set[str] = set()
    of_weights: set[str] = set()
    for tree in trees:
        for function in ast.walk(tree):
            if isinstance(function, ast.FunctionDef):
                _casts(function, calculated, of_weights)
    floats = {name for name in weights if coarsest([name])}
    # Weights of a type that is only converted to others are stored in it; else it is calculated in.
    stored = floats if of_weights and not floats & calculated else set()
    arithmetic = calculated | of_weights | (floats - stored)
    return precision_from(arithmetic, stored, _quantisation(operators, tensors))


def _casts(function: ast.FunctionDef, calculated: set[str], of_weights: set[str]) -> None:
    """Add the types that a function converts values and weights to."""
    attributes = {"self"}
    for node in ast.walk(function):
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Attribute):
            root: ast.expr = node.value
            while isinstance(root, ast.Attribute):
                root = root.value
            if isinstance(root, ast.Name) and root.id in attributes:
                attributes.update(
                    target.id for target in node.targets if isinstance(target, ast.Name)
                )
    for node in ast.walk(function):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args):
            continue
        kinds = _targets(node)
        source = node.args[0]
        is_weight = isinstance(source, ast.Name) and source.id in attributes
        (of_weights if is_weight else calculated).update(kinds)


def _targets(call: ast.Call) -> set[str]:
    """The floating-point types that a call converts its first argument to."""
    assert isinstance(call.func, ast.Attribute)
    constants = [argument.value for argument in call.args[1:] if isinstance(argument, ast.Constant)]
    numbers = [value for value in constants if isinstance(value, int)]
    if call.func.attr == _AUTOCAST:
        return {_TYPES[value] for value in numbers if value in (5, 15)}
    if call.func.attr == "to":
        return {_TYPES[value] for value in numbers if value in _TYPES}
    return {_CASTS[call.func.attr]} if call.func.attr in _CASTS else set()


def _quantisation(operators: Mapping[str, int], tensors: Sequence[Stored]) -> Quantisation | None:
    counts: Counter[str] = Counter()
    for name, count in operators.items():
        counts["dynamic"] += count if _DYNAMIC.search(name) else 0
        counts["product"] += count if _PRODUCT.search(name) else 0
        counts["value"] += count if _VALUES.search(name) else 0
    products = counts["dynamic"] + counts["product"]
    if not products and not counts["value"]:
        plain = sum(count for name, count in operators.items() if _PLAIN_PRODUCT.match(name))
        sizes: Counter[str] = Counter()
        for _, dtype, size in tensors:
            sizes[dtype] += size
        return with_stored_weights(sizes, plain)
    bits = [bits_of(name) for _, name, _ in tensors if name.startswith(("q", "int", "uint"))]
    return Quantisation(
        products,
        min((width for width in bits if width), default=8),
        products + counts["value"],
        dynamic=bool(counts["dynamic"]),
    )
