"""Labels that are text."""

import numpy as np

from infer.inputs.loading import read_labels
from infer.measure.text_labels import numbers_of_classes

LABELS = np.array(["cat", "dog", "cat", "cow"])


def test_text_is_read_as_it_is(tmp_path):
    np.savez(tmp_path / "inputs.npz", x=np.zeros(4), labels=LABELS.astype("S"))

    assert read_labels(tmp_path / "inputs.npz").tolist() == LABELS.tolist()


def test_names_of_classes_become_their_numbers():
    assert numbers_of_classes(LABELS, ("cat", "dog", "cow")).tolist() == [0, 1, 0, 2]
    assert numbers_of_classes(LABELS, ("cat", "dog")) is LABELS
    assert numbers_of_classes(LABELS, ()) is LABELS
