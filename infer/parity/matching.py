"""Match the outputs of an artifact with those of the reference."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from ..errors import AmbiguousMatchError, MapError
from ..escaping import shell_word
from ..outcome import Failure, Outcome
from ..tensors.dtypes import kind_of
from ..tensors.layouts import layouts, layouts_apart, rearranged
from ..tensors.matching import LayoutsThatFit, TensorMatch, assignment, match_tensors
from ..tensors.outputs import Outputs
from ..tensors.rules import Rule


def match_outputs(
    outputs: Outputs,
    reference: Outputs,
    rules: Mapping[str, Rule],
    label: str,
    reference_label: str,
    alike: Callable[[str, str], bool] = lambda name, other: True,
) -> tuple[Outputs, list[TensorMatch]]:
    """Convert an artifact's outputs to the reference's names and layouts.

    Args:
        outputs: outputs of the artifact, by its own names.
        reference: outputs of the reference.
        rules: the user's rules, by the artifact's names.
        label, reference_label: labels of both, for messages to the user.
        alike: whether an output and one of the reference are alike in a call, which decides where
            several pairs fit.

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

    def ways_if_alike(name: str, other: str) -> list[tuple[int, ...] | None]:
        return ways(name, other) if alike(name, other) else []

    def matched_by(fits: LayoutsThatFit) -> list[TensorMatch]:
        return match_tensors(list(outputs), list(reference), rules, fits, outputs=True, label=label)

    try:
        try:
            matches = matched_by(ways)
        except AmbiguousMatchError:
            matches = matched_by(ways_if_alike)
            if len(matches) < len(outputs):
                raise
    except MapError as error:
        raise Failure(Outcome.BAD_INPUT, str(error)) from None
    except AmbiguousMatchError as error:
        raise Failure(Outcome.BAD_INPUT, f"outputs beside {reference_label}: {error}") from None
    by_reference = {match.other: match for match in matches}
    missing = [name for name in reference if name not in by_reference]
    extra = [name for name in outputs if name not in {match.name for match in matches}]
    if missing or extra:
        pairs = assignment(
            {name: [other for other in missing if ways(name, other)] for name in extra}
        )
        unpaired = {*extra, *missing} - pairs.keys() - set(pairs.values())
        remedies = []
        if pairs:
            options = (shell_word(f"{label}:{name}={other}") for name, other in pairs.items())
            remedies.append(f"pair outputs, as --map {' '.join(options)}")
        if unpaired and (matches or pairs):
            names = (shell_word(name) for name in (*extra, *missing) if name in unpaired)
            remedies.append(f"leave out what only one has, by --ignore {' '.join(names)}")
        raise Failure(
            Outcome.PARITY_FAIL,
            f"outputs are {', '.join(outputs)}, those of {reference_label} are "
            f"{', '.join(reference)}" + ("; " + ", and ".join(remedies) if remedies else ""),
        )
    matched = {}
    for name in reference:
        match = by_reference[name]
        try:
            array = rearranged(outputs[match.name], match.axes, match.name, match.layout)
        except MapError as error:
            raise Failure(Outcome.BAD_INPUT, str(error)) from None
        _check_shape(match, array, reference[name], label)
        matched[name] = array
    return matched, matches


def _check_shape(match: TensorMatch, array: np.ndarray, expected: np.ndarray, label: str) -> None:
    """Check that an output has the reference's shape, if it is another layout of it.

    Raises:
        Failure: the shapes differ in axes of length 1 or in their order only.
    """
    apart = None if match.axes else layouts_apart(array.shape, expected.shape)
    if apart is not None:
        option = shell_word(f"{label}:{match.name}@{apart[0]}={match.other}@{apart[1]}")
        raise Failure(
            Outcome.PARITY_FAIL,
            f"'{match.name}' has the shape {array.shape}, the reference's '{match.other}' "
            f"{expected.shape}; if only the layout differs, say how, as --map {option}",
        )
