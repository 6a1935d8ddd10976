"""Outputs that a resumed run has lost."""

from types import SimpleNamespace

import numpy as np
import pytest

from infer.measure.reference_outputs import is_finite
from infer.measure.run_outputs import RunOutputs
from infer.outcome import Failure
from infer.tensors.call_writer import write_arrays


def test_an_artifact_without_its_outputs_ends_no_choice_of_a_reference(tmp_path):
    context = SimpleNamespace(outputs=RunOutputs(tmp_path, ()))
    context.outputs.folder("kept").mkdir()
    write_arrays(context.outputs.folder("kept"), {"y": np.ones(3)})

    assert is_finite(context, "kept")
    assert not is_finite(context, "lost")
    with pytest.raises(Failure, match="cannot be read"):
        context.outputs.values("lost")
