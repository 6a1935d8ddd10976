"""The evaluation file of an export."""

from __future__ import annotations

import pytest

from export.evaluation import Evaluation, write_evaluation
from train import synthetic
from train.data import Dataset, Split


@pytest.fixture(scope="module")
def evaluation(tmp_path_factory: pytest.TempPathFactory) -> Evaluation:
    split = Split(*synthetic.draw(130, 28, 41))
    data = Dataset("small", 28, synthetic.CLASS_NAMES, split, split, split, "a notice")
    return write_evaluation(data, tmp_path_factory.mktemp("evaluation") / "inputs")
