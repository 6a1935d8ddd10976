"""Which samples are kept of each kind of output, and what of them."""

from dataclasses import replace

import numpy as np
import pytest
from example_outputs import compared, detections, images, limits, made_up_boxes, taken

from infer.examples.arrays import MOST_SIDE
from infer.examples.boxes import AGREES, DIFFERS, LONE
from infer.examples.compared import ComparedOutputs
from infer.examples.pictures import input_pictures
from infer.inputs.lazy_array import LazyArray
from infer.metrics.task import TaskRequest
from infer.tensors.ragged import Ragged


def only(outputs):
    (output,) = outputs
    return output, [example.sample for example in output.examples]


def test_boxes_without_a_partner_come_first_and_are_told_apart(tmp_path):
    theirs = made_up_boxes()
    mine = [rows[::-1].copy() for rows in theirs]
    mine[2] = mine[2][1:]  # the last of the reference is missing
    mine[4][:, :4] += [0.5, 0, 0.5, 0]
    pictures = input_pictures(images())

    outputs, read = taken(tmp_path, detections(mine, theirs), pictures)

    output, samples = only(outputs)
    assert (output.kind, output.differing, samples) == ("boxes", 2, [4, 2])
    moved, missing = output.examples
    assert set(read(moved, "answer")[:, 6]) == {DIFFERS}
    assert missing.difference == 1
    states = read(missing, "reference")[:, 6]
    assert sorted(states) == [LONE, AGREES, AGREES]
    lone = read(missing, "reference")[0]
    assert lone[:4] == pytest.approx(theirs[2][-1, :4] / [64, 48, 64, 48])
    assert lone[4:6] == pytest.approx(theirs[2][-1, 4:6])


def test_boxes_in_shares_of_the_picture_and_by_their_centres(tmp_path):
    theirs = made_up_boxes()
    for rows in theirs:
        rows[:, :4] = [0.5, 0.5, 0.2, 0.1]
    mine = [rows.copy() for rows in theirs]
    mine[0][0, 0] = 0.9

    outputs, read = taken(tmp_path, detections(mine, theirs))

    output, _ = only(outputs)
    assert "centre" in output.note
    boxes = read(output.examples[0], "reference")[:, :4]
    assert boxes == pytest.approx(np.tile([0.4, 0.45, 0.6, 0.55], (3, 1)))


def test_a_detector_with_padding_other_corners_and_the_truth(tmp_path):
    boxes = np.zeros((3, 5, 4), "f4")
    boxes[:, :2] = [[10, 20, 30, 50], [40, 8, 44, 20]]  # top, left, bottom, right
    scores = np.zeros((3, 5), "f4")
    scores[:, :2] = 0.9, 0.5
    theirs = {"boxes": boxes, "scores": scores, "classes": np.ones((3, 5), "i8")}
    mine = {name: array.copy() for name, array in theirs.items()}
    mine["boxes"][:, 3:] = 7  # padding may be anything
    mine["classes"][1, 1] = 2
    truth = {"labels.boxes": np.tile([[[20.0, 10, 50, 30]]], (3, 1, 1))}
    truth["labels.classes"] = np.ones((3, 1), int)
    request = TaskRequest("detection", box_format="yxyx")
    given = ComparedOutputs(mine, theirs, limits(*theirs), task=request)

    outputs, read = taken(
        tmp_path, given, input_pictures(images()), sides=(mine, theirs), truth=truth
    )

    output, samples = only(outputs)
    assert (output.output, output.differing, samples) == ("boxes, scores, classes", 1, [1])
    (example,) = output.examples
    shown = read(example, "answer")
    assert len(shown) == 2 and sorted(shown[:, 6]) == [DIFFERS, AGREES]
    first = shown[shown[:, 6] == AGREES][0]
    assert first[:4] == pytest.approx(np.array([20, 10, 50, 30]) / [64, 48, 64, 48])
    assert read(example, "truth")[0, :4] == pytest.approx(first[:4])


def test_classes_come_from_scores_and_no_place_that_differs_is_lost(tmp_path):
    height = 2 * MOST_SIDE
    labels = np.random.default_rng(0).integers(0, 3, (4, height, 16))
    scores = np.eye(3, dtype="f4")[labels].transpose(0, 3, 1, 2)
    mine = scores.copy()
    mine[1, :, 7, 3] = mine[1, [1, 2, 0], 7, 3]  # one place, which is not among those kept
    mine[3, :, :6] = np.roll(mine[3, :, :6], 1, axis=0)
    given = compared({"m": mine}, {"m": scores}, "segmentation", labels=labels)

    outputs, read = taken(tmp_path, given)

    output, samples = only(outputs)
    assert (output.kind, output.differing, samples) == ("classes", 2, [3, 1])
    most, least = output.examples
    assert most.difference == 6 * 16
    assert read(most, "reference").tolist() == labels[3, ::2, ::2].tolist()
    assert (read(most, "truth") == read(most, "reference")).all()
    assert read(least, "difference").sum() == least.difference == 1


def test_without_a_task_maps_are_of_classes_or_of_values(tmp_path):
    draws = np.random.default_rng(0)
    depth = draws.uniform(0, 5, (3, 1, 20, 30)).astype("f4")
    colours = draws.random((3, 20, 30, 3), dtype="f4")
    classes = draws.integers(0, 4, (3, 20, 30))
    expected = {"depth": depth, "colours": colours, "classes": classes}
    mine = {name: array.copy() for name, array in expected.items()}
    mine["depth"][1, 0, 4, 5] += 2
    mine["colours"][2] *= 0.5
    mine["classes"][0, 0, 0] += 1

    outputs, read = taken(tmp_path, compared(mine, expected))

    assert [(o.kind, o.output) for o in outputs] == [
        ("map", "depth"),
        ("map", "colours"),
        ("classes", "classes"),
    ]
    assert [o.examples[0].sample for o in outputs] == [1, 2, 0]
    of_depth, of_colours = (output.examples[0] for output in outputs[:2])
    assert np.argwhere(read(of_depth, "difference") == 255).tolist() == [[4, 5]]
    assert of_depth.arrays["difference"].high == pytest.approx(2)
    assert of_depth.arrays["reference"].high == of_depth.arrays["answer"].high
    assert read(of_colours, "answer").shape == (20, 30, 3)


def test_numbers_beside_the_truth(tmp_path):
    values = np.arange(500, dtype="f4")[:, None]
    mine = values.copy()
    mine[[40, 70]] += [[1], [-3]]
    given = compared({"y": mine}, {"y": values}, "regression", labels=values[:, 0] + 0.5)

    outputs, read = taken(tmp_path, given)

    output, samples = only(outputs)
    assert (output.kind, output.differing, samples) == ("numbers", 2, [70, 40])
    assert read(output.examples[0], "numbers")[:, 0].tolist() == [0, 70, 67, 70.5]
    assert {40, 70} <= {*map(int, _points(tmp_path, output)[0])}
    assert _points(tmp_path, output).shape[1] <= 300


def _points(folder, output):
    from infer.examples.arrays import read_array

    return read_array(folder, "a", output.arrays["points"])


def test_what_is_not_finite_differs_most(tmp_path):
    values = np.ones((4, 1), "f4")
    mine = values.copy()
    mine[1], mine[2] = 9, np.nan

    outputs, _ = taken(tmp_path, compared({"y": mine}, {"y": values}))

    assert only(outputs)[1] == [2, 1]


def test_the_nearest_of_embeddings_on_both_sides(tmp_path):
    angles = np.array([0.0, 0.1, 0.5, 3.0])
    theirs = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype("f4")
    mine = theirs.copy()
    mine[1] = theirs[3]
    given = compared({"e": mine}, {"e": theirs}, "embeddings", labels=np.array([0, 0, 1, 1]))

    outputs, read = taken(tmp_path, given)

    output, samples = only(outputs)
    assert samples == [1]
    (example,) = output.examples
    by_reference, by_artifact = read(example, "neighbours")
    assert (by_reference[0], by_artifact[0]) == (0, 3)
    assert read(example, "belong")[:, 0].tolist() == [1, 0]
    assert example.difference == pytest.approx(1 - np.cos(2.9), abs=1e-6)
    assert {0, 3} <= {*example.others}


def test_the_first_token_that_differs_where_one_is_asked_for(tmp_path):
    theirs = np.arange(80).reshape(2, 40)
    labels = theirs.copy()
    labels[1, 5] = -1
    mine = theirs.copy()
    mine[1, [5, 20, 33]] = 0
    given = compared({"t": mine}, {"t": theirs}, "tokens", labels=labels)

    outputs, read = taken(tmp_path, given)

    output, samples = only(outputs)
    assert (samples, output.differing) == ([1], 1)
    (example,) = output.examples
    begin, first = read(example, "places")
    assert (begin, first, example.difference) == (12, 20, 2)
    assert read(example, "tokens")[0].tolist() == theirs[1, 12:36].tolist()


def test_sequences_of_other_lengths(tmp_path):
    def sequences(*rows):
        return Ragged(np.concatenate(rows), np.cumsum([0, *map(len, rows)]))

    theirs, mine = sequences([5, 6, 7], [8]), sequences([5, 6, 7], [8, 9, 9])
    given = ComparedOutputs({}, {}, {}, task=TaskRequest("tokens"), roles={"tokens": "t"})

    outputs, read = taken(
        tmp_path, given, sides=({"t": mine}, {"t": theirs}), truth={"labels": theirs}
    )

    output, samples = only(outputs)
    assert (samples, output.differing, output.examples[0].difference) == ([1], 1, 2)
    assert read(output.examples[0], "tokens")[:2].tolist() == [[8, -1, -1], [8, 9, 9]]
    assert read(output.examples[0], "places").tolist() == [0, 1]


def test_where_all_agree_the_sample_with_the_largest_difference_is_kept(tmp_path):
    maps = np.ones((3, 20, 20), "f4")
    mine = maps.copy()
    mine[1] += 1e-5

    outputs, _ = taken(tmp_path, compared({"m": mine}, {"m": maps}))

    output, samples = only(outputs)
    assert (output.differing, samples) == (0, [1])


@pytest.mark.parametrize(
    ("values", "shape"),
    [
        (np.zeros((2, 3, 20, 30), "f4"), (20, 30, 3)),
        (np.zeros((2, 20, 30, 1), "f4"), (20, 30)),
        (np.zeros((2, 20, 30), "u1"), (20, 30)),
        (np.zeros((2, 1000, 500, 3), "u1"), (250, 125, 3)),
        (np.full((2, 20, 30), 2, "f4"), None),  # features by time
        (np.zeros((2, 30), "f4"), None),
        (np.zeros((2, 20, 30, 7), "f4"), None),
    ],
)
def test_which_inputs_are_pictures(values, shape):
    found = input_pictures({"x": LazyArray.of(values)})
    assert (found and found.picture(1).shape) == shape


@pytest.mark.parametrize(
    ("shape", "inputs", "kind"),
    [
        ((2, 16, 64), [(2, 16)], None),  # tokens and their hidden states
        ((2, 4, 16, 16), [(2, 16)], None),  # heads of attention
        ((2, 64, 64), [(2, 3, 32, 32)], "map"),
        ((2, 50, 64), [(2, 3, 32, 32)], None),  # patches
        ((2, 3, 32, 32), [(2, 128)], "map"),  # a picture that is drawn
        ((2, 21, 16, 16), [(2, 3, 64, 64)], "classes"),
    ],
)
def test_a_map_has_the_sides_of_an_input(tmp_path, shape, inputs, kind):
    values = np.random.default_rng(0).normal(size=shape).astype("f4")
    other = values.copy()
    other[1] += 1 if kind == "map" else np.random.default_rng(1).normal(size=shape[1:])
    given = replace(compared({"y": other}, {"y": values}), input_shapes=inputs)

    outputs, read = taken(tmp_path, given)

    assert [output.kind for output in outputs] == ([kind] if kind else [])
    if kind == "classes":  # more channels than places along a side
        assert read(outputs[0].examples[0], "reference").shape == (16, 16)


@pytest.mark.filterwarnings("error")
def test_what_is_no_class_is_shown_as_none(tmp_path):
    classes = np.ones((3, 8, 8), "i8")
    mine = classes.astype("f4")
    mine[0, 0, 0], mine[1, 1, 1] = np.nan, 1.5

    outputs, read = taken(tmp_path, compared({"mask": mine}, {"mask": classes}))

    output, samples = only(outputs)
    assert (output.kind, output.differing, sorted(samples)) == ("classes", 2, [0, 1])
    assert {read(example, "answer").min() for example in output.examples} == {-1}
