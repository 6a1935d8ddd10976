"""One tiny training and one export, made once for all test files by the project's own commands.

A test file that needs them says `pytest_plugins = ("frameworks",)`.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from commands import FRAMEWORKS, Done, Exported, Trained, command, one_framework
from made_once import made_once

from train import synthetic

END = "end.json"


def _run(folder: Path, *arguments: object, **variables: str) -> None:
    """Run a command that ends well, and keep what it printed in the folder."""
    done = command(*arguments, **variables)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    (folder / END).write_text(json.dumps(vars(done), default=str))


def _end(folder: Path) -> Done[str]:
    return Done(**json.loads((folder / END).read_text()))


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """One epoch of two steps in each framework, on synthetic images."""
    arguments = ("--dataset", "synthetic", "--epochs", "1", "--train-images", "256")
    folder = made_once(
        tmp_path_factory,
        "trained",
        lambda folder: _run(folder, "train", *arguments, "--out", folder / "weights"),
    )
    return Trained(
        _end(folder),
        {
            name: folder / "weights" / f"{name}-own-28-seed0-synthetic.safetensors"
            for name in FRAMEWORKS
        },
    )


@pytest.fixture(scope="session")
def settled(trained: Trained, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """PyTorch's weights of that training, whose predictions differ from image to image."""

    def settle(folder: Path) -> None:
        out = folder / "weights.safetensors"
        one_framework("torch", folder, settle=trained.weights["torch"], out=out)

    return made_once(tmp_path_factory, "settled", settle) / "weights.safetensors"


@pytest.fixture(scope="session")
def exported(settled: Path, tmp_path_factory: pytest.TempPathFactory) -> Exported:
    """The settled weights in every format that is not compiled, as there is no compiler."""
    arguments = ("--dataset", "synthetic", "--format", "installed")
    folder = made_once(
        tmp_path_factory,
        "artifacts",
        lambda folder: _run(
            folder,
            *("export", settled, *arguments, "--out", folder / "exported"),
            CXX="no-such-compiler",
        ),
    )
    out = folder / "exported"
    return Exported(_end(folder), out, out / settled.stem)


@pytest.fixture(scope="session")
def small_inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """130 images, float32 in 0..1: no batch divides them."""
    images, labels = synthetic.draw(130, 28, 31)
    path = tmp_path_factory.mktemp("inputs") / "small.npz"
    np.savez(path, image=images.astype(np.float32) / np.float32(255), labels=labels)
    return path
