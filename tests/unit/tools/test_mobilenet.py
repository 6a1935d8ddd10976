"""tools/mobilenet.py: the network has the size that its paper states, and can be called."""

import sys

import numpy as np
import onnx
import onnxruntime
import pytest
from conftest import ROOT

sys.path.insert(0, str(ROOT / "tools"))

import mobilenet


# Table 6 of the paper, millions of parameters by width; its network has biases in the last layer
# and normalisation besides.
@pytest.mark.parametrize(("width", "millions"), [(0.25, 0.5), (0.5, 1.3)])
def test_it_has_as_many_weights_as_in_the_paper_and_its_scores_differ(tmp_path, width, millions):
    path = tmp_path / "mobilenet.onnx"
    mobilenet.write_mobilenet(path, width)
    weights = sum(np.prod(tensor.dims) for tensor in onnx.load(path).graph.initializer)
    assert weights / 1e6 == pytest.approx(millions, abs=0.05)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    images = np.random.default_rng(0).random((2, 3, 64, 64), dtype=np.float32)
    (scores,) = session.run(None, {"image": images})
    assert scores.shape == (2, 1000)
    assert np.isfinite(scores).all()
    assert not np.allclose(scores[0], scores[1])
