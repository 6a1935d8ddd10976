"""The lines of docs/metrics.md, on networks that are made here: a segmentation and a detector."""

import re
import shlex

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from tests.support import case_models_detection as detectors
from tests.support.case_runs import gate_case, printed_by, run_case
from tests.support.pages import COMMANDS, ROOT

PAGE = ROOT / "docs" / "metrics.md"


def network(path, weights):
    """A convolution of 1 x 1: two classes from three colours."""
    shapes = ["n", 3, 8, 8], ["n", 2, 8, 8]
    image, mask = (
        helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        for name, shape in zip(("image", "mask"), shapes, strict=True)
    )
    initializer = numpy_helper.from_array(weights.reshape(2, 3, 1, 1), "w")
    node = helper.make_node("Conv", ["image", "w"], ["mask"])
    graph = helper.make_graph([node], "g", [image], [mask], [initializer])
    opset = helper.make_opsetid("", 17)
    onnx.save(helper.make_model(graph, opset_imports=[opset], ir_version=8), path)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("metrics")
    random = np.random.default_rng(0)
    weights = np.array([[1, -1, 0], [-1, 1, 0]], np.float32)
    image = random.normal(size=(40, 3, 8, 8)).astype(np.float32)
    scores = np.einsum("cx,nxhw->nchw", weights, image)
    labels = (scores + random.normal(size=scores.shape)).argmax(axis=1)
    np.savez(folder / "test.npz", image=image, labels=labels)
    network(folder / "a.onnx", weights)
    network(folder / "b.onnx", weights + np.float32(1e-7))
    network(folder / "worse.onnx", weights + np.array([[0, 1.5, 0], [0, 0, 0]], np.float32))
    code = re.search(r"^    def dice.*?(?=^\S)", PAGE.read_text(), re.S | re.M)
    source = re.sub(r"^    ", "", code[0], flags=re.M)
    # The network has scores, not a mask of one class.
    (folder / "score.py").write_text(
        source.replace('outputs["mask"] > 0.5', 'outputs["mask"][:, 1] > outputs["mask"][:, 0]')
    )
    return folder


def words(command):
    """The arguments of the page's line of a command."""
    lines = [line for page, line in COMMANDS if page == PAGE]
    assert len(lines) == 5
    line = next(line for line in lines if command in line)
    return shlex.split(line)[2:]


def test_a_task_and_a_metric_of_ones_own(folder):
    task = run_case(folder, *words("--task segmentation"))

    assert task.outcome("b.onnx") == "ok"
    for row in task.summary["rows"]:
        assert 0.6 < row["metrics"]["mean_iou"] < row["metrics"]["pixel_accuracy"] < 0.9
    assert "mean_iou" in task.text or "mean_iou" in str(task.summary)
    own = run_case(folder, *words("--metric score.py:dice"))
    assert all(0.6 < row["metrics"]["dice"] < 0.95 for row in own.summary["rows"])
    (run, *_) = sorted((folder / "artifacts" / "runs").iterdir())
    choose = [str(run) if word == "RUN" else word for word in words("exportbench choose")]
    status, text = printed_by(folder, "choose", *choose)
    assert status == 0, text


def test_the_gate_tells_a_worse_segmentation_from_an_equal_one(folder):
    gate = words("exportbench gate")
    place = gate.index("--baseline")
    gate = gate[:place] + gate[place + 2 :]
    gate_case(folder, *gate)

    same = gate_case(folder, *gate, update=False)
    assert same.verdict("metric") == "passed"
    (folder / "worse.onnx").replace(folder / "a.onnx")
    worse = gate_case(folder, *gate, update=False)
    assert worse.verdict("metric") == "failed", worse.detail("metric")


def test_the_gate_holds_the_average_precision_of_a_detector(tmp_path):
    detectors.onnx_detector(tmp_path / "detector.onnx")
    np.savez(tmp_path / "images.npz", x=detectors.candidates(), **detectors.objects())
    options = [word for word in words("--task detection") if word != "detector.pt"]
    gate_case(tmp_path, *options)

    same = gate_case(tmp_path, *options, "--margin", "map=1%", update=False)
    assert same.verdict("metric") == "passed", same.text
    (run, *_) = sorted((tmp_path / "artifacts" / "runs").iterdir())
    status, text = printed_by(tmp_path, "choose", run, "--min", "map=0.2")
    assert status == 0, text
    detectors.onnx_detector(tmp_path / "detector.onnx", least_score=0.7)
    worse = gate_case(tmp_path, *options, "--margin", "mAP=1%", update=False)
    assert worse.verdict("metric") == "failed", worse.detail("metric")
    assert worse.check("metric")["metric"] == "mAP"
