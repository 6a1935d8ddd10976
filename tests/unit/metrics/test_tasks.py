"""Each task's metrics equal those of the library that they are named after."""

import numpy as np
import pytest
import scipy
from sklearn import metrics

from infer.errors import MetricError
from infer.metrics.classes import PAPER_METRICS
from infer.metrics.evaluation import evaluate
from infer.metrics.task import TaskRequest
from infer.metrics.tasks import TASKS, parse_task, task_texts
from infer.metrics.truth import truth_by_sample
from infer.tensors.ragged import Ragged

RANDOM = np.random.default_rng(3)
N, CLASSES = 120, 7
LABELS = RANDOM.integers(0, CLASSES, N)
LOGITS = RANDOM.normal(size=(N, CLASSES)) + 1.5 * np.eye(CLASSES)[LABELS]
PROBABILITIES = scipy.special.softmax(LOGITS, axis=1).astype(np.float32)


def scored(task, outputs, truth, *, expected=None, roles=None, k=None):
    """The scores of outputs by a task."""
    expected = outputs if expected is None else expected
    evaluator = TASKS[task].evaluator(TaskRequest(task, roles or {}, k), expected, truth)
    samples = len(next(iter(outputs.values())))
    return evaluate(evaluator, outputs, expected, truth, samples)


def values(task, output, labels=None, **request):
    """The values of an output's metrics."""
    truth = {} if labels is None else {"labels": labels}
    scores = scored(task, {"y": output}, truth, **request)
    return {name: score.value for name, score in scores.items()}


@pytest.mark.parametrize("scores", [PROBABILITIES, LOGITS], ids=["probabilities", "logits"])
def test_classification_is_scikit_learns(scores):
    found = values("classification", scores, LABELS, k=3)

    predicted = scores.argmax(axis=1)
    assert found["accuracy"] == pytest.approx(metrics.accuracy_score(LABELS, predicted))
    for average in ("macro", "weighted"):
        for name in ("precision", "recall", "f1"):
            wanted = getattr(metrics, f"{name}_score")(LABELS, predicted, average=average)
            assert found[f"{average}_{name}"] == pytest.approx(wanted)
    assert found["top_3"] == pytest.approx(metrics.top_k_accuracy_score(LABELS, scores, k=3))
    assert found["log_loss"] == pytest.approx(metrics.log_loss(LABELS, PROBABILITIES), rel=1e-6)
    wanted = metrics.roc_auc_score(LABELS, PROBABILITIES, multi_class="ovr")
    assert found["auc"] == pytest.approx(wanted, rel=1e-6)


def test_calibration_error_is_that_of_the_bins():
    confidence, right = PROBABILITIES.max(axis=1), PROBABILITIES.argmax(axis=1) == LABELS
    bins = {"bins": 15, "range": (0, 1)}
    gaps, *_ = scipy.stats.binned_statistic(confidence, confidence - right, "sum", **bins)

    found = values("classification", PROBABILITIES, LABELS)

    assert found["calibration_error"] == pytest.approx(np.abs(gaps).sum() / N, rel=1e-5)
    sure = values("classification", np.eye(2)[[0, 0, 1, 1]], np.array([0, 1, 1, 1]))
    assert sure["calibration_error"] == pytest.approx(0.25)  # sure of all, three of four right


def test_area_of_two_classes_and_of_a_class_that_is_missing():
    scores = PROBABILITIES[:, :2] / PROBABILITIES[:, :2].sum(axis=1, keepdims=True)

    two = values("classification", scores, LABELS % 2)
    assert two["auc"] == pytest.approx(metrics.roc_auc_score(LABELS % 2, scores[:, 1]))
    assert "auc" not in values("classification", scores, np.zeros(N, int))


def test_several_labels_are_scikit_learns():
    truth = RANDOM.integers(0, 2, (N, 4))
    scores = np.clip(0.5 * truth + 0.6 * RANDOM.random((N, 4)), 0, 1)
    predicted = scores >= 0.5

    for given in (scores, scipy.special.logit(np.clip(scores, 1e-6, 1 - 1e-6))):
        found = values("multilabel", given, truth)

        assert found["accuracy"] == pytest.approx(metrics.accuracy_score(truth, predicted))
        for average in ("macro", "weighted"):
            wanted = metrics.f1_score(truth, predicted, average=average)
            assert found[f"{average}_f1"] == pytest.approx(wanted)
        assert found["hamming_loss"] == pytest.approx(metrics.hamming_loss(truth, predicted))
        assert found["auc"] == pytest.approx(metrics.roc_auc_score(truth, scores), abs=1e-5)


@pytest.mark.parametrize("shape", [(), (1,), (3,)])
def test_regression_is_scikit_learns(shape):
    truth = 1e4 + RANDOM.normal(size=(N, *shape))
    answer = truth + 0.3 * RANDOM.normal(size=truth.shape)

    found = values("regression", answer.reshape(N, -1), truth.reshape(N, -1))

    pair = truth.reshape(N, -1), answer.reshape(N, -1)
    assert found["mae"] == pytest.approx(metrics.mean_absolute_error(*pair))
    assert found["rmse"] == pytest.approx(metrics.root_mean_squared_error(*pair))
    assert found["r2"] == pytest.approx(metrics.r2_score(*pair))


def test_a_map_of_numbers_is_one_target():
    truth = RANDOM.normal(size=(6, 1, 20, 20))
    answer = truth + RANDOM.normal(size=truth.shape)

    found = values("regression", answer[:, 0], truth)

    pair = truth.ravel(), answer.ravel()
    assert found["rmse"] == pytest.approx(metrics.root_mean_squared_error(*pair))
    assert found["r2"] == pytest.approx(metrics.r2_score(*pair))


def test_truth_that_does_not_vary_has_the_r2_of_scikit_learn():
    constant = np.full(N, 2.0)

    assert values("regression", constant, constant)["r2"] == 1
    assert values("regression", constant + 1, constant)["r2"] == 0


def test_segmentation_is_scikit_learns():
    truth = RANDOM.integers(0, 4, (5, 12, 9))
    scores = RANDOM.normal(size=(5, 4, 12, 9)) + 2 * np.moveaxis(np.eye(4)[truth], -1, 1)
    answer = scores.argmax(axis=1)
    truth[:, :2] = 255  # what is of no class does not count
    truth[:, 2] = -1
    pair = truth[:, 3:].ravel(), answer[:, 3:].ravel()

    for output in (scores, np.moveaxis(scores, 1, -1), answer, answer[:, None]):
        found = values("segmentation", output, truth)

        assert found["mean_iou"] == pytest.approx(metrics.jaccard_score(*pair, average="macro"))
        assert found["pixel_accuracy"] == pytest.approx(metrics.accuracy_score(*pair))


def test_pixels_that_are_answered_with_no_class_are_wrong():
    truth, answer = np.zeros((1, 2, 2), int), np.array([[[0, 0], [-7, 255]]])

    assert values("segmentation", answer, truth)["pixel_accuracy"] == 0.5


def test_tokens_are_counted_over_all_places():
    truth = RANDOM.integers(0, 11, (8, 6))
    scores = RANDOM.normal(size=(8, 6, 11))
    truth[:, 4:] = -100
    asked = truth >= 0

    found = values("tokens", scores, truth)

    pair = truth[asked], scores.argmax(axis=2)[asked]
    assert found["token_accuracy"] == pytest.approx(metrics.accuracy_score(*pair))
    probabilities = scipy.special.softmax(scores, axis=2)[asked]
    loss = metrics.log_loss(truth[asked], probabilities, labels=range(11))
    assert found["perplexity"] == pytest.approx(np.exp(loss))
    assert values("tokens", scores.argmax(axis=2), truth) == {
        "token_accuracy": found["token_accuracy"]
    }


def test_sequences_of_other_lengths_are_counted_place_by_place():
    lengths = np.array([3, 0, 5, 2])
    offsets = np.cumsum([0, *lengths])
    scores = RANDOM.normal(size=(offsets[-1], 7))
    right = RANDOM.integers(0, 7, offsets[-1])
    sample = np.repeat(np.arange(4), lengths)
    order = np.argsort(-sample, kind="stable")
    given = {"labels": right[order], "labels.sample": sample[order]}
    truth = truth_by_sample(given, 4)
    of_rows, tokens = Ragged(scores, offsets), Ragged(scores.argmax(axis=1), offsets)

    found = scored("tokens", {"y": of_rows}, truth)

    wanted = metrics.accuracy_score(right, scores.argmax(axis=1))
    loss = metrics.log_loss(right, scipy.special.softmax(scores, axis=1), labels=range(7))
    assert found["token_accuracy"].value == pytest.approx(wanted)
    assert found["perplexity"].value == pytest.approx(np.exp(loss))
    assert scored("tokens", {"y": tokens}, truth)["token_accuracy"].value == pytest.approx(wanted)
    padded = np.full((4, 6), 3)
    for number, part in enumerate(tokens):
        padded[number, : len(part)] = part
    assert scored("tokens", {"y": padded}, truth)["token_accuracy"].value == pytest.approx(wanted)
    shorter = Ragged(tokens.values[:-1], np.minimum(offsets, offsets[-1] - 1))
    evaluator = TASKS["tokens"].evaluator(TaskRequest("tokens"), {"y": tokens}, truth)
    less = evaluate(evaluator, {"y": shorter}, {"y": tokens}, truth, 4)["token_accuracy"].value
    last = scores[-1].argmax() == right[-1]
    assert less == pytest.approx(wanted - last / len(right))
    truth = truth_by_sample(given | {"labels": given["labels"].astype(np.uint16)}, 4)
    bytes_ = Ragged(tokens.values.astype(np.uint8), offsets)
    assert scored("tokens", {"y": bytes_}, truth)["token_accuracy"].value == pytest.approx(wanted)


@pytest.mark.parametrize(
    ("sample", "why"),
    [([0, 4], "holds 4; the 4 samples have the numbers from 0 to 3"), ([0.0, 1.0], "is float64")],
)
def test_rows_of_no_sample_are_said(sample, why):
    with pytest.raises(MetricError, match=why):
        truth_by_sample({"labels": np.zeros(2), "labels.sample": np.array(sample)}, 4)


def test_as_many_pixels_in_another_shape_are_no_map():
    truth, answer = np.zeros((2, 4, 6), int), np.zeros((2, 6, 4), int)

    for other in (answer, answer.reshape(2, 24)):
        with pytest.raises(MetricError, match="no output is a map of classes"):
            values("segmentation", other, truth)


def test_recall_finds_samples_of_the_same_label_but_not_the_sample_itself():
    places = np.array([0, 0.01, 1, 1.02, 2])
    around = np.stack([np.cos(places), np.sin(places)], axis=1)

    found = values("embeddings", around, np.array([0, 0, 1, 0, 1]))

    # The nearest of sample 0 is 1, of 1 is 0, of 2 is 3, of 3 is 2, of 4 is 3.
    assert found["recall_1"] == pytest.approx(2 / 5)
    assert found["cosine"] == pytest.approx(1)


def test_two_embeddings_belong_together_by_their_place():
    image = RANDOM.normal(size=(30, 8))
    text = image + 0.01 * RANDOM.normal(size=image.shape)
    text[[3, 4]] = text[[4, 3]]

    scores = scored("embeddings", {"image": image, "text": text}, {})

    assert scores["recall_1"].value == pytest.approx(28 / 30)
    assert np.flatnonzero(~scores["recall_1"].flags).tolist() == [3, 4]


def test_cosine_is_that_with_the_reference():
    mine, theirs = RANDOM.normal(size=(2, N, 5))
    wanted = np.diag(metrics.pairwise.cosine_similarity(mine, theirs)).mean()

    scores = scored("embeddings", {"y": mine}, {}, expected={"y": theirs})

    assert scores["cosine"].value == pytest.approx(wanted)


def test_an_output_is_guessed_only_where_one_fits():
    outputs = {"a": PROBABILITIES, "b": PROBABILITIES[:, ::-1]}
    truth = {"labels": LABELS}

    with pytest.raises(MetricError, match="a and b could each be the scores: say which"):
        scored("classification", outputs, truth)
    named = scored("classification", outputs, truth, roles={"scores": "b"})
    assert named["accuracy"].value < 0.3
    with pytest.raises(MetricError, match="no output is numbers of the shape of 'labels'"):
        values("regression", PROBABILITIES, LABELS.astype(float))
    with pytest.raises(MetricError, match="there is no such output"):
        scored("classification", outputs, truth, roles={"scores": "c"})
    with pytest.raises(MetricError, match="the inputs hold no 'labels'"):
        values("segmentation", PROBABILITIES)


def test_a_task_is_read_as_it_is_written():
    texts = ["embeddings", "embedding=image", "other=text", "k=3"]

    assert task_texts(parse_task(texts)) == texts
    boxes = ["detection", "boxes=found:0", "format=cxcywh"]
    assert task_texts(parse_task(boxes)) == boxes
    assert parse_task([]) is None
    for wrong in (["detect"], ["tokens", "scores=x"], ["tokens", "k=0"], ["tokens", "tokens="]):
        with pytest.raises(ValueError, match=r"there is no task|is neither k=N nor"):
            parse_task(wrong)


# Rows are the true class, columns the predicted one.
CONFUSION = [
    [5, 1, 0],
    [1, 2, 0],
    [0, 1, 2],
]


def test_classification_metrics_of_a_confusion_by_hand():
    pairs = [
        (true, predicted)
        for true, row in enumerate(CONFUSION)
        for predicted, count in enumerate(row)
        for _ in range(count)
    ]
    labels = np.array([true for true, _ in pairs])
    probabilities = 0.2 + 0.4 * np.eye(3)[[predicted for _, predicted in pairs]]

    found = values("classification", probabilities, labels)

    # By class, precision is 5/6, 2/4, 2/2; recall is 5/6, 2/3, 2/3; F1 is 5/6, 4/7, 4/5.
    assert {name: found[name] for name in PAPER_METRICS} == pytest.approx(
        {
            "accuracy": 9 / 12,
            "macro_precision": (5 / 6 + 2 / 4 + 1) / 3,
            "macro_recall": (5 / 6 + 2 / 3 + 2 / 3) / 3,
            "macro_f1": (5 / 6 + 4 / 7 + 4 / 5) / 3,
            "weighted_precision": (6 * 5 / 6 + 3 * 2 / 4 + 3 * 1) / 12,
            "weighted_recall": (6 * 5 / 6 + 3 * 2 / 3 + 3 * 2 / 3) / 12,
            "weighted_f1": (6 * 5 / 6 + 3 * 4 / 7 + 3 * 4 / 5) / 12,
        }
    )


def test_class_that_is_never_predicted_has_a_precision_of_zero():
    found = values("classification", np.array([[0.9, 0.1], [0.9, 0.1]]), np.array([0, 1]))

    # Precision by class is 1/2 and 0, recall 1 and 0.
    assert found["macro_precision"] == pytest.approx(1 / 4)
    assert found["macro_recall"] == pytest.approx(1 / 2)
    assert found["macro_f1"] == pytest.approx(1 / 3)


def test_what_is_no_number_is_wrong_and_not_the_first_class():
    first = np.zeros(N, np.int64)
    gone = LOGITS * np.nan
    pixels, tokens = np.zeros((N, 2, 3), np.int64), np.zeros((N, 2), np.int64)

    one = scored("classification", {"y": gone}, {"labels": first}, expected={"y": LOGITS}, k=6)
    several = {"labels": np.zeros((N, CLASSES), np.int64)}
    many = scored("multilabel", {"y": gone}, several, expected={"y": LOGITS})
    maps = RANDOM.normal(size=(N, 4, 2, 3))
    mask = scored("segmentation", {"y": maps * np.nan}, {"labels": pixels}, expected={"y": maps})
    texts = RANDOM.normal(size=(N, 2, 5))
    text = scored("tokens", {"y": texts * np.nan}, {"labels": tokens}, expected={"y": texts})

    assert one["accuracy"].value == many["accuracy"].value == 0
    assert one["top_6"].value == 0 and "log_loss" not in one
    last = scored("classification", {"y": gone}, {"labels": first + 6}, expected={"y": LOGITS}, k=6)
    assert last["top_6"].value == 0
    assert many["hamming_loss"].value == 1
    assert mask["mean_iou"].value == text["token_accuracy"].value == 0


@pytest.mark.parametrize("output", [LOGITS[:9], LOGITS[:, :0]])
def test_outputs_of_another_shape_are_one_line(output):
    with pytest.raises(MetricError, match="an output is not as the reference's"):
        evaluator = TASKS["classification"].evaluator(
            TaskRequest("classification"), {"y": LOGITS}, {"labels": LABELS}
        )
        evaluate(evaluator, {"y": output}, {"y": LOGITS}, {"labels": LABELS}, N)


def test_what_is_no_whole_number_is_no_class():
    labels = RANDOM.integers(0, 3, (6, 8, 8))
    given = {
        "as it is": (labels, 1.0),
        "as float": (labels.astype("f4"), 1.0),
        "a half more": (labels + 0.5, 0.0),
        "not a number": (np.full(labels.shape, np.nan), 0.0),
        "infinite": (np.full(labels.shape, np.inf), 0.0),
    }
    for name, (mask, wanted) in given.items():
        scores = scored("segmentation", {"y": mask}, {"labels": labels}, expected={"y": labels})
        assert scores["pixel_accuracy"].value == wanted, name


@pytest.mark.parametrize("dtype", [complex, str])
def test_numbers_of_another_kind_have_no_metrics(dtype):
    true = RANDOM.normal(size=(N, 1))

    with pytest.raises(MetricError, match=r"'y' is .*, the reference's float64"):
        scored("regression", {"y": true.astype(dtype)}, {"labels": true}, expected={"y": true})
