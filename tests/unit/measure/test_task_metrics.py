"""Metrics of outputs in a run: which there are without being told, and the user's own."""

from types import SimpleNamespace

import numpy as np
import pytest

from infer.measure.task_metrics import TaskMetrics
from infer.metrics.own_metric import parse_own_metrics
from infer.metrics.task import TaskRequest
from infer.outcome import Failure, Outcome

TEXTS = np.array(["cat", "dog", "cat", "cow"])
SCORES = np.eye(3)[[0, 1, 0, 2]]


@pytest.fixture
def calculated():
    """Calculates metrics without a run; returns the fields, what is missing, and the scores."""

    def calculate(outputs, expected, truth, *, task=None, metrics=(), classes=()):
        def labels(_):
            given = truth.get("labels")
            if task is None and given is not None and given.dtype.kind == "f":
                raise Failure(Outcome.BAD_INPUT, "no classes")
            return given if task is None else None

        events = []
        context = SimpleNamespace(
            plan=SimpleNamespace(task=task, metrics=metrics),
            store=SimpleNamespace(add=events.append),
            truth=lambda _: dict(truth),
            labels=labels,
        )
        found = TaskMetrics(context).evaluate("a", outputs, expected, classes)
        return found, list(events[0].missing), events[0].scores

    return calculate


def test_an_output_of_text_has_an_accuracy(calculated):
    wrong = np.array([["cat"], ["dog"], ["dog"], ["cow"]])
    answers, expected = ({"s": SCORES, "label": array} for array in (wrong, TEXTS[:, None]))

    found, missing, scores = calculated(answers, expected, {"labels": TEXTS})

    assert found["metrics"]["accuracy"] == 0.75
    assert found["accuracy_difference"]["value"] == -0.25
    assert missing == []
    assert scores["accuracy"].score().flags.tolist() == [True, True, False, True]


def test_without_an_output_of_text_it_is_told_what_is_missing(calculated):
    found, missing, _ = calculated({"s": SCORES}, {"s": SCORES}, {"labels": TEXTS})

    assert found["metrics"] is None
    assert len(missing) == 1 and "numbers of classes" in missing[0]


def test_text_that_names_classes_is_a_classifiers(calculated):
    classes = ("cat", "dog", "cow")

    found, _, _ = calculated({"s": SCORES}, {"s": SCORES}, {"labels": TEXTS}, classes=classes)

    assert found["metrics"]["accuracy"] == 1
    assert found["metrics"]["log_loss"] < 1e-6


def test_labels_of_text_tell_which_embeddings_belong_together(calculated):
    near = np.array([[1.0, 0.1], [0.1, 1.0], [1.0, 0.2], [0.9, 0.9]])
    outputs = {"embedding": near}

    found, missing, _ = calculated(
        outputs, outputs, {"labels": TEXTS}, task=TaskRequest("embeddings")
    )

    assert missing == []
    assert found["metrics"]["recall_1"] == 0.5, "the two cats are each other's nearest"


def test_labels_of_text_that_a_task_does_not_take_are_told(calculated):
    outputs = {"values": np.zeros((4, 1))}

    found, missing, _ = calculated(
        outputs, outputs, {"labels": TEXTS}, task=TaskRequest("regression")
    )

    assert found["metrics"] is None
    assert len(missing) == 1 and "'labels'" in missing[0]


def test_a_task_that_does_not_fit_is_told(calculated):
    truth = {"labels": np.zeros((4, 2, 2), int)}

    found, missing, scores = calculated(
        {"s": SCORES}, {"s": SCORES}, truth, task=TaskRequest("segmentation")
    )

    assert found["metrics"] is None and not scores
    assert missing == [
        "--task segmentation: no output is a map of classes, or of scores of classes, for 'labels' "
        "(4, 2, 2) (there are: 's' float64 (4, 3))"
    ]


def test_the_usual_number_of_detections_is_one_origin(calculated):
    outputs = {"boxes": np.ones((4, 1, 4)), "scores": np.ones((4, 1))}
    truth = {"labels.boxes": np.ones((4, 1, 4))}
    origins = []
    for k in (None, 100, 10):
        task = TaskRequest("detection", k=k)
        _, missing, scores = calculated(outputs, outputs, truth, task=task)
        assert not missing
        origins.append(scores["mAP"].origin)

    assert origins[0] == origins[1] != origins[2]


OWN = """
import numpy as np
from beside import SCALE

def off(outputs, truth):
    return SCALE * np.abs(outputs["y"] - truth["labels"])

def largest(outputs, truth):
    return np.abs(outputs["y"] - truth["labels"]).max()

def near(outputs, truth):
    return np.abs(outputs["y"] - truth["labels"]) < 0.5

def hangs(outputs, truth):
    while True: pass

def fails(outputs, truth):
    raise KeyError("z")

def pairs(outputs, truth):
    return np.zeros(3)
"""


@pytest.fixture
def own(tmp_path):
    """The user's own metrics, by the names of functions."""
    (tmp_path / "score.py").write_text(OWN)
    (tmp_path / "beside.py").write_text("SCALE = 2")

    def parse(*functions):
        return parse_own_metrics([f"{tmp_path / 'score.py'}:{text}" for text in functions], ())

    return parse


def test_own_metrics_give_a_number_a_sample_or_one_for_all(calculated, own):
    random = np.random.default_rng(2)
    truth, expected = random.normal(size=(2, 40))
    answer = truth + 0.9 * (expected - truth)

    found, missing, scores = calculated(
        {"y": answer},
        {"y": expected},
        {"labels": truth},
        task=TaskRequest("regression"),
        metrics=own("off:lower", "largest:lower", "near", "fails", "pairs"),
    )

    error = np.abs(answer - truth)
    assert found["metrics"]["off"] == pytest.approx(2 * error.mean())
    assert found["metrics"]["largest"] == pytest.approx(error.max())
    assert found["metrics"]["near"] == pytest.approx((error < 0.5).mean())
    assert scores["near"].score().flags.tolist() == (error < 0.5).tolist()
    for name in ("off", "largest", "near"):
        interval = found["metric_intervals"][name]
        assert interval["judged"] and interval["lower_is_better"] == (name != "near")
        assert interval["difference_low"] <= interval["difference"] <= interval["difference_high"]
    assert found["metric_intervals"]["largest"]["difference"] < 0
    assert found["metric_intervals"]["off"]["difference_high"] < 0
    assert missing == [
        "metric fails: KeyError: 'z'",
        "metric pairs: gives (3,), not one number or one for each of 40",
    ]


def test_own_metrics_end_in_time(own):
    from infer.errors import MetricError
    from infer.sandbox import metric_process

    with pytest.raises(MetricError, match="metric hangs: no end within"):
        metric_process.evaluate(*own("hangs"), {"y": np.zeros(2)}, {}, 2, timeout_s=1.5)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("score.py", "say FILE:FUNCTION"),
        ("score.py:a b", "say FILE:FUNCTION"),
        ("nowhere.py:off", "there is no file nowhere.py"),
    ],
)
def test_own_metrics_that_cannot_be_read_are_refused(text, why):
    with pytest.raises(ValueError, match=why):
        parse_own_metrics([text], ())


def test_two_metrics_of_one_name_are_refused(own):
    with pytest.raises(ValueError, match="another metric is called off"):
        own("off", "off:lower")
