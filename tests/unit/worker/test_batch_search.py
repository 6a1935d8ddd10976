"""Searches after a call has failed: for numbers of samples, and for ranges of whole numbers."""

import numpy as np
import pytest

from infer.tensors.signature import Signature, TensorSpec
from infer.tensors.size_limits import SizeLimits
from infer.worker.batch_search import find_batch
from infer.worker.messages import FindBatch, FindRanges
from infer.worker.model_adapters import LimitedBatchModel
from infer.worker.prepared_model import PreparedModel
from infer.worker.range_search import find_ranges


class Refusing:
    """Raises an error for inputs that it does not take."""

    signature = Signature((TensorSpec("x", ("n", 2), "float32"),), ())
    can_enqueue = False

    def __init__(self, takes, says="cannot reshape"):
        self.takes, self.says, self.sizes = takes, says, []

    def run(self, inputs):
        self.sizes.append(len(inputs["x"]))
        if not self.takes(inputs["x"]):
            raise RuntimeError(self.says)
        return {"y": inputs["x"]}


def searched(model, batch=32, samples=50, adapt=lambda model: model, x=None):
    arrays = {"x": np.arange(samples * 2.0).reshape(samples, 2) if x is None else x}
    return find_batch(PreparedModel(adapt(model), arrays), FindBatch(batch, 30))


@pytest.mark.parametrize(
    ("takes", "batch", "limits"),
    [
        (lambda n: n == 8, 32, SizeLimits.fixed(8)),
        (lambda n: n == 8, 1, SizeLimits.fixed(8)),
        (lambda n: n == 100, 32, SizeLimits.fixed(100)),
        (lambda n: n % 4 == 0, 32, SizeLimits(4, 4)),
        (lambda n: n % 4 == 0, 30, SizeLimits(4, 4)),
        (lambda n: n <= 16, 32, SizeLimits(1, 1, 16)),
        (lambda n: n % 4 == 0 and n <= 16, 32, SizeLimits(4, 4, 16)),
        (lambda n: n > 1, 32, SizeLimits(1, 2)),
        (lambda n: n >= 5, 2, SizeLimits(1, 5)),
        # A number that is added to each of eight rows is broadcast.
        (lambda n: n in (1, 8), 32, SizeLimits.fixed(8)),
        (lambda n: n % 7 == 0, 32, SizeLimits(7, 7)),
    ],
)
def test_what_a_call_takes_is_found_by_trying(takes, batch, limits):
    response = searched(Refusing(lambda x: takes(len(x))), batch)

    assert SizeLimits(**response["limits"]) == limits
    assert not takes(response["failed"]) and response["reason"] == "RuntimeError: cannot reshape"


def test_a_number_that_the_error_names_is_tried_before_others():
    model = Refusing(lambda x: len(x) == 500, "shape [500, 2] is invalid for input of size 64")

    assert searched(model)["limits"] == {"multiple": 1, "least": 500, "most": 500}
    assert len(model.sizes) < 30


def test_a_number_of_samples_within_stated_limits_is_looked_for():
    stated = SizeLimits(multiple=4)
    model = Refusing(lambda x: len(x) == 8)

    response = searched(model, adapt=lambda model: LimitedBatchModel(model, stated, frozenset()))

    assert SizeLimits(**response["limits"]) == SizeLimits.fixed(8)
    assert all(size % 4 == 0 for size in model.sizes)


@pytest.mark.parametrize(
    "takes",
    [
        lambda x: False,  # whatever the number
        lambda x: True,  # this time
        lambda x: x.max() < 20,  # a value of a later sample
    ],
)
def test_no_number_is_found_where_it_is_not_the_cause(takes):
    assert searched(Refusing(takes))["limits"] is None


def test_a_search_ends_when_its_time_is_over():
    prepared = PreparedModel(Refusing(lambda x: False), {"x": np.zeros((8, 2))})

    assert find_batch(prepared, FindBatch(4, 0.0))["limits"] is None


@pytest.mark.parametrize(
    ("takes", "ranges"),
    [
        (lambda x: x.max() <= 4, {"x": [0, 4]}),
        (lambda x: x.min() >= 0 and x.max() <= 7, {"x": [0, 7]}),
        (lambda x: x.min() >= -2 and x.max() <= 1, {"x": [-2, 1]}),
        (lambda x: False, {}),
        (lambda x: True, {}),
    ],
)
@pytest.mark.parametrize("low", [0, -9])
def test_ranges_of_whole_numbers_are_found_by_trying(takes, ranges, low):
    x = np.arange(low, 10).repeat(2).reshape(-1, 2)
    prepared = PreparedModel(Refusing(takes), {"x": x})

    wanted = {name: [max(limits[0], low), limits[1]] for name, limits in ranges.items()}
    if low == -9 and takes(np.array([-9, 4])) and wanted:
        wanted = {"x": [-9, wanted["x"][1]]}
    assert find_ranges(prepared, FindRanges(32, 30))["ranges"] == wanted
