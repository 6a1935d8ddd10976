"""State bindings: inputs that take the state that the previous call returned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..errors import MapError
from ..tensors.rules import EVERY, Rule
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

    def own(name: str, names: Sequence[str], stated: Mapping[str, Rule]) -> str | None:
        aliases = [rule.name for rule in stated.values() if rule.other == name]
        return name if name in names else next(iter(aliases), None)

    bindings: dict[str, str] = {}
    for loop in sorted(options.loops, key=lambda loop: loop.artifact != EVERY):
        if loop.artifact not in (EVERY, label):
            continue
        input_name = own(loop.input, inputs, rules)
        output = own(loop.output, outputs, output_rules)
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
