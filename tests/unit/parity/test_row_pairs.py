"""Rows of samples beside those of another artifact: in order, or as sets."""

import dataclasses
import math

import numpy as np
import pytest

from infer.errors import OptionError
from infer.outcome import Failure
from infer.parity.alignment import align
from infer.parity.comparable_outputs import check_lone_finite
from infer.parity.comparing import compare
from infer.parity.row_pairs import PairedOutputs, RowPair, paired_in_order, with_pairs
from infer.parity.set_pairs import pair_sets
from infer.parity.tolerance import Tolerance
from infer.tensors.comparison_options import RowSet, parse_comparisons
from infer.tensors.outputs import CallSamples, SavedOutput
from infer.tensors.ragged import Ragged
from infer.tensors.sample_axis import sample_axis
from infer.tensors.sample_columns import RowsError, by_sample_columns, parse_sample_columns

BOXES = [
    np.array([[0, 0, 4, 4], [1, 1, 9, 9.0]]),
    np.zeros((0, 4)),
    np.array([[2, 2, 3, 3.0]]),
]
SCORES = [np.array([0.9, 0.8]), np.zeros(0), np.array([0.7])]
SET = RowSet("boxes", ("scores",))


def saved(samples):
    calls = tuple(CallSamples.from_range(number, 1) for number in range(len(samples)))
    return SavedOutput(calls, tuple(samples))


def outputs(boxes=BOXES, scores=SCORES):
    return {"boxes": saved(boxes), "scores": saved(scores)}


def compared(mine, theirs, row_sets=(), **options):
    aligned = align(mine, theirs, {}, "a", "b")
    limits = {name: Tolerance(0.01, "given") for name in aligned.expected}
    paired = PairedOutputs(aligned.outputs, aligned.expected, aligned.calls)
    for name, pair in aligned.rows.items():
        if not pair.same_counts:
            paired = with_pairs(paired, name, pair, *paired_in_order(pair))
    paired = pair_sets(paired, aligned.rows, row_sets, limits)
    return compare(
        *(paired.outputs, paired.expected, limits),
        calls=paired.calls,
        lone_rows=paired.lone,
        **options,
    )


def shuffled(samples):
    return [rows[::-1] for rows in samples]


def test_rows_in_another_order_are_the_same_set_and_no_list():
    others = outputs(shuffled(BOXES), shuffled(SCORES))

    assert not compared(others, outputs())["passed"]
    assert compared(others, outputs(), [SET])["passed"]
    assert compared(outputs(), outputs())["passed"]


def test_a_set_whose_scores_belong_to_other_rows_differs():
    result = compared(outputs(scores=shuffled(SCORES)), outputs(), [SET])

    assert not result["passed"]


@pytest.mark.parametrize("row_sets", [(), (SET,)])
def test_a_row_more_is_a_difference_that_no_tolerance_passes(row_sets):
    boxes = [*BOXES[:2], np.array([[2, 2, 3, 3.0], [20, 20, 30, 30]])]
    scores = [*SCORES[:2], np.array([0.7, 0.6])]

    for mine, theirs in ((outputs(boxes, scores), outputs()), (outputs(), outputs(boxes, scores))):
        result = compared(mine, theirs, row_sets)

        assert not result["passed"]
        assert result["largest_difference"] == math.inf
        assert sorted(result["by_output"]["boxes"]["lone_rows"]) == [0, 1]
        assert result["differing"][0]["sample"] == 2
        assert compared(mine, theirs, row_sets, allowed={"boxes": 0.25, "scores": 0.25})["passed"]
        assert not compared(mine, theirs, row_sets, allowed={"boxes": 0.25})["passed"]
        assert not compared(mine, theirs, row_sets, allowed={"boxes": 0.2, "scores": 1})["passed"]


def test_a_set_has_partners_within_tolerance_wherever_there_are_any():
    # Each row is nearest to a partner that the other one needs.
    theirs = outputs([np.array([[0, 0, 5, 5], [0, 0, 5.009, 5]])], [np.array([0.5, 0.5])])
    mine = outputs([np.array([[0, 0, 5.008, 5], [0, 0, 5.018, 5]])], [np.array([0.5, 0.5])])

    assert compared(mine, theirs, [SET])["passed"]


def test_boxes_that_hardly_overlap_are_no_partners_and_moved_ones_are():
    moved = outputs([BOXES[0] + 0.1, *BOXES[1:]])
    elsewhere = outputs([BOXES[0] + 50, *BOXES[1:]])

    result = compared(moved, outputs(), [SET])["by_output"]["boxes"]
    assert (result["lone_rows"], result["rows_beyond"]) == ((0, 0), 2)
    result = compared(elsewhere, outputs(), [SET])["by_output"]["boxes"]
    assert result["lone_rows"] == (2, 2)


def test_not_a_number_is_no_partner_of_a_number():
    broken = outputs([BOXES[0] * np.nan, *BOXES[1:]])

    assert not compared(broken, outputs(), [SET])["passed"]


def test_as_many_rows_in_each_image_beside_other_numbers_are_compared_by_rows():
    mine = [np.ones((2, 4)), np.ones((2, 4))]

    result = compared({"boxes": saved(mine)}, {"boxes": saved([mine[0], mine[1][:1]])})

    assert result["by_output"]["boxes"]["lone_rows"] == (1, 0)


def test_rows_behind_an_axis_of_one_are_the_same_rows():
    wrapped = [boxes[None] for boxes in BOXES]

    assert compared({"boxes": saved(wrapped)}, {"boxes": saved(BOXES)})["passed"]


def test_sets_of_samples_by_rows_are_taken_apart():
    calls = (CallSamples.from_range(0, 2),)
    theirs = {"boxes": SavedOutput(calls, (np.arange(24.0).reshape(2, 3, 4),)).with_axis(0)}
    mine = {"boxes": SavedOutput(calls, (theirs["boxes"].array[:, ::-1],)).with_axis(0)}

    assert not compared(mine, theirs)["passed"]
    assert compared(mine, theirs, [RowSet("boxes")])["passed"]


def test_other_numbers_of_scores_than_of_boxes_are_said():
    with pytest.raises(Failure, match="'scores' has other numbers of rows than 'boxes'"):
        compared(outputs(), outputs(scores=SCORES[::-1]), [SET])


def flat(column):
    calls = (CallSamples((0, 1, 1), 2), CallSamples((2, 2, 2), 1))
    parts = tuple(np.array([[place, 10.0 * place] for place in places]) for places in column)
    return {"found": SavedOutput(calls, tuple(part.reshape(-1, 2) for part in parts))}


def test_lists_are_taken_apart_by_their_column():
    columns = parse_sample_columns(["found:0"], [])
    found = by_sample_columns(flat([[1, 0, 1, -1, 2], []]), columns, "a")["found"]

    assert [call.rows for call in found.calls] == [(0,), (1,), (2,)]
    assert [part.tolist() for part in found.parts] == [[[0]], [[10], [10]], []]
    assert found.rows.counts.tolist() == [1, 2, 0]


@pytest.mark.parametrize("wrong", [3, 0.5, -2, np.nan])
def test_a_number_that_no_sample_has_is_an_error(wrong):
    with pytest.raises(RowsError, match="is no sample of a call of 3"):
        by_sample_columns(flat([[0, wrong], [0]]), parse_sample_columns(["found:0"], []), "a")


@pytest.mark.parametrize("text", ["found", "found:", ":0", "found:x", "found=:1", "found:-1"])
def test_rows_that_say_no_column_are_refused(text):
    with pytest.raises(OptionError, match="say "):
        parse_sample_columns([text], [])


@pytest.mark.parametrize("text", ["boxes", "boxes=sets", "=set", "boxes=set:", "boxes=set:a,,b"])
def test_comparisons_that_say_nothing_are_refused(text):
    with pytest.raises(OptionError, match="say "):
        parse_comparisons([text])


def test_comparisons_are_read():
    texts = ["u=abs", "boxes=set:classes,scores", "tokens=set"]

    absolute, row_sets = parse_comparisons(texts)

    assert absolute == ("u",)
    assert [row_set.text for row_set in row_sets] == texts[1:]


def test_rows_of_probabilities_have_partners_within_their_odds():
    """The nearest partners are beyond tolerance, of which the odds make nothing better."""
    theirs = np.array([[[0.5, 0.5], [0.58, 0.42]]])
    mine = np.array([[[0.56, 0.44], [0.64, 0.36]]])
    limits = {"p": Tolerance(0.03, "given", odds=1.3)}
    pairs = {"p": RowPair(*(Ragged(side[0], np.array([0, 2])) for side in (mine, theirs)), (0,))}

    paired = pair_sets(PairedOutputs({"p": mine}, {"p": theirs}, {}), pairs, [RowSet("p")], limits)
    result = compare(
        paired.outputs, paired.expected, limits, calls=paired.calls, lone_rows=paired.lone
    )

    assert result["passed"]


def by_axis(samples):
    """Samples of which the axis was looked for, as that of what an artifact gave."""
    output = saved(samples)
    return dataclasses.replace(output, sample_axis=sample_axis(output, None))


def test_the_only_box_of_each_sample_is_one_row_and_no_set_of_its_corners():
    boxes, scores = [np.array([[1, 2, 3, 4.0]])], [np.array([0.5])]
    one = {"boxes": by_axis(boxes)}
    turned = {"boxes": by_axis([boxes[0][:, ::-1]])}

    assert compared(one, one, [RowSet("boxes")])["passed"]
    assert not compared(turned, one, [RowSet("boxes")])["passed"]
    both = {**one, "scores": by_axis(scores)}
    assert compared(both, both, [SET])["passed"]
    assert not compared({**turned, "scores": both["scores"]}, both, [SET])["passed"]


def test_rows_in_samples_of_one_call_each_may_still_be_a_set():
    boxes, scores = np.arange(12.0).reshape(1, 3, 4), np.arange(3.0).reshape(1, 3)
    theirs = {"boxes": by_axis([boxes]), "scores": by_axis([scores])}
    mine = {"boxes": by_axis([boxes[:, ::-1]]), "scores": by_axis([scores[:, ::-1]])}

    assert compared(mine, theirs, [SET])["passed"]
    assert not compared({**mine, "scores": theirs["scores"]}, theirs, [SET])["passed"]
    numbers = {"found": by_axis([np.array([[3, 1, 2, 7]])])}
    others = {"found": by_axis([np.array([[1, 2, 3, 7]])])}
    assert compared(numbers, others, [RowSet("found")])["passed"]


def test_one_row_in_each_sample_behind_an_axis_of_one_is_beside_other_numbers_of_rows():
    mine = {"boxes": by_axis([np.ones((1, 1, 4)), np.ones((1, 1, 4))])}
    theirs = {"boxes": by_axis([np.ones((1, 1, 4)), np.ones((1, 2, 4))])}

    result = compared(mine, theirs)

    assert result["by_output"]["boxes"]["lone_rows"] == (0, 1)
    assert compared(mine, theirs, allowed={"boxes": 0.4})["passed"]


def test_sets_without_any_row_are_the_same():
    none = {"boxes": by_axis([np.zeros((1, 0, 4))] * 2)}
    settled = {"boxes": SavedOutput((CallSamples.from_range(0, 2),), (np.zeros((2, 3, 0)),))}
    settled["boxes"] = settled["boxes"].with_axis(0)

    for outputs_of_both in (none, settled):
        assert compared(outputs_of_both, outputs_of_both, [RowSet("boxes")])["passed"]
    stacked = {"boxes": saved([np.zeros((3, 0, 4))] * 2)}
    assert compared(stacked, stacked, [RowSet("boxes")])["passed"]


def test_values_that_are_not_finite_are_excused_by_those_of_the_partner_alone():
    paired = {"boxes": np.array([np.nan, 1.0])}

    check_lone_finite({"boxes": np.array([1.0, np.nan, 2.0])}, paired)
    with pytest.raises(Failure, match="not finite in 1 values of rows"):
        check_lone_finite({"boxes": np.array([1.0, np.nan, np.inf])}, paired)
