"""One tiny training and one export, made once for all test files by the project's own commands.

A test file that needs them says `pytest_plugins = ("frameworks",)`.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from commands import FORMATS, FRAMEWORKS, Exported, Trained, command, one_framework

from train import synthetic


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """One epoch of two steps in each framework, on synthetic images."""
    out = tmp_path_factory.mktemp("trained")
    arguments = ("--dataset", "synthetic", "--epochs", "1", "--train-images", "256", "--out", out)
    done = command("train", *arguments)
    assert done.returncode == 0, done.stderr
    return Trained(
        done, {name: out / f"{name}-own-28-seed0-synthetic.safetensors" for name in FRAMEWORKS}
    )


@pytest.fixture(scope="session")
def settled(trained: Trained, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """PyTorch's weights of that training, whose predictions differ from image to image."""
    folder = tmp_path_factory.mktemp("settled")
    path = folder / "weights.safetensors"
    one_framework("torch", folder, settle=trained.weights["torch"], out=path)
    return path


@pytest.fixture(scope="session")
def exported(settled: Path, tmp_path_factory: pytest.TempPathFactory) -> Exported:
    """The settled weights in every format that is not compiled."""
    out = tmp_path_factory.mktemp("artifacts") / "exported"
    done = command("export", settled, "--dataset", "synthetic", "--out", out, "--format", *FORMATS)
    assert done.returncode == 0, done.stderr
    return Exported(done, out, out / settled.stem)


@pytest.fixture(scope="session")
def small_inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """130 images, float32 in 0..1: no batch divides them."""
    images, labels = synthetic.draw(130, 28, 31)
    path = tmp_path_factory.mktemp("inputs") / "small.npz"
    np.savez(path, image=images.astype(np.float32) / np.float32(255), labels=labels)
    return path
