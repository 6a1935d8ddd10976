"""Bring the outputs of two artifacts into one form: samples beside samples, or calls beside calls.

Outputs are compared by samples where the axis of the samples is known on both sides. Else they are
compared whole, which needs the same calls on both sides: the same samples in each.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from ..errors import MapError
from ..outcome import Failure, Outcome
from ..tensors.layouts import layouts, rearranged
from ..tensors.matching import TensorMatch
from ..tensors.outputs import Outputs, SampleAxis, SavedOutput, SavedOutputs, in_a_row
from ..tensors.rules import Rule
from ..tensors.sample_axis import taking_axis
from .matching import match_outputs
from .row_pairs import RowPair, row_pair
from .whole_calls import WholeCall, named_samples


@dataclass(frozen=True)
class Aligned:
    """The outputs of an artifact and of its reference, by the reference's names.

    Attributes:
        outputs, expected: values, in the same form on both sides.
        calls: the calls of outputs that are compared whole, whose values are in one row; all other
            outputs are N x anything. Samples with rows are such calls.
        rows: outputs with rows of samples, on both sides; also of outputs that are N x anything and
            may be one row of each sample.
        matches: which output of the artifact was taken for which of the reference.
        notes: on axes of samples that differ, in words.
        taken_axes: axes of samples of the artifact's outputs that only the reference shows, by the
            artifact's own names.
    """

    outputs: Outputs
    expected: Outputs
    calls: Mapping[str, tuple[WholeCall, ...]]
    rows: Mapping[str, RowPair]
    matches: tuple[TensorMatch, ...]
    notes: tuple[str, ...]
    taken_axes: Mapping[str, SampleAxis]


class OtherCallsError(Exception):
    """Outputs can only be compared whole, and the calls of the two artifacts differ.

    Attributes:
        name, other: name of such an output in the artifact and in the reference.
    """

    def __init__(self, name: str, other: str) -> None:
        super().__init__(f"'{name}' and '{other}' come from different calls")
        self.name = name
        self.other = other


def align(
    outputs: SavedOutputs,
    reference: SavedOutputs,
    rules: Mapping[str, Rule],
    label: str,
    reference_label: str,
) -> Aligned:
    """Bring the outputs of an artifact and of its reference into one form.

    Args:
        outputs: outputs of the artifact, by its own names.
        reference: outputs of the reference.
        rules: the user's rules, by the artifact's names.
        label, reference_label: labels of both, for messages to the user.

    Raises:
        Failure: outputs are missing, superfluous, have several possible matches, or another shape
            in a call.
        OtherCallsError: some can only be compared whole, and their calls differ.
    """

    def alike(name: str, other: str) -> bool:
        """Whether the samples are on the same axis, or the shape of the only call is the same."""
        a, b = with_axis[name], reference_with_axis[other]
        if a.is_single and len(a.calls) == 1:  # perhaps whole inputs, and channels are none
            return a.shapes == b.shapes
        return None in (a.axis, b.axis) or a.axis == b.axis

    with_axis = {name: _taking(output, reference, name) for name, output in outputs.items()}
    reference_with_axis = {
        name: _taking(output, with_axis, name) for name, output in reference.items()
    }
    with_axis, reference_with_axis = _by_rows_where_needed(with_axis, reference_with_axis)
    matched, matches = match_outputs(
        {
            name: output.array
            if output.has_samples
            else _placeholder(output, name, reference_with_axis)
            for name, output in with_axis.items()
        },
        {
            name: _placeholder(output, name, with_axis)
            for name, output in reference_with_axis.items()
        },
        {name: _moved(rule, with_axis, reference_with_axis) for name, rule in rules.items()},
        label,
        reference_label,
        alike,
    )
    expected: Outputs = {}
    calls: dict[str, tuple[WholeCall, ...]] = {}
    rows: dict[str, RowPair] = {}
    notes: list[str] = []
    by_other = {match.other: match for match in matches}
    for name in matched:
        match = by_other[name]
        a, b = with_axis[match.name], reference_with_axis[name]
        expected[name] = b.array
        if a.has_samples and b.has_samples:
            if None not in (a.axis, b.axis) and a.axis != b.axis and not a.is_single:
                notes.append(
                    f"{match.name}: its samples are on axis {a.axis}, those of '{name}' of "
                    f"{reference_label} on axis {b.axis}"
                )
            is_open = not (a.sample_axis.settled or b.sample_axis.settled)
            if is_open and a.shapes == b.shapes and (pair := row_pair(a, b)) is not None:
                rows[name] = pair  # perhaps one row of each sample, which sets tell
            continue
        if (pair := row_pair(a, b)) is not None:
            rows[name] = pair
            if not pair.same_counts or a.shapes != b.shapes:
                matched[name], expected[name] = pair.outputs.in_a_row, pair.expected.in_a_row
                calls[name] = pair.calls
                continue
        matched[name], expected[name], calls[name] = _whole(match, a, b, reference_label)
    taken_axes = {
        name: output.sample_axis
        for name, output in with_axis.items()
        if output.axis is not None and outputs[name].axis is None
    }
    return Aligned(matched, expected, calls, rows, tuple(matches), tuple(notes), taken_axes)


def _placeholder(output: SavedOutput, name: str, others: SavedOutputs) -> np.ndarray:
    """The array that an output is matched by: by its rows, if its partner may have rows too."""
    partners = [others[name]] if name in others else list(others.values())
    if len(partners) == 1 and not (output.has_samples or partners[0].has_samples):
        pair = row_pair(output, partners[0])
        if pair is not None:
            shape = len(pair.outputs), 1, *pair.outputs.values.shape[1:]
            return np.broadcast_to(np.zeros((), pair.outputs.values.dtype), shape)
    of_rows = None if output.has_samples else output.placeholder_of_rows
    has_partner = any(not other.has_samples and other.rows is not None for other in partners)
    return of_rows if of_rows is not None and has_partner else output.placeholder


def _by_rows_where_needed(
    outputs: SavedOutputs, reference: SavedOutputs
) -> tuple[SavedOutputs, SavedOutputs]:
    """Take outputs by the rows of their samples where the other side has other numbers of rows.

    A detector that happens to find as many objects in each image is beside one that does not. What
    may be another layout of the same values has no rows.
    """
    mine, theirs = dict(outputs), dict(reference)
    for name, a in outputs.items():
        other = name if name in reference else next(iter(reference), "")
        b = reference.get(other)
        if b is None or (name != other and (len(outputs), len(reference)) != (1, 1)):
            continue
        if a.rows is None or b.rows is None or not (a.has_samples or b.has_samples):
            continue
        if a.sample_axis.settled or b.sample_axis.settled:
            continue
        if not (a.has_samples and b.has_samples) or (
            not layouts(a.shape, b.shape) and row_pair(a, b) is not None
        ):
            mine[name], theirs[other] = (replace(side, by_rows=True) for side in (a, b))
    return mine, theirs


def _taking(output: SavedOutput, others: SavedOutputs, name: str) -> SavedOutput:
    """Take an open axis of samples from the other artifact: preferably from the same name."""
    for other in sorted(others, key=lambda other: other != name):
        taken = taking_axis(output, others[other])
        if taken.has_samples and taken.shape[1:] == others[other].shape[1:]:
            return taken
    if not output.sample_axis.settled and not all(other.has_samples for other in others.values()):
        return output.with_axis(None, settled=True)  # it is one of those without samples
    return output


def _moved(rule: Rule, outputs: SavedOutputs, reference: SavedOutputs) -> Rule:
    """The rule for arrays whose axis of samples was moved to the front."""

    def front(layout: str | None, output: SavedOutput | None) -> str | None:
        if layout is None or output is None or not output.axis or output.axis >= len(layout):
            return layout
        axis = output.axis
        return layout[axis] + layout[:axis] + layout[axis + 1 :]

    return replace(
        rule,
        layout=front(rule.layout, outputs.get(rule.name)),
        other_layout=front(rule.other_layout, reference.get(rule.other)),
    )


def _whole(
    match: TensorMatch, a: SavedOutput, b: SavedOutput, reference_label: str
) -> tuple[np.ndarray, np.ndarray, tuple[WholeCall, ...]]:
    """The values of an output on both sides, call by call, and the calls.

    A single value is that value, whatever axes of length 1 it has.
    """
    if a.calls != b.calls:
        raise OtherCallsError(match.name, match.other)
    try:
        parts = [rearranged(part, match.axes, match.name, match.layout) for part in a.parts]
    except MapError as error:
        raise Failure(Outcome.BAD_INPUT, str(error)) from None
    if match.axes is None:
        parts = [
            part.reshape(expected.shape) if part.size == expected.size == 1 else part
            for part, expected in zip(parts, b.parts, strict=True)
        ]
    for call, part, expected in zip(a.calls, parts, b.parts, strict=True):
        if part.shape != expected.shape:
            rows = call.rows[: call.samples]
            where = named_samples(rows[0], len(rows)) if rows else "the call"
            raise Failure(
                Outcome.PARITY_FAIL,
                f"'{match.other}' has the shape {part.shape} for {where}, that of "
                f"{reference_label} {expected.shape}",
            )
    whole = tuple(
        WholeCall(call.rows[: call.samples], part.shape)
        for call, part in zip(a.calls, b.parts, strict=True)
    )
    return in_a_row(parts), in_a_row(b.parts), whole
