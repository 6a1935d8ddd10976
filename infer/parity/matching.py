"""Match the outputs of an artifact with those of the reference."""

from __future__ import annotations

from collections.abc import Mapping

from ..errors import AmbiguousMatchError, MapError
from ..outcome import Failure, Outcome
from ..tensors.dtypes import kind_of
from ..tensors.layouts import layouts
from ..tensors.matching import TensorMatch, match_tensors
from ..tensors.outputs import Outputs
from ..tensors.rules import Rule


def match_outputs(
    outputs: Outputs,
    reference: Outputs,
    rules: Mapping[str, Rule],
    label: str,
    reference_label: str,
) -> tuple[Outputs, list[TensorMatch]]:
    """Convert an artifact's outputs to the reference's names and layouts.

    Args:
        outputs: outputs of the artifact, by its own names.
        reference: outputs of the reference.
        rules: the user's rules, by the artifact's names.
        label, reference_label: labels of both, for messages to the user.

    Returns:
        The outputs in the reference's order, and the matches.

    Raises:
        Failure: outputs are missing, superfluous, or have several possible matches.
    """

    def ways(name: str, other: str) -> list[tuple[int, ...] | None]:
        mine, theirs = kind_of(outputs[name].dtype), kind_of(reference[other].dtype)
        if (mine == "text") != (theirs == "text"):
            return []
        return layouts(outputs[name].shape, reference[other].shape)

    try:
        matches = match_tensors(
            list(outputs), list(reference), rules, ways, outputs=True, label=label
        )
    except MapError as error:
        raise Failure(Outcome.BAD_INPUT, str(error)) from None
    except AmbiguousMatchError as error:
        raise Failure(Outcome.BAD_INPUT, f"outputs of {reference_label}: {error}") from None
    by_reference = {match.other: match for match in matches}
    missing = [name for name in reference if name not in by_reference]
    extra = outputs.keys() - {match.name for match in matches}
    if missing or extra:
        # An output that fits none of the missing ones is left out, not paired.
        fitting = {name for name in extra if any(ways(name, other) for other in missing)}
        spare = min(extra - fitting or extra) if extra else missing[0]
        raise Failure(
            Outcome.PARITY_FAIL,
            f"outputs are {', '.join(outputs)}, those of {reference_label} are "
            f"{', '.join(reference)}; say which is which with --map {label}:NAME=OTHER, or leave "
            f"one out with --ignore {spare}",
        )
    matched = {}
    for name in reference:
        match = by_reference[name]
        array = outputs[match.name]
        axes = match.axes
        if axes is not None:
            if len(axes) != array.ndim:
                raise Failure(
                    Outcome.BAD_INPUT,
                    f"'{match.name}' has {array.ndim} dimensions, the layout in --map {len(axes)}",
                )
            array = array.transpose(axes)
        matched[name] = array
    return matched, matches
