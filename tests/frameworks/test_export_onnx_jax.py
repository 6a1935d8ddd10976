"""The workaround of export/onnx_jax.py: needed still, and enough."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from commands import LIMIT_S, ROOT, Exported, environment

pytest_plugins = ("frameworks",)

# jax2onnx as it is, without the workaround; and what is in the file that the exporter wrote.
SCRIPT = """
import json, sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort

from export import onnx_jax
from export.jax_serving import predictor, serving_function
from train import synthetic
from train.weights import load_weights

weights, payload, out = map(Path, sys.argv[1:])
function = serving_function(load_weights(weights)[0])
images = synthetic.draw(7, 28, 3)[0].astype(np.float32) / 255
expected = predictor(function)(images)


def judge(model):
    facts = {"refused": None, "difference": None}
    options = ort.SessionOptions()
    options.log_severity_level = 4
    try:
        session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        (found,) = session.run(None, {session.get_inputs()[0].name: images})
        facts["difference"] = float(np.abs(found - expected).max())
    except Exception as error:
        facts["refused"] = f"{type(error).__name__}: {error}"
    return facts


def operators(model):
    return [node.op_type for node in model.graph.node]


plain = onnx_jax.convert(function, 28)
passes = [step.name for step in onnx_jax.ir_optimizations._OPTIMIZER_PASSES]
exported = onnx.load(payload)
onnx.checker.check_model(exported, full_check=True)
facts = {
    "plain": judge(plain.SerializeToString()),
    "passes": passes,
    "broken": onnx_jax.BROKEN_STEP,
    "exported": judge(str(payload)),
    "operators": operators(exported),
    "domains": sorted({node.domain for node in exported.graph.node}),
    "opsets": {entry.domain: entry.version for entry in exported.opset_import},
    "names": [[v.name for v in values] for values in (exported.graph.input, exported.graph.output)],
}
out.write_text(json.dumps(facts))
"""


@pytest.fixture(scope="module")
def facts(exported: Exported, settled: Path, tmp_path_factory: pytest.TempPathFactory) -> dict:
    out = tmp_path_factory.mktemp("onnx-jax") / "facts.json"
    payload = exported.folder / "onnx-jax" / "model.onnx"
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(settled), str(payload), str(out)],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(out.read_text())


def test_jax2onnx_still_needs_the_workaround(facts: dict) -> None:
    plain = facts["plain"]
    assert plain["refused"] or plain["difference"] > 1e-3, (
        "jax2onnx no longer breaks strided convolutions: remove `_without` and BROKEN_STEP from "
        "export/onnx_jax.py, what CONTRIBUTING.md says of them, and this test"
    )


def test_the_step_that_is_left_out_is_there_and_put_back(facts: dict) -> None:
    """A new version that calls it otherwise would make the workaround do nothing."""
    assert facts["broken"] in facts["passes"]


def test_the_exported_file_runs_and_predicts_what_jax_does(facts: dict) -> None:
    assert facts["exported"]["refused"] is None
    assert facts["exported"]["difference"] < 1e-5


def test_the_exported_file_has_standard_operators_and_hardly_a_transpose(facts: dict) -> None:
    assert facts["domains"] == [""]
    assert list(facts["opsets"]) == [""]
    assert facts["operators"].count("Conv") == 15
    assert facts["operators"].count("Transpose") <= 4
    assert facts["names"] == [["image"], ["probabilities"]]
