"""Check, before anything is measured, that what the user says of inputs is about something.

An option that meets nothing is an error where the names that it may have are known in advance: the
run could not mean what the user meant. Rules, and what is said of outputs, give a notice when the
artifacts have been called (results/unused.py), since files do not tell the names of all outputs.
"""

from __future__ import annotations

from collections.abc import Iterable

from ..errors import ArtifactError, InputError
from ..inputs.dimensions import free_dims, has_dim
from ..measure.file_signatures import stated_signatures
from ..measure.plan import Plan
from ..tensors.rules import EVERY
from ..tensors.signature import Signature
from .source_inputs import names_of


def check_options(plan: Plan) -> None:
    """Check that the options about inputs name what an artifact has.

    Raises:
        InputError: no artifact has it, as far as their files tell.
    """
    options = plan.input_options
    loops = [loop for loop in options.loops if loop.artifact == EVERY]
    if not (options.dims or options.ranges or loops or options.whole):
        return
    signatures = _signatures(plan)
    if signatures is None:
        return
    inputs = {spec.name for signature in signatures for spec in signature.inputs}
    known = inputs | {name for rule in options.rules for name in (rule.name, rule.other)}
    if plan.inputs:
        known |= set(names_of(plan.inputs))
    for name in options.dims:
        if not any(has_dim(signature, name) for signature in signatures):
            raise InputError(
                f"--dim {name}: no artifact has such a free dimension (there are: "
                f"{_listed(free_dims(signatures))})"
            )
    named = [(f"--range {name}", name) for name in options.ranges]
    named += [(f"--whole {name}", name) for name in options.whole]
    named += [(f"--loop {loop.text}", loop.input) for loop in loops]
    for option, name in named:
        # A tuple of TorchScript is one argument in its file, and several inputs: `state.0`.
        if not {name, name.partition(".")[0]} & known:
            raise InputError(
                f"{option}: no artifact has the input '{name}' (there are: {_listed(inputs)})"
            )


def _signatures(plan: Plan) -> list[Signature] | None:
    """What all artifacts state; None if one of them does not tell, or cannot be opened."""
    signatures: list[Signature] = []
    for path in {path for _, path in plan.artifacts}:
        try:
            stated = stated_signatures(plan.opened.open(path))
        except ArtifactError:
            return None
        if stated is None:
            return None
        signatures += stated
    return signatures


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "none"
