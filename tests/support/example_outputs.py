"""Outputs of both sides, as examples are taken from them."""

import numpy as np

from infer.examples.arrays import ArrayWriter, read_array
from infer.examples.compared import ComparedOutputs
from infer.examples.taking import output_examples
from infer.inputs.lazy_array import LazyArray
from infer.metrics.task import TaskRequest
from infer.metrics.tasks import TASKS
from infer.parity.row_pairs import PairedOutputs, RowPair
from infer.parity.set_pairs import pair_sets
from infer.parity.tolerance import Tolerance
from infer.tensors.comparison_options import RowSet
from infer.tensors.ragged import Ragged

BOXES = RowSet("boxes", ("classes", "scores"))
SAMPLES = 6


def limits(*names):
    return {name: Tolerance(1e-3, "given") for name in names}


def compared(outputs, expected, task=None, **truth):
    """Dense outputs, by name."""
    request = TaskRequest(task) if task else None
    roles = TASKS[task].evaluator(request, expected, truth).outputs if task else {}
    return ComparedOutputs(
        outputs, expected, limits(*expected), task=request, roles=roles, truth=truth
    )


def detections(mine, theirs):
    """Sets of boxes: for each sample, rows of four corners, a score and a class."""

    def rows(side, columns, dtype):
        counts = np.cumsum([0, *map(len, side)])
        return Ragged(np.concatenate(side)[:, columns].astype(dtype), counts)

    columns = {"boxes": (slice(0, 4), "f4"), "scores": (4, "f4"), "classes": (5, "i8")}
    numbers = tuple(range(len(theirs)))
    pairs = {
        name: RowPair(rows(mine, *which), rows(theirs, *which), numbers)
        for name, which in columns.items()
    }
    in_rows = PairedOutputs(
        {name: pair.outputs.in_a_row for name, pair in pairs.items()},
        {name: pair.expected.in_a_row for name, pair in pairs.items()},
        {name: pair.calls for name, pair in pairs.items()},
    )
    paired = pair_sets(in_rows, pairs, [BOXES], limits(*pairs))
    return ComparedOutputs({}, {}, limits(*pairs), paired.partners, [BOXES])


def made_up_boxes(samples=SAMPLES):
    draws = np.random.default_rng(0)
    corners = draws.integers(0, 40, (samples, 3, 2))
    sides = draws.integers(8, 20, (samples, 3, 2))
    further = np.stack([draws.uniform(0.4, 1, (samples, 3)), np.ones((samples, 3))], axis=2)
    return list(np.concatenate([corners, corners + sides, further], axis=2))


def taken(folder, given, pictures=None, label="a", sides=None, truth=None):
    """The examples of outputs, and a function that reads an array of an example."""
    sides = sides or (given.outputs, given.expected)
    truth = given.truth if truth is None else truth
    outputs = output_examples(given, sides, truth, pictures, ArrayWriter(folder, label))
    return outputs, lambda example, role: read_array(folder, label, example.arrays[role])


def images(samples=SAMPLES, height=48, width=64):
    values = np.random.default_rng(1).random((samples, 3, height, width), dtype="f4")
    return {"image": LazyArray.of(values)}
