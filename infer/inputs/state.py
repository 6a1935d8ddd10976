"""State bindings: inputs that take the state that the previous call returned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ..errors import InputError, MapError
from ..tensors.dtypes import dtype_of
from ..tensors.rules import EVERY, Rule
from ..tensors.signature import Signature, TensorSpec
from .dimensions import dim_name
from .lazy_array import LazyArray
from .options import InputOptions


def find_state_bindings(
    options: InputOptions,
    rules: Mapping[str, Rule],
    output_rules: Mapping[str, Rule],
    inputs: Sequence[str],
    outputs: Sequence[str],
    label: str,
) -> dict[str, str]:
    """Find the state bindings of `--loop` by the artifact's own names: output by input.

    A loop for this artifact takes precedence over a loop for all. A loop for all is ignored if the
    artifact has neither its input nor its output: it may keep its state inside.

    Raises:
        MapError: the artifact has no such input or output.
    """

    def name_in(name: str, names: Sequence[str], stated: Mapping[str, Rule]) -> str | None:
        aliases = [rule.name for rule in stated.values() if rule.other == name]
        return name if name in names else next(iter(aliases), None)

    bindings: dict[str, str] = {}
    for loop in sorted(options.loops, key=lambda loop: loop.artifact != EVERY):
        if loop.artifact not in (EVERY, label):
            continue
        input_name = name_in(loop.input, inputs, rules)
        output = name_in(loop.output, outputs, output_rules)
        if input_name and output:
            bindings[input_name] = output
        elif input_name or output or loop.artifact != EVERY:
            what, name, names = (
                ("output", loop.output, outputs) if input_name else ("input", loop.input, inputs)
            )
            raise MapError(
                f"--loop: {label} has no {what} '{name}' (there are: {', '.join(names) or 'none'})"
            )
    return bindings


def check_first_states(
    signature: Signature,
    states: Mapping[str, LazyArray],
    axes: Mapping[str, int],
    samples: int,
    step: int,
) -> None:
    """Check that the first state of a loop is not given once for each sample.

    Args:
        signature: signature of the artifact, with its symbols.
        states: the first states that the user has given, by input.
        axes: axis of the samples of a state, where it is not the first.
        samples: number of samples, which are the steps.
        step: samples of a call.

    Raises:
        InputError: a state has as many rows as there are samples, though a call takes fewer.
    """
    symbols = {
        spec.sizes[0]
        for spec in signature.inputs
        if spec.sizes and isinstance(spec.sizes[0], str) and spec.name not in states
    }
    for spec in signature.inputs:
        array, axis = states.get(spec.name), axes.get(spec.name, 0)
        if array is None or array.ndim <= axis or array.shape[axis] == step:
            continue
        size = spec.sizes[axis] if spec.sizes else None
        counts = size in symbols or (size is None and array.shape[axis] == samples)
        if counts or size == step:
            raise InputError(
                f"the first state '{spec.name}' has {array.shape[axis]} rows, and a step takes "
                f"{step}: give the state before the first sample alone, or none for zeros"
            )


def zero_state(spec: TensorSpec, samples_axis: int) -> np.ndarray:
    """Make a first state of zeros; the size of the samples' axis may be free.

    Raises:
        InputError: another size is free too, or nothing is known of the state.
    """
    if not spec.is_described:
        raise InputError(
            f"has no '{spec.name}', and what its first state is like is not in the artifact; put "
            "the first state into the file"
        )
    free = [
        axis
        for axis, size in enumerate(spec.sizes)
        if not isinstance(size, int) and axis not in (0, samples_axis)
    ]
    if free:
        raise InputError(
            f"the state '{spec.name}' has a free dimension; set it with --dim "
            f"{dim_name(spec, free[0])}=SIZE, or put the first state into the file"
        )
    # A free dimension left counts samples, of which a step takes one.
    shape = [size if isinstance(size, int) else 1 for size in spec.sizes]
    return np.zeros(shape, dtype_of(spec.dtype))
