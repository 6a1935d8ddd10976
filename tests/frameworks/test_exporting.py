"""One artifact is exported: it is put in place only where it predicts what the network does."""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from commands import Exported
from exports import ALL, made_up_source, sha256_of

from export import build as build_module
from export.build import ExportError, build
from export.evaluation import Evaluation, write_evaluation
from export.exporters import EXPORTERS
from export.weight_sources import Source, read_source
from train import synthetic
from train.data import Dataset, Split
from train.weights import load_weights

pytest_plugins = ("frameworks", "export_fixtures")


def test_the_evaluation_file_is_the_test_split_and_the_same_every_time(
    tmp_path: Path, evaluation: Evaluation
) -> None:
    split = Split(*synthetic.draw(130, 28, 41))
    with np.load(evaluation.path) as arrays:
        assert set(arrays.files) == {"image", "labels"}
        np.testing.assert_array_equal(arrays["image"], split.images)
        np.testing.assert_array_equal(arrays["labels"], split.labels)
        assert arrays["image"].dtype == np.uint8
    data = Dataset("small", 28, synthetic.CLASS_NAMES, split, split, split)
    again = write_evaluation(data, tmp_path)
    assert again.sha256 == evaluation.sha256 == sha256_of(again.path)
    assert [file.name for file in tmp_path.iterdir()] == ["small-28-test.npz"]
    images = evaluation.images(3)
    assert (images.dtype, images.shape) == (np.float32, (3, 28, 28, 3))
    np.testing.assert_allclose(images * 255, split.images[:3], atol=1e-4)


@pytest.mark.parametrize(("name", "package"), [(n, p) for n in ALL for p in EXPORTERS[n].needs])
def test_a_framework_that_is_missing_is_named_with_the_remedy(
    tmp_path: Path,
    evaluation: Evaluation,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    package: str,
) -> None:
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util,
        "find_spec",
        lambda wanted, *rest: None if wanted == package else find_spec(wanted, *rest),
    )
    with pytest.raises(ExportError, match=f"{package} is not installed: pip install") as error:
        build(made_up_source(), name, tmp_path, evaluation)
    assert "\n" not in str(error.value)
    assert not list(tmp_path.iterdir())


class _OtherExporter:
    """In place of an exporter's process: writes what the test says, and what it predicts.

    It starts from an artifact that is right; `spoil` changes the folder's files.
    """

    def __init__(self, good: Path, predicted: np.ndarray, images: np.ndarray) -> None:
        self.good, self.predicted, self.images = good, predicted, images
        self.spoil: Callable[[Path], None] = lambda folder: None
        self.end = (0, "")

    def __call__(self, arguments: list[str], **options: Any) -> subprocess.CompletedProcess[str]:
        job = json.loads(Path(arguments[-1]).read_text())
        folder = Path(job["folder"])
        shutil.copy(self.good, folder / self.good.name)
        for batch in (1, 7, 128):
            np.savez(
                folder / f"check-{batch}.npz",
                image=self.images[:batch],
                probabilities=self.predicted[:batch],
            )
        result = {"warnings": ["UserWarning: hm"], "producer": {"someone": "1"}}
        (folder / "result.json").write_text(json.dumps(result))
        self.spoil(folder)
        status, error = self.end
        if status == "hang":
            raise subprocess.TimeoutExpired(arguments, options["timeout"])
        return subprocess.CompletedProcess(arguments, status, "", error)


@pytest.fixture(scope="module")
def right(
    exported: Exported, evaluation: Evaluation, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, np.ndarray, np.ndarray]:
    """A payload, images and what the payload predicts for them."""
    payload = exported.folder / "onnx-torch" / "model.onnx"
    images = evaluation.images(128)
    logits = tmp_path_factory.mktemp("right") / "found.npy"
    np.save(logits.with_name("images.npy"), images)
    script = (
        "import sys, numpy as np, onnxruntime as ort\n"
        "session = ort.InferenceSession(sys.argv[1], providers=['CPUExecutionProvider'])\n"
        "np.save(sys.argv[3], session.run(None, {'image': np.load(sys.argv[2])})[0])\n"
    )
    arguments = [sys.executable, "-c", script, payload, logits.with_name("images.npy"), logits]
    subprocess.run(list(map(str, arguments)), check=True, timeout=300)
    return payload, np.load(logits), images


@pytest.fixture
def other_exporter(
    right: tuple[Path, np.ndarray, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> _OtherExporter:
    payload, predicted, images = right
    other = _OtherExporter(payload, predicted, images)
    monkeypatch.setattr(build_module.subprocess, "run", other)
    return other


def test_an_export_that_predicts_the_same_is_put_in_place(
    tmp_path: Path, settled: Path, evaluation: Evaluation, other_exporter: _OtherExporter
) -> None:
    """The next tests spoil this one."""
    source = read_source(settled)
    for _ in range(2):  # the second time in place of the first
        built = build(source, "onnx-torch", tmp_path, evaluation)
        assert built.folder == tmp_path / source.name / "onnx-torch"
        assert built.largest_difference < 1e-6
        assert {file.name for file in built.folder.iterdir()} == {"model.onnx", "manifest.json"}
        assert [file.name for file in built.folder.parent.iterdir()] == ["onnx-torch"]
    manifest = json.loads((built.folder / "manifest.json").read_text())
    assert manifest["warnings"] == ["UserWarning: hm"]
    assert manifest["producer"] == {"someone": "1"}
    assert manifest["evaluation"]["notice"] == "a notice"
    assert set(manifest["verified"]["differences"]) == {"1", "7", "128"}


def _predict_otherwise(batch: int) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        path = folder / f"check-{batch}.npz"
        with np.load(path) as arrays:
            image, probabilities = arrays["image"], arrays["probabilities"]
        probabilities[-1, 3] += np.float32(2e-3)
        np.savez(path, image=image, probabilities=probabilities)

    return spoil


def _garbage(folder: Path) -> None:
    (folder / "model.onnx").write_bytes(b"not a model")


def _no_payload(folder: Path) -> None:
    (folder / "model.onnx").unlink()


@pytest.mark.parametrize(
    ("spoil", "end", "reasons"),
    [
        (_predict_otherwise(1), (0, ""), ["at batch 1 ", "0.002"]),
        (_predict_otherwise(128), (0, ""), ["at batch 128 ", "0.002"]),
        (_garbage, (0, ""), ["does not work when loaded", "load_error"]),
        (_no_payload, (0, ""), ["wrote no model.onnx"]),
        (None, (1, "Traceback\n  ...\nValueError: no such layer\n"), ["ValueError: no such layer"]),
        (None, (-9, ""), ["-9"]),
        (None, ("hang", ""), ["no end after"]),
    ],
)
def test_an_export_that_fails_leaves_no_artifact_and_says_why(
    tmp_path: Path,
    settled: Path,
    evaluation: Evaluation,
    other_exporter: _OtherExporter,
    spoil: Callable[[Path], None] | None,
    end: tuple[Any, str],
    reasons: list[str],
) -> None:
    earlier = tmp_path / settled.stem / "onnx-torch"
    earlier.mkdir(parents=True)
    (earlier / "manifest.json").write_text("of an earlier export")
    other_exporter.spoil = spoil or other_exporter.spoil
    other_exporter.end = end
    with pytest.raises(ExportError) as error:
        build(read_source(settled), "onnx-torch", tmp_path, evaluation)
    for reason in reasons:
        assert reason in str(error.value)
    assert "\n" not in str(error.value)
    # What was there before stays, and nothing comes beside it.
    assert [file.name for file in earlier.parent.iterdir()] == ["onnx-torch"]
    assert (earlier / "manifest.json").read_text() == "of an earlier export"


def test_a_real_exporter_that_fails_is_one_line(
    tmp_path: Path, settled: Path, evaluation: Evaluation
) -> None:
    """The weights are gone when the exporter's process comes to read them."""
    path = tmp_path / "gone.safetensors"
    source = Source(path, *load_weights(settled), {})
    with pytest.raises(ExportError) as error:
        build(source, "torchscript", tmp_path / "out", evaluation)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)
    assert not list((tmp_path / "out").rglob("*torchscript*"))
