"""TensorFlow's operators and their devices, in a process of its own."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys

import pytest

PROGRAM = """
import json, sys
from pathlib import Path
import numpy as np
import tensorflow as tf
from infer.runtimes import saved_model, tf_placement
from infer.runtimes.base import Options
from infer.runtimes.saved_model_session import SessionModel

folder, found = Path(sys.argv[1]), {}


class Net(tf.Module):
    def __init__(self):
        self.weights = tf.Variable(np.ones((4, 3), np.float32))
        self.count = tf.Variable(0.0)

    @tf.function(input_signature=[tf.TensorSpec((None, 4), tf.float32, name="x")])
    def serve(self, x):
        return {"y": tf.nn.relu(tf.matmul(x, self.weights))}

    @tf.function(input_signature=[tf.TensorSpec((None, 4), tf.float32, name="x")])
    def counting(self, x):
        return {"y": x + self.count.assign_add(1.0)}


net = Net()
signatures = {"serving_default": net.serve, "counting": net.counting}
tf.saved_model.save(net, str(folder / "net"), signatures=signatures)
inputs = {"x": np.ones((2, 4), np.float32)}

loaded = tf.saved_model.load(str(folder / "net"))
settings = {"threads": "own", "xla": "off", "graph": "frozen"}
model = saved_model.SavedModel(loaded, Options(), settings, "/CPU:0")
model.run_staged(model.stage(inputs))
found["function"] = model._where()
found["state"] = model._keeps_state()
found["cpu_tf32"] = model.placement()["tf32"]
other = saved_model.SavedModel(loaded, Options(signature="counting"), settings, "/CPU:0")
other.run_staged(other.stage(inputs))
found["function_with_state"] = other._keeps_state()

for name in ("serving_default", "counting"):
    session = SessionModel(
        folder / "net", ["serve"], Options(signature=name), settings, "to look at it"
    )
    session.run(inputs)
    found[f"session_{name}"] = session._where(), session._keeps_state()

for allowed in (True, False):
    tf.config.experimental.enable_tensor_float_32_execution(allowed)
    found[f"tf32_{allowed}"] = saved_model.tf32_allowed()
try:
    saved_model.load(folder / "net", Options("cuda"))
except NotImplementedError as error:
    found["without_card"] = str(error)

print("\\n" + json.dumps(found))
"""


@pytest.fixture(scope="module")
def placements(tmp_path_factory):
    """What the program found."""
    if importlib.util.find_spec("tensorflow") is None:
        pytest.skip("TensorFlow is not installed")
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, tmp_path_factory.mktemp("models")],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1])


def test_every_operator_of_a_function_has_its_device(placements):
    assert list(placements["function"]) == ["cpu"]
    assert any("MatMul" in kind for kind in placements["function"]["cpu"])
    assert "Const" not in placements["function"]["cpu"]


def test_every_operator_of_a_session_has_its_device(placements):
    kinds, keeps_state = placements["session_serving_default"]
    assert list(kinds) == ["cpu"] and any("MatMul" in kind for kind in kinds["cpu"])
    assert not keeps_state


def test_what_changes_its_state_is_not_called_again_for_it(placements):
    assert not placements["state"]
    assert placements["function_with_state"]
    assert placements["session_counting"][1]


def test_tf32_is_read_back(placements):
    assert placements["tf32_True"] is True and placements["tf32_False"] is False
    assert placements["cpu_tf32"] is False


def test_without_a_card_it_says_what_to_install(placements):
    if "without_card" not in placements:
        pytest.skip("there is a card")
    assert "tensorflow[and-cuda]" in placements["without_card"]
