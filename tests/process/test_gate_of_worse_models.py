"""`exportbench gate` on ONNX files: what is worse does not pass, what is right does."""

import contextlib
import json
import shutil
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
from case_runs import SHORT

from infer.cli import main
from infer.measure.session import Run

onnx = pytest.importorskip("onnx", reason="makes ONNX files")
pytest.importorskip("onnxruntime", reason="runs ONNX files")

SAMPLES, FEATURES, CLASSES = 120, 6, 40
_RANDOM = np.random.default_rng(0)
WEIGHTS = {
    "to_boxes": _RANDOM.normal(size=(FEATURES, 4)) * 60,
    "middle": np.full(4, 320.0),
    "to_scores": _RANDOM.normal(size=(FEATURES, CLASSES)) * 2,
    "to_share": _RANDOM.normal(size=(FEATURES, 1)) * 0.1,
}


def write(path: Path, *, fused: bool = False, **changes) -> Path:
    """A model with boxes of 0 to 640, probabilities, the label, and a share below one.

    Args:
        path: the file.
        fused: whether the boxes are made by one operator instead of two.
        changes: other weights, by name.
    """
    from onnx import TensorProto, helper, numpy_helper

    values = {name: np.asarray(value, np.float32) for name, value in (WEIGHTS | changes).items()}
    nodes = [
        helper.make_node("MatMul", ["x", "to_scores"], ["scores"]),
        helper.make_node("Softmax", ["scores"], ["probabilities"], axis=-1),
        helper.make_node("ArgMax", ["scores"], ["label"], axis=1, keepdims=0),
        helper.make_node("MatMul", ["x", "to_share"], ["share"]),
    ]
    if fused:
        nodes.append(helper.make_node("Gemm", ["x", "to_boxes", "middle"], ["boxes"]))
    else:
        nodes.append(helper.make_node("MatMul", ["x", "to_boxes"], ["moved"]))
        nodes.append(helper.make_node("Add", ["moved", "middle"], ["boxes"]))
    outputs = {
        "boxes": (TensorProto.FLOAT, ["n", 4]),
        "probabilities": (TensorProto.FLOAT, ["n", CLASSES]),
        "label": (TensorProto.INT64, ["n"]),
        "share": (TensorProto.FLOAT, ["n", 1]),
    }
    graph = helper.make_graph(
        nodes,
        "detector",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", FEATURES])],
        [helper.make_tensor_value_info(name, *known) for name, known in outputs.items()],
        [numpy_helper.from_array(value, name) for name, value in values.items()],
    )
    path.parent.mkdir(exist_ok=True)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, path)
    return path


class Project:
    """A folder with a model, its inputs and its baseline."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        inputs = np.random.default_rng(1).normal(size=(SAMPLES, FEATURES)).astype(np.float32)
        np.savez(folder / "x.npz", x=inputs)

    def gate(self, artifact: str, *options: str) -> int:
        """Run the gate with the shortest protocol; return its exit status."""
        without_rates = mock.patch.object(Run, "_measure_roofline")
        command = ["gate", artifact, "--inputs", "x.npz", "--baseline", "baseline.json"]
        command += [*SHORT, "--device", "cpu", "--threads", "1", "--json", "gate.json"]
        with contextlib.chdir(self.folder), without_rates:
            return main.main([*command, *options])

    @property
    def failed(self) -> dict[str, str]:
        """The details of the checks that failed, by name."""
        checks = json.loads((self.folder / "gate.json").read_text())["checks"]
        return {c["name"]: c["detail"] for c in checks if c["verdict"] == "failed"}


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    project = Project(tmp_path_factory.mktemp("worse"))
    write(project.folder / "good" / "m.onnx")
    assert project.gate("good", "--update") == 0
    return project


def test_another_export_of_the_same_weights_passes(project):
    write(project.folder / "fused" / "m.onnx", fused=True)
    assert project.gate("fused") == 0, project.failed


@pytest.fixture(scope="module")
def moved(project):
    """A gate after boxes have moved by 45: its status, what failed, and the folder of its run."""
    write(project.folder / "moved" / "m.onnx", middle=np.full(4, 365.0))
    status = project.gate("moved", "--out", "runs-of-moved")
    (run,) = (project.folder / "runs-of-moved").iterdir()
    return status, project.failed, run


def test_boxes_that_moved_fail(moved):
    status, failed, _ = moved
    assert status == 1
    assert failed.keys() == {"parity"}
    assert "'boxes'" in failed["parity"] and "'share'" not in failed["parity"]


def test_classes_in_another_order_fail(project):
    order = np.r_[0, np.roll(np.arange(1, CLASSES), 1)]
    write(project.folder / "permuted" / "m.onnx", to_scores=WEIGHTS["to_scores"][:, order])
    assert project.gate("permuted") == 1
    assert "'label'" in project.failed["parity"]


def test_random_weights_in_both_places_fail(project):
    changes = {name: _RANDOM.normal(size=value.shape) for name, value in WEIGHTS.items()}
    write(project.folder / "other" / "m.onnx", **changes)
    shutil.copytree(project.folder / "other", project.folder / "former")

    assert project.gate("other", "--against", "former", "--margin", "latency=off") == 1

    assert {"former", "parity"} <= project.failed.keys()
    assert project.gate("good", "--against", "good", "--margin", "latency=off") == 0


def test_what_is_much_worse_is_taken_only_with_a_reason(project, moved, monkeypatch, capsys):
    baseline = project.folder / "baseline.json"
    before = baseline.read_bytes()
    monkeypatch.chdir(project.folder)
    command = ["gate", "--run", str(moved[2]), "--baseline", "baseline.json", "--update"]
    try:
        assert main.main(command) == 1
        assert baseline.read_bytes() == before
        assert "--accept" in capsys.readouterr().err
        assert main.main([*command, "--accept", "boxes of the new camera"]) == 0
        entry = json.loads(baseline.read_text())["artifacts"]["m.onnx"]
        assert entry["accepted"] == "boxes of the new camera"
    finally:
        baseline.write_bytes(before)
