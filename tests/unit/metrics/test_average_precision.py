"""Average precision is COCO's, also of images that are drawn several times."""

import contextlib
import io
import sys
import warnings

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from infer.errors import MetricError
from infer.metrics.average_precision import detection_metrics
from infer.metrics.evaluation import evaluate
from infer.metrics.metric import Drawn
from infer.metrics.task import TaskRequest
from infer.metrics.tasks import TASKS
from infer.metrics.truth import truth_by_sample
from infer.tensors.ragged import Ragged

RANDOM = np.random.default_rng(11)
IMAGES, CLASSES = 24, 3
NAMES = ("mAP", "AP50", "AP75", "AR100")


def boxes(number):
    """Boxes of two corners."""
    corner = RANDOM.random((number, 2)) * 60
    return np.concatenate([corner, corner + 8 + RANDOM.random((number, 2)) * 30], axis=1)


def images():
    """Boxes and classes of each image: true ones, with crowds, and found ones, with scores."""
    found = []
    for image in range(IMAGES):
        number = 0 if image == 3 else RANDOM.integers(0, 7)
        true = boxes(number), RANDOM.integers(0, CLASSES, number), RANDOM.random(number) < 0.15
        seen = RANDOM.random(number) < 0.8
        more = 0 if image == 5 else RANDOM.integers(0, 6)
        moved = true[0][seen] + RANDOM.normal(size=(seen.sum(), 4)) * 2
        detected = np.concatenate([moved, boxes(more)])
        classes = np.concatenate([true[1][seen], RANDOM.integers(0, CLASSES + 1, more)])
        found.append((true, (detected, classes, RANDOM.random(len(classes)) * 0.9 + 0.05)))
    return found


GIVEN = images()


def rows(values, dtype):
    """Rows of samples as one ragged value."""
    offsets = np.cumsum([0, *map(len, values)])
    return Ragged(np.concatenate([np.asarray(value, dtype) for value in values]), offsets)


def outputs_of(given):
    """The outputs of a detector, with another number of rows for each image."""
    boxes, classes, scores = zip(*(detected for _, detected in given), strict=True)
    dtypes = "f8", "i8", "f8"
    names = "boxes", "classes", "scores"
    pairs = zip(names, (boxes, classes, scores), dtypes, strict=True)
    return {name: rows(values, dtype) for name, values, dtype in pairs}


def truth_of(given):
    """The arrays of the truth, as an inputs file has them, in no order of the images."""
    sample = np.repeat(np.arange(len(given)), [len(true[0]) for true, _ in given])
    arrays = {
        "labels.boxes": np.concatenate([true[0] for true, _ in given]),
        "labels.classes": np.concatenate([true[1] for true, _ in given]),
        "labels.crowd": np.concatenate([true[2] for true, _ in given]).astype(int),
        "labels.sample": sample,
    }
    order = np.argsort(-sample, kind="stable")
    return truth_by_sample({n: a[order] for n, a in arrays.items()}, len(given))


def by_coco(given):
    """COCO's own figures: images one after the other, as they are given."""
    true, detected = [], []
    for image, ((b, c, crowd), (db, dc, score)) in enumerate(given, 1):
        for box, place, many in zip(b, c, crowd, strict=True):
            size = box[2:] - box[:2]
            annotation = {"bbox": [*box[:2], *size], "area": size.prod(), "iscrowd": int(many)}
            true.append(annotation | {"image_id": image, "category_id": int(place) + 1})
        for box, place, s in zip(db, dc, score, strict=True):
            found = {"bbox": [*box[:2], *(box[2:] - box[:2])], "score": s}
            detected.append(found | {"image_id": image, "category_id": int(place) + 1})
    data = COCO()
    data.dataset = {
        "images": [{"id": image} for image in range(1, len(given) + 1)],
        "categories": [{"id": place + 1} for place in range(CLASSES + 1)],
        "annotations": [a | {"id": number} for number, a in enumerate(true, 1)],
    }
    with contextlib.redirect_stdout(io.StringIO()):
        data.createIndex()
        evaluation = COCOeval(data, data.loadRes(detected), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    whole, at_50, at_75 = evaluation.stats[:3]
    return {"mAP": whole, "AP50": at_50, "AP75": at_75, "AR100": evaluation.stats[8]}


def evaluator_of(outputs, truth, roles=None, box_format="xyxy"):
    """The evaluator of the task."""
    request = TaskRequest("detection", roles or {}, box_format=box_format)
    return TASKS["detection"].evaluator(request, outputs, truth)


def scored(outputs, truth, **request):
    """The values of all metrics."""
    evaluator = evaluator_of(outputs, truth, **request)
    scores = evaluate(evaluator, outputs, outputs, truth, IMAGES)
    return {name: score.value for name, score in scores.items()}


def test_average_precision_is_cocos():
    assert scored(outputs_of(GIVEN), truth_of(GIVEN)) == pytest.approx(by_coco(GIVEN), abs=1e-12)


def test_resampled_precision_is_cocos_of_images_that_are_repeated():
    outputs, truth = outputs_of(GIVEN), truth_of(GIVEN)
    parts = evaluator_of(outputs, truth).parts_of(outputs, outputs, truth)
    for drawn in RANDOM.integers(0, IMAGES, (6, IMAGES)):
        counts = np.bincount(drawn, minlength=IMAGES)[None]

        values = {m.name: m.calculate(Drawn(parts, counts))[0] for m in detection_metrics(100)}

        wanted = by_coco([GIVEN[image] for image in np.sort(drawn)])
        assert values == pytest.approx(wanted, abs=1e-12)


def padded(values, filled, places=20):
    """The rows of each sample, filled up to one number."""
    array = np.full((len(values), places, *values.values.shape[1:]), filled, np.float64)
    for image, part in enumerate(values):
        array[image, : len(part)] = part
    return array


@pytest.mark.parametrize("how", ["scores", "classes", "count", "columns", "yxyx", "cxcywh"])
def test_padded_outputs_have_the_same(how):
    given = outputs_of(GIVEN)
    of_scores = 0.99 if how in ("classes", "count") else -1
    boxes, scores = padded(given["boxes"], 3.0), padded(given["scores"], of_scores)
    classes = padded(given["classes"], -1 if how == "classes" else 1)
    outputs = {"detection_boxes": boxes, "detection_classes": classes, "detection_scores": scores}
    roles, box_format = {}, "xyxy"
    if how == "count":
        outputs["num_detections"] = given["boxes"].counts.astype(np.float32)
    if how == "columns":
        outputs = {"found": np.concatenate([boxes, scores[..., None], classes[..., None]], axis=2)}
        roles = {"boxes": "found:0", "scores": "found:4", "classes": "found:5"}
    if how == "yxyx":
        box_format, outputs["detection_boxes"] = how, boxes[..., [1, 0, 3, 2]]
    if how == "cxcywh":
        size = boxes[..., 2:] - boxes[..., :2]
        corner = boxes[..., :2] + size / 2
        box_format, outputs["detection_boxes"] = how, np.concatenate([corner, size], axis=2)

    found = scored(outputs, truth_of(GIVEN), roles=roles, box_format=box_format)

    assert found == pytest.approx(by_coco(GIVEN), abs=1e-9)


def test_padded_truth_is_the_same():
    truth = truth_of(GIVEN)
    crowd = padded(truth["labels.crowd"], 0, 8).astype(int)
    classes = padded(truth["labels.classes"], -1, 8).astype(int)
    arrays = {"labels.boxes": padded(truth["labels.boxes"], 0, 8), "labels.classes": classes}

    found = scored(outputs_of(GIVEN), arrays | {"labels.crowd": crowd})

    assert found == pytest.approx(by_coco(GIVEN), abs=1e-12)


def test_boxes_that_are_none_are_wrong_and_no_error():
    given, truth = outputs_of(GIVEN), truth_of(GIVEN)
    broken = given | {"boxes": Ragged(given["boxes"].values * np.nan, given["boxes"].offsets)}

    scores = evaluate(evaluator_of(given, truth), broken, given, truth, IMAGES)

    assert scores["mAP"].value == scores["AR100"].value == 0


@pytest.mark.parametrize("value", [np.nan, np.inf, 2.0**63])
@pytest.mark.parametrize("role", ["boxes", "classes", "scores"])
def test_numbers_that_say_nothing_are_wrong(role, value):
    given, truth = outputs_of(GIVEN), truth_of(GIVEN)
    filled = Ragged(np.full(given[role].values.shape, value), given[role].offsets)

    with warnings.catch_warnings(action="error"):
        scores = evaluate(evaluator_of(given, truth), given | {role: filled}, given, truth, IMAGES)

    # Equal scores rank nothing, and are scores.
    assert (scores["AR100"].value > 0) == (role == "scores" and not np.isnan(value))


def test_an_output_of_a_single_number_has_no_role():
    given, truth = outputs_of(GIVEN), truth_of(GIVEN)
    assert scored({"num": np.array(3.0)} | given, truth) == scored(given, truth)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"labels.boxes": np.zeros((4, 4))}, r"'labels\.boxes' \(4, 4\): --task detection takes"),
        ({"labels.classes": rows([[1]] * IMAGES, "i8")}, "is not a whole number for each box"),
        ({"labels.boxes": Ragged(truth_of(GIVEN)["labels.boxes"].values[:, ::-1],
                                 truth_of(GIVEN)["labels.boxes"].offsets)},
         "ends before it begins"),
    ],
)  # fmt: skip
def test_truth_that_is_none_is_said(change, why):
    with pytest.raises(MetricError, match=why):
        evaluator_of(outputs_of(GIVEN), truth_of(GIVEN) | change)


def test_boxes_in_another_format_are_noticed():
    given = outputs_of(GIVEN)
    corner, end = given["boxes"].values[:, :2], given["boxes"].values[:, 2:]
    sizes = Ragged(np.concatenate([corner, (end - corner) / 40], axis=1), given["boxes"].offsets)

    with pytest.raises(MetricError, match="say format=xywh, cxcywh or yxyx"):
        evaluator_of(given | {"boxes": sizes}, truth_of(GIVEN))


def test_what_is_missing_is_said(monkeypatch):
    given, truth = outputs_of(GIVEN), truth_of(GIVEN)
    with pytest.raises(MetricError, match="needs --rows OUTPUT:COLUMN"):
        evaluator_of({"boxes": np.zeros(40, np.float32)}, truth)
    with pytest.raises(MetricError, match="a and b could each be the scores"):
        scores = given["scores"]
        evaluator_of({"boxes": given["boxes"], "a": scores, "b": scores}, truth)
    evaluator = evaluator_of(given, truth)
    monkeypatch.setitem(sys.modules, "pycocotools.cocoeval", None)
    with pytest.raises(MetricError, match=r"needs pycocotools .*pip install '\.\[detection\]'"):
        evaluate(evaluator, given, given, truth, IMAGES)


def test_a_reference_that_finds_nothing_has_no_warning():
    given = {
        name: Ragged(ragged.values[:0], ragged.offsets * 0)
        for name, ragged in outputs_of(GIVEN).items()
    }
    with warnings.catch_warnings(action="error"):
        assert scored(given, truth_of(GIVEN)) == dict.fromkeys(NAMES, 0)


def test_what_is_no_whole_number_is_no_class_of_a_detection():
    boxes = np.tile(np.array([[[2.0, 2, 9, 9]]]), (4, 1, 1))
    truth = {"labels.boxes": boxes, "labels.classes": np.ones((4, 1), int)}
    expected = {"boxes": boxes, "scores": np.full((4, 1), 0.9), "classes": np.ones((4, 1))}
    evaluator = TASKS["detection"].evaluator(TaskRequest("detection"), expected, truth)

    for classes, wanted in ((1.0, 1.0), (1.5, 0.0), (np.nan, 0.0)):
        outputs = expected | {"classes": np.full((4, 1), classes)}
        assert evaluate(evaluator, outputs, expected, truth, 4)["mAP"].value == wanted
    with pytest.raises(MetricError, match="'boxes' is complex128, the reference's float64"):
        evaluate(evaluator, expected | {"boxes": boxes + 1j}, expected, truth, 4)
