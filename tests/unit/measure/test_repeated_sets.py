"""Whether the order of rows is what changed between equal calls of a detector."""

from types import SimpleNamespace

import numpy as np
import pytest

from infer.measure.repeated_sets import REPEATED, repeated_sets
from infer.measure.run_outputs import RunOutputs
from infer.tensors.call_writer import write_arrays, write_calls
from infer.tensors.comparison_options import RowSet
from infer.tensors.output_files import write_axes
from infer.tensors.outputs import CallSamples, SampleAxis

BOXES = np.array([[[0, 0, 4, 4], [8, 8, 12, 12], [20, 0, 30, 9]]], np.float32)


@pytest.fixture
def repeated(tmp_path):
    """The changes of a detector, by its boxes in the pass and in two further calls."""

    def changes(of_pass, first, second):
        outputs = RunOutputs(tmp_path, ())
        folder = outputs.folder("a")
        folder.mkdir(parents=True)
        write_calls(folder, [{"boxes": of_pass}], [CallSamples.from_range(0, 1)])
        write_axes(folder, {"boxes": SampleAxis(0, settled=True)})
        for name, boxes in (("first", first), ("second", second)):
            (folder / REPEATED / name).mkdir(parents=True)
            write_arrays(folder / REPEATED / name, {"boxes": boxes})
        plan = SimpleNamespace(row_sets=[RowSet("boxes")], absolute=())
        return repeated_sets(SimpleNamespace(outputs=outputs, plan=plan), "a")

    return changes


def test_rows_in_another_order_have_not_changed(repeated):
    assert repeated(BOXES, BOXES[:, [2, 0, 1]], BOXES) == {"boxes": 0}


def test_other_rows_have_changed(repeated):
    assert repeated(BOXES, BOXES[:, [2, 0, 1]], BOXES + 100)["boxes"] > 0


def test_two_calls_alike_do_not_say_that_the_order_alone_changes(repeated):
    # A model whose boxes depend on the call before gives the same in calls after the same call.
    assert repeated(BOXES, BOXES + 1, BOXES + 1) == {}
