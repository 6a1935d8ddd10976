"""Calls of SavedModels with a state: independent ones begin from the state after loading."""

import numpy as np
import pytest

from infer.runtimes.base import Options
from infer.worker.independent import IndependentModel

tf = pytest.importorskip("tensorflow")

X = np.ones((2, 4), "f4")


@pytest.mark.parametrize("resource", [False, True], ids=["TensorFlow 1", "resource variable"])
def test_a_session_that_counts_its_calls_gives_the_first_answer_every_time(tmp_path, resource):
    from infer.runtimes import saved_model

    v1 = tf.compat.v1
    with tf.Graph().as_default(), v1.Session() as session:
        x = v1.placeholder(tf.float32, (None, 4), name="x")
        calls = v1.get_variable("calls", initializer=0.0, use_resource=resource)
        outputs = tf.identity(x + v1.assign_add(calls, 1.0), name="y")
        session.run(v1.global_variables_initializer())
        v1.saved_model.simple_save(session, str(tmp_path / "counts"), {"x": x}, {"y": outputs})

    def load():
        return saved_model.load(tmp_path / "counts", Options(settings={"threads": "own"}))

    kept = load()
    assert [float(kept.run({"x": X})["y"][0, 0]) for _ in range(3)] == [2, 3, 4]
    independent = IndependentModel(load(), load)
    assert [float(independent.run({"x": X})["y"][0, 0]) for _ in range(3)] == [2, 2, 2]
