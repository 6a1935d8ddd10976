"""The network of this repository; skipped where only the plug-in is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

weights = pytest.importorskip("train.weights")

from exportbench.runtimes.base import Options  # noqa: E402
from exportbench_executorch import exporter, reader, runtime  # noqa: E402

from train.synthetic import draw  # noqa: E402

PRETRAINED = Path(__file__).parents[3] / "artifacts/pretrained/torch-paper-28-seed0.safetensors"
# A thousand roundings of float32 in values up to 1, as the check of every export allows.
TOLERANCE = 1e-4


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, exporter.Predict]:
    arrays, _ = weights.load_weights(PRETRAINED)
    path = tmp_path_factory.mktemp("network") / "model.pte"
    return path, exporter.export(arrays, 28, path)


@pytest.mark.parametrize("count", [1, 7, 128])
def test_predicts_what_pytorch_predicts(
    exported: tuple[Path, exporter.Predict], count: int
) -> None:
    path, predict = exported
    model = runtime.load(path, Options(threads=2))
    model.settle()
    images = draw(count, 28, 1)[0].astype(np.float32) / np.float32(255)
    outputs = model.run({"input_0": images})["output_0"]
    assert np.abs(outputs - predict(images)).max() < TOLERANCE


def test_takes_the_batch_that_it_promises(exported: tuple[Path, exporter.Predict]) -> None:
    image = reader.describe(exported[0]).signatures["forward"].inputs[0]
    assert image.shape == (exporter.LARGEST_BATCH, 28, 28, 3)


def test_all_but_the_pooling_is_xnnpacks(exported: tuple[Path, exporter.Predict]) -> None:
    description = reader.describe(exported[0])
    portable = {name for name in description.operators if name.startswith("aten::")}
    assert portable == {"aten::amax.out"}
    assert description.operators["xnnpack::conv2d"] == 15
