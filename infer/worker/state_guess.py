"""Guess inputs that are a state: left constant, though an output of the same form is like them."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

import numpy as np

from ..runtimes.base import Arrays

# Parts of names that tell the state before a call from the state after it.
_BEFORE_OR_AFTER = {
    *("in", "out", "input", "output", "new", "next", "prev", "previous", "past", "present"),
    *("last", "old", "cur", "current", "init", "initial", "updated", "n"),
}
_STATES = {"h", "c", "hx", "cx", "hidden", "cell", "state", "memory", "mem", "cache", "past", "kv"}
# What exporters call outputs that have no name.
_NAMELESS = re.compile(r"(output|identity|statefulpartitionedcall|result)?[_:.]?\d*", re.I)


def possible_loops(
    inputs: Arrays, outputs: Arrays, constant: Collection[str], bound: Mapping[str, str]
) -> list[str]:
    """List outputs that may be the next value of an input, as `--loop` takes them.

    Args:
        inputs: inputs of a call.
        outputs: outputs of the call.
        constant: names of inputs that are the same in every call, or for every sample.
        bound: outputs by the input that takes them in the next call.
    """
    loops: list[str] = []
    free = [name for name in outputs if name not in bound.values()]
    for name in constant:
        if name in bound or inputs[name].size < 2:
            continue
        alike = [other for other in free if _same_form(inputs[name], outputs[other])]
        similar = [other for other in alike if similar_names(name, other)]
        if not similar and _STATES & {*_parts(name)}:
            nameless = [other for other in alike if _NAMELESS.fullmatch(other)]
            similar = nameless if len(nameless) == 1 else []
        if similar:
            free.remove(similar[0])
            loops.append(f"{similar[0]}={name}")
    return loops


def similar_names(name: str, other: str) -> bool:
    """Whether two names differ only in what tells before from after, as `h` and `h_out`."""
    a, b = ([part for part in _parts(n) if part not in _BEFORE_OR_AFTER] for n in (name, other))
    shorter, longer = sorted((a, b), key=len)
    if not shorter:
        return not longer
    # "past_key_values.0.key" and "present.0.key"
    return longer[-len(shorter) :] == shorter or longer[: len(shorter)] == shorter


def _parts(name: str) -> list[str]:
    """The words and numbers of a name; "h0" and "hn", the first and the last, are both "h"."""
    name = re.sub(r":\d+$", "", name.removeprefix("serving_default_"))
    name = re.sub(r"([a-z])([A-Z])", r"\1_\2", name)
    parts = re.findall(r"[a-z]+|\d+", name.lower())
    if len(parts) == 2 and parts[1] == "0":
        return parts[:1]
    return ["h"] if parts == ["hn"] else ["c"] if parts == ["cn"] else parts


def _same_form(array: np.ndarray, other: np.ndarray) -> bool:
    return array.shape == other.shape and array.dtype == other.dtype
