"""Labels that are text."""

import numpy as np

from infer.inputs.loading import read_labels
from infer.measure.text_labels import evaluate_answers, numbers_of_classes

LABELS = np.array(["cat", "dog", "cat", "cow"])
SCORES = np.eye(3)[[0, 1, 0, 2]]


def test_text_is_read_as_it_is(tmp_path):
    np.savez(tmp_path / "inputs.npz", x=np.zeros(4), labels=LABELS.astype("S"))

    assert read_labels(tmp_path / "inputs.npz").tolist() == LABELS.tolist()


def test_names_of_classes_become_their_numbers():
    assert numbers_of_classes(LABELS, ("cat", "dog", "cow")).tolist() == [0, 1, 0, 2]
    assert numbers_of_classes(LABELS, ("cat", "dog")) is LABELS
    assert numbers_of_classes(LABELS, ()) is LABELS


def test_an_output_of_text_has_an_accuracy():
    wrong = np.array([["cat"], ["dog"], ["dog"], ["cow"]])
    differing = [{"sample": 2}]
    notes = []

    answers = evaluate_answers(
        *(LABELS, {"scores": SCORES, "label": wrong}),
        *({"scores": SCORES, "label": LABELS[:, None]}, differing, notes),
    )

    assert answers["metrics"]["accuracy"] == 0.75
    assert answers["accuracy_difference"]["value"] == -0.25
    assert differing == [{"sample": 2, "true": "cat"}]
    assert notes == []


def test_without_an_output_of_text_a_note_says_what_is_missing():
    notes = []

    answers = evaluate_answers(LABELS, {"scores": SCORES}, {"scores": SCORES}, [], notes)

    assert answers["metrics"] is None
    assert len(notes) == 1 and "numbers of classes" in notes[0]
