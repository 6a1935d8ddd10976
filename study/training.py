"""The study's trainings: `python -m train`, and the records kept."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from study import results
from study.results import StudyError
from study.setup import TRAININGS, WEIGHTS, Training

RECORDS = "records"


def train_missing(out: Path, tell: Callable[[str], None]) -> None:
    """Train what has no record below `out` yet.

    Raises:
        StudyError: a training failed.
    """
    for number, training in enumerate(TRAININGS, 1):
        record = out / RECORDS / f"{training.name}.json"
        if record.exists():
            continue
        tell(f"training {number} of {len(TRAININGS)}: {training.name}")
        made = WEIGHTS / record.name
        if not made.exists():
            _train(training)
        record.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(made, record)


def _train(training: Training) -> None:
    seed = str(training.seed)
    command = ["train", training.framework, "--profile", training.profile, "--seed", seed]
    done = subprocess.run(
        [sys.executable, "-m", *command, "--dataset", "bloodmnist", "--out", str(WEIGHTS)]
    )
    if done.returncode:
        raise StudyError(f"{' '.join(command)}: status {done.returncode}")


def records(out: Path) -> list[dict[str, Any]]:
    """The records below `out`, in the order of the study's trainings.

    Raises:
        StudyError: one is damaged.
    """
    read = (results.read(out / RECORDS / f"{training.name}.json") for training in TRAININGS)
    return [record for record in read if record]
