"""Judge the outputs of an artifact beside those of another: its reference, or a former version."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from ..parity.alignment import Aligned
from ..parity.comparing import compare, scores_of
from ..parity.quantised_decision import decide
from ..parity.row_pairs import PairedOutputs, paired_in_order, with_pairs
from ..parity.set_pairs import pair_sets
from ..parity.tolerance import Tolerance
from ..stats.accuracy import Difference, paired_difference
from ..tensors.chunks import largest_columns
from ..tensors.outputs import Outputs
from .run_context import RunContext
from .text_labels import numbers_of_classes


def judged_outputs(
    context: RunContext,
    paired: PairedOutputs,
    limits: Mapping[str, Tolerance],
    classes: Sequence[str],
    accuracy: Difference | None,
    *,
    is_compared: bool = True,
) -> dict[str, Any]:
    """Judge outputs by their numbers, or by labels or accuracy where numbers cannot decide.

    Args:
        context: context of the run.
        paired: outputs of the artifact, by the other's names, beside those of the other.
        limits: tolerance by output.
        classes: names of the classes, if known.
        accuracy: the accuracy less the other's, on true labels; None where there are none.
        is_compared: whether these are outputs of two artifacts.

    Returns:
        What `compare` returns, `decided_by`, `reason`, which is what decided about a quantised
        model, in words, `quantisation_doubts` and `accuracy_difference`.

    Raises:
        Failure: names or shapes differ.
    """
    outputs, expected = paired.outputs, paired.expected
    result = compare(
        *(outputs, expected, limits),
        absolute=context.plan.absolute,
        classes=classes,
        allowed=context.plan.allowed,
        calls=paired.calls,
        lone_rows=paired.lone,
    )
    result |= {"reason": "", "accuracy_difference": accuracy and asdict(accuracy)}
    if is_compared and any(limit.expected for limit in limits.values()):
        scores = scores_of(expected, len(classes) or None)
        decision = decide(result, outputs, expected, limits, scores, accuracy)
        result |= {
            "passed": decision.passed,
            "decided_by": decision.decided_by,
            "reason": decision.text,
            "quantisation_doubts": decision.doubts,
        }
    return result


def paired_outputs(
    context: RunContext, aligned: Aligned, limits: Mapping[str, Tolerance]
) -> PairedOutputs:
    """Put outputs side by side: rows of samples in order, or as sets where the user says so.

    Raises:
        Failure: what the user says of sets does not fit the outputs.
    """
    paired = PairedOutputs(aligned.outputs, aligned.expected, aligned.calls)
    for name, pair in aligned.rows.items():
        if not pair.same_counts:
            paired = with_pairs(paired, name, pair, *paired_in_order(pair))
    plan = context.plan
    return pair_sets(paired, aligned.rows, plan.row_sets, limits, plan.absolute)


def accuracy_difference(
    context: RunContext, label: str, outputs: Outputs, expected: Outputs, classes: Sequence[str]
) -> Difference | None:
    """The accuracy of a classifier less that of another; None without numbered labels.

    Args:
        context: context of the run.
        label: label of the artifact.
        outputs: its outputs, by the other's names.
        expected: outputs of the other artifact.
        classes: names of the classes, if known.
    """
    labels = context.labels(label)
    scores = scores_of(expected, len(classes) or None)
    if labels is None or not scores or len(labels) != len(expected[scores]):
        return None
    numbers = numbers_of_classes(labels, tuple(classes))
    if numbers.dtype.kind == "U":
        return None
    return paired_difference(
        *(largest_columns(side[scores]) == numbers for side in (outputs, expected))
    )
