"""Operators of a compiled program of XLA, from its text: what each computes, and its shapes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from .xplane import Operator

_INSTRUCTION = re.compile(r"\s*(?:ROOT )?%?([\w.\-]+) = (\S+) ([\w\-]+)\((.*)")
_COMPUTATION = re.compile(r"(?:ENTRY )?%?([\w.\-]+) \(.*\{$")
_CALLED = re.compile(r"(?:calls|to_apply)=%?([\w.\-]+)")
_TARGET = re.compile(r'custom_call_target="([^"]*)"')
_SHAPE = re.compile(r"[a-z]\w*\[([\d,]*)\]")
_NAME = re.compile(r"%([\w.\-]+)")
_ARITHMETIC = ("convolution", "dot")
# Instructions that only move values, or make them.
_MOVES = re.compile(
    r"parameter|constant|copy|transpose|bitcast|broadcast|slice|dynamic-slice|concatenate|pad|"
    r"reshape|convert|iota|gather|dynamic-update-slice|tuple|get-tuple-element|reverse"
)


@dataclass
class _Instruction:
    name: str
    shape: str
    opcode: str
    rest: str


@dataclass
class _Computation:
    instructions: dict[str, _Instruction] = field(default_factory=dict)


def operators_of(text: str) -> dict[str, Operator]:
    """The operators of a program, by name of the instruction.

    Args:
        text: the program after optimization, as `Compiled.as_text` of JAX gives it.
    """
    computations: dict[str, _Computation] = {}
    current = _Computation()
    for line in text.splitlines():
        if line.endswith("{") and (begun := _COMPUTATION.match(line)):
            current = computations.setdefault(begun[1], _Computation())
        elif (found := _INSTRUCTION.match(line)) is not None:
            current.instructions[found[1]] = _Instruction(*found.groups())
    return {
        instruction.name: _operator(instruction, computation, computations)
        for computation in computations.values()
        for instruction in computation.instructions.values()
    }


def _operator(
    instruction: _Instruction,
    computation: _Computation,
    computations: Mapping[str, _Computation],
) -> Operator:
    kind, holder, product = instruction.opcode, computation, instruction
    called = _CALLED.search(instruction.rest)
    if kind in ("fusion", "call") and called and called[1] in computations:
        holder = computations[called[1]]
        inner = list(holder.instructions.values())
        opcodes = {one.opcode for one in inner}
        products = [one for one in inner if one.opcode in _ARITHMETIC]
        if len(products) > 1:  # which is no layer that another runtime has
            kind = f"{kind} of {len(products)} {products[0].opcode}s"
            return Operator(instruction.name, kind, _sizes(instruction.shape), ())
        if products:
            product = products[0]
            kind = f"{product.opcode} {kind}"
        elif any(opcode.startswith("reduce") for opcode in opcodes):
            kind = f"reduce {kind}"
        else:
            moves = all(map(_MOVES.fullmatch, opcodes))
            kind = f"copy {kind}" if moves else f"elementwise {kind}"
    elif target := _TARGET.search(instruction.rest):
        kind = target[1]
    weights = None
    if product.opcode in _ARITHMETIC:
        operands = _NAME.findall(product.rest.partition(")")[0])
        given = holder.instructions.get(operands[1]) if len(operands) > 1 else None
        weights = _sizes(given.shape) if given else None
    return Operator(instruction.name, kind, _sizes(instruction.shape), weights)


def _sizes(shape: str) -> tuple[int, ...] | None:
    """The sizes of "f32[4,3]{1,0}"; None of a tuple."""
    found = _SHAPE.match(shape)
    return tuple(int(size) for size in found[1].split(",") if size) if found else None
