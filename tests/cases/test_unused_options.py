"""Options that meet nothing: errors where files tell all names, notices where they do not."""

import numpy as np
import pytest
import torch
from case_runs import run_case
from onnx import TensorProto, helper, save

from infer.cli import main


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("options")
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ("n", 3))
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, ("n", 3))
    graph = helper.make_graph([helper.make_node("Neg", ["x"], ["y"])], "graph", [x], [y])
    opset = helper.make_opsetid("", 17)
    save(helper.make_model(graph, opset_imports=[opset], ir_version=8), folder / "a.onnx")
    batch = torch.export.Dim("batch", max=50)
    program = torch.export.export(
        torch.nn.Tanh(), (torch.ones(4, 3),), dynamic_shapes=[{0: 2 * batch}]
    )
    torch.export.save(program, folder / "b.pt2")
    np.savez(folder / "inputs.npz", x=np.ones((4, 3), np.float32))
    return folder


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--dim", "h=8"), "--dim h: no artifact has such a free dimension (there are: 2*s"),
        (("--dim", "x.1=3"), "--dim x.1: no artifact has such a free dimension"),
        (("--range", "z=0:1"), "--range z: no artifact has the input 'z' (there are: "),
        (("--loop", "y=h"), "--loop y=h: no artifact has the input 'h'"),
        (("--whole", "table"), "--whole table: no artifact has the input 'table'"),
        (("--signature", "serve"), "have no functions by name"),
        (("--signature", "a.onnx=serve"), "files of onnx have no functions by name"),
    ],
)
def test_what_no_artifact_has_is_an_error_before_anything_is_started(
    folder, monkeypatch, capsys, options, message
):
    monkeypatch.chdir(folder)
    files = ("a.onnx", "b.pt2", "--inputs", "inputs.npz", "--trust", "--device", "cpu")

    status = main.main(["run", *files, *options])

    assert status == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line
    assert not (folder / "artifacts").exists()


def test_a_size_for_one_artifact_and_what_only_outputs_could_have(folder, capfd):
    run = run_case(
        folder,
        *("a.onnx", "--inputs", "inputs.npz", "--dim", "a.onnx:n=2"),
        *("--ignore", "z", "--map", "q=x"),
    )

    assert run.status == 0
    assert "takes 2 samples a call, no other number" in run.notes("a.onnx")
    printed = capfd.readouterr().err
    for option in ("--map q", "--ignore z"):
        notice = f"UNUSED OPTION: {option}: no artifact has it."
        assert notice in printed and notice in run.summary["notices"]


def test_a_size_that_the_one_artifact_does_not_have_is_refused(folder):
    run = run_case(folder, "a.onnx", "--inputs", "inputs.npz", "--dim", "a.onnx:m=2")

    assert run.outcome("a.onnx") == "bad_input"
    reason = "--dim a.onnx:m: it has no such free dimension (there are: n)"
    assert reason in run.reason("a.onnx")
