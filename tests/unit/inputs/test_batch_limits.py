"""Numbers of samples that a call may have: of symbols, of what a file states, in calls."""

import numpy as np
import pytest

from infer.errors import InputError
from infer.inputs.fitting import fit_inputs
from infer.inputs.options import InputOptions
from infer.tensors.signature import Signature, TensorSpec
from infer.tensors.size_limits import ANY_SIZE, SizeLimits, limits_of_symbol, size_of_symbol
from infer.worker.model_adapters import LimitedBatchModel


@pytest.mark.parametrize(
    ("text", "symbols", "limits"),
    [
        ("b", {}, ANY_SIZE),
        ("4*b", {}, SizeLimits(multiple=4, least=4)),
        ("b*4", {"b": SizeLimits(most=16)}, SizeLimits(multiple=4, least=4, most=64)),
        ("b", {"b": SizeLimits(least=3, most=16)}, SizeLimits(least=3, most=16)),
        ("b + 2", {"b": SizeLimits(most=8)}, SizeLimits(least=3, most=10)),
        ("floordiv(b, 2)", {"b": SizeLimits(most=8)}, ANY_SIZE),
        ("unk__0", {}, ANY_SIZE),
    ],
)
def test_a_symbol_has_the_limits_of_its_factor_and_its_range(text, symbols, limits):
    assert limits_of_symbol(text, symbols) == limits


def test_a_size_follows_from_the_symbol_in_it():
    assert size_of_symbol("4*b", {"b": 3}) == 12
    assert size_of_symbol("4*b", {"4*b": 8}) == 8
    assert size_of_symbol("b + 1", {"b": 3}) == 4
    assert size_of_symbol("c", {"b": 3}) is None


@pytest.mark.parametrize(
    ("limits", "count", "size", "nearest"),
    [
        (SizeLimits(multiple=4), 10, 12, 8),
        (SizeLimits(multiple=4), 11, 12, 12),
        (SizeLimits(multiple=4), 1, 4, 4),
        (SizeLimits(most=16), 32, 16, 16),
        (SizeLimits(multiple=4, most=18), 32, 16, 16),
        (SizeLimits(least=3), 1, 3, 3),
        (SizeLimits.fixed(8), 5, 8, 8),
        (ANY_SIZE, 7, 7, 7),
    ],
)
def test_the_size_of_a_call_holds_the_samples_and_is_allowed(limits, count, size, nearest):
    assert limits.size_for(count) == size and limits.nearest(count) == nearest
    assert limits.allows(size)


class Doubling:
    """Doubles its input, and refuses other numbers of samples than its limits allow."""

    signature = Signature((TensorSpec("x", ("n", 2), "float32"),), ())
    can_enqueue = False

    def __init__(self, limits):
        self.limits, self.calls = limits, []

    def run(self, inputs):
        self.calls.append(len(inputs["x"]))
        assert self.limits.allows(len(inputs["x"]))
        return {"y": inputs["x"] * 2, "mean": inputs["x"].mean()[None]}


@pytest.mark.parametrize(
    ("limits", "count", "calls"),
    [
        (SizeLimits(multiple=4), 8, [8]),
        (SizeLimits(multiple=4), 50, [52]),
        (SizeLimits(multiple=4), 1, [4]),
        (SizeLimits(most=16), 50, [16, 16, 16, 2]),
        (SizeLimits(least=4, most=16), 50, [16, 16, 16, 4]),
        (SizeLimits.fixed(8), 17, [8, 8, 8]),
    ],
)
def test_calls_have_allowed_sizes_and_give_every_sample_once(limits, count, calls):
    model = Doubling(limits)
    x = np.arange(count * 2, dtype=np.float32).reshape(count, 2)

    limited = LimitedBatchModel(model, limits, frozenset())
    last = limited.run({"x": x})

    assert model.calls == calls
    assert [len(call.rows) for call in limited.calls(count)] == calls
    counted = [row for call in limited.calls(count) for row in call.rows[: call.samples]]
    assert counted == list(range(count))
    np.testing.assert_array_equal(last["y"], x[list(limited.calls(count)[-1].rows)] * 2)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "inputs.npz"
    np.savez(path, x=np.zeros((50, 6), np.float32), t=np.zeros((50, 3), np.float32))
    return path


def signature(*first):
    shapes = zip("xt", first, (6, 3), strict=False)
    return Signature(tuple(TensorSpec(n, (size, rest), "float32") for n, size, rest in shapes), ())


def test_limits_of_all_inputs_with_samples_hold_together(file):
    fitted = fit_inputs(
        file, signature("4*b", "b"), None, limits={("t", 0): SizeLimits(least=1, most=30)}
    )

    assert fitted.batch_limits == SizeLimits(multiple=4, least=4, most=30)
    assert fitted.notes[-1].startswith("takes a multiple of 4, at most 28 samples a call")


def test_a_batch_that_the_user_sets_must_be_within_the_limits(file):
    limits = {("x", 0): SizeLimits(most=16)}
    options = InputOptions(dims={"b": 2})

    assert fit_inputs(file, signature("4*b"), None, options, limits=limits).batch_limits.only == 8
    with pytest.raises(InputError, match=r"20 samples a call are asked for, .*at most 16; .* 16$"):
        fit_inputs(file, signature("4*b"), None, InputOptions(dims={"b": 5}), limits=limits)


def test_other_dimensions_are_within_their_limits_or_refused(file):
    with pytest.raises(InputError, match=r"'x' has 6 along axis 1, the artifact takes .*8"):
        fit_inputs(
            file,
            Signature((TensorSpec("x", ("b", "w"), "float32"),), ()),
            None,
            limits={("x", 1): SizeLimits(least=8)},
        )


def test_limits_that_exclude_each_other_are_told(file):
    with pytest.raises(InputError, match="no number of samples a call suits all inputs"):
        fit_inputs(
            file,
            signature("b", "c"),
            None,
            limits={("x", 0): SizeLimits(least=8), ("t", 0): SizeLimits(most=4)},
        )
