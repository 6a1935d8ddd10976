"""Rows of sets that come in another order in another call of the same artifact."""

import numpy as np
import pytest

from infer.parity.set_order import differences_as_sets, in_set_order
from infer.parity.tolerance import Tolerance
from infer.tensors.comparison_options import RowSet
from infer.tensors.outputs import CallSamples, SampleAxis, SavedOutput

SETS = [RowSet("boxes", ("scores",))]
LIMITS = {name: Tolerance(1e-4, "given") for name in ("boxes", "scores", "other")}
BOXES = np.array([[0, 0, 4, 4], [8, 8, 12, 12], [20, 0, 30, 9]], np.float32)
SCORES = np.array([0.9, 0.8, 0.7], np.float32)
TURNED = [2, 0, 1]


def dense(boxes, scores, other=SCORES):
    call = (CallSamples.from_range(0, 1),)
    axis = SampleAxis(0, settled=True)
    arrays = {"boxes": boxes, "scores": scores, "other": other}
    return {name: SavedOutput(call, (array[None],), axis) for name, array in arrays.items()}


def ragged(boxes, scores, other=SCORES):
    calls = tuple(CallSamples.from_range(first, 1) for first in (0, 1))
    arrays = {"boxes": boxes, "scores": scores, "other": other}
    return {
        name: SavedOutput(calls, (array, array[:1]), by_rows=True) for name, array in arrays.items()
    }


@pytest.mark.parametrize("form", [dense, ragged])
def test_the_same_rows_in_another_order_do_not_differ(form):
    turned = form(BOXES[TURNED], SCORES[TURNED], SCORES[TURNED])
    if form is ragged:  # the second sample has the first row alone
        turned = {
            name: SavedOutput(output.calls, (output.parts[0], SCORES[:1]), by_rows=True)
            if name != "boxes"
            else SavedOutput(output.calls, (output.parts[0], BOXES[:1]), by_rows=True)
            for name, output in turned.items()
        }

    found = differences_as_sets(turned, form(BOXES, SCORES), SETS, LIMITS)

    assert found == {"boxes": 0, "scores": 0}  # what is in no set stays in order


@pytest.mark.parametrize("form", [dense, ragged])
@pytest.mark.parametrize(
    ("boxes", "scores"),
    [
        (BOXES + np.float32([[0], [0], [0.5]]), SCORES),
        (BOXES, SCORES[TURNED]),  # the scores of other rows
        (BOXES[[0, 0, 1]], SCORES[[0, 0, 1]]),  # a row twice, and one missing
    ],
)
def test_rows_that_differ_do(form, boxes, scores):
    found = differences_as_sets(form(boxes, scores), form(BOXES, SCORES), SETS, LIMITS)

    assert max(float("inf") if by is None else by for by in found.values()) > 0.05


def test_a_set_of_which_an_output_is_missing_stays_in_its_order():
    outputs = {"boxes": BOXES[None, TURNED]}

    assert in_set_order(outputs, {"boxes": BOXES[None]}, {}, SETS, LIMITS)[0] is outputs
