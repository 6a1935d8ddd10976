"""What a baseline keeps of an output tells outputs that are others, and none that are right."""

import ml_dtypes
import numpy as np
import pytest

from infer.parity.deviation import deviation
from infer.parity.kept_sketch import SketchedOutput
from infer.parity.sketch import sketch_of
from infer.parity.tolerance import tolerances


def probabilities(samples=3421, classes=12, seed=0):
    values = np.exp(np.random.default_rng(seed).normal(size=(samples, classes)) * 3)
    return (values / values.sum(axis=1, keepdims=True)).astype(np.float32)


def sketched(array, tolerance=None, precision="float32", **known):
    array = np.asarray(array)
    if tolerance is None:
        tolerance = tolerances({"y": array}, [precision])["y"].value
    return SketchedOutput(sketch_of(array), tolerance, **known)


def findings(now, before, **of_baseline):
    """What does not pass of an output, by the tolerance of the one before."""
    return deviation(sketched(now), sketched(before, **of_baseline).kept()).findings


def permuted_but_for_eight(values):
    """Columns permuted that eight evenly spread ones would not show."""
    probed = np.unique(np.linspace(0, values.shape[1] - 1, 8).round().astype(int))
    others = np.setdiff1d(np.arange(values.shape[1]), probed)
    moved = values.copy()
    moved[:, others] = values[:, np.roll(others, 1)]
    return moved


def other_labels(values, share):
    moved = values.copy()
    for row in np.random.default_rng(1).choice(
        len(values), max(1, int(share * len(values))), False
    ):
        first, second = np.argsort(values[row])[[-1, -2]]
        moved[row, [first, second]] = values[row, [second, first]]
    return moved


def exchanged(values):
    moved = values.copy()
    moved[[1, 3]] = values[[3, 1]]
    return moved


WORSE = {
    "columns permuted": permuted_but_for_eight,
    "1 % of the labels": lambda values: other_labels(values, 0.01),
    "two samples exchanged": exchanged,
    "scaled": lambda values: values * values.dtype.type(1.05),
    "rows reversed": lambda values: values[::-1],
    "all alike": lambda values: np.broadcast_to(values[:1], values.shape),
    "zero": np.zeros_like,
}


@pytest.mark.parametrize("change", WORSE.values(), ids=WORSE)
@pytest.mark.parametrize(("samples", "classes"), [(3421, 12), (200, 1000), (20_000, 10), (12, 40)])
def test_outputs_that_are_worse_are_told(change, samples, classes):
    before = probabilities(samples, classes)
    assert findings(change(before), before)


@pytest.mark.parametrize("change", WORSE.values(), ids=WORSE)
def test_outputs_of_16_bits_that_are_worse_are_told(change):
    before = probabilities().astype(np.float16)
    assert findings(change(before), before, precision="float16")


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("noise", ["uniform", "ends"])
@pytest.mark.parametrize(
    "shape", [(3421, 9), (100, 1000), (9000, 3), (5, 7), (300,), (64, 8, 8, 3)]
)
def test_differences_within_the_tolerance_pass_and_beyond_it_do_not(seed, noise, shape):
    random = np.random.default_rng(seed)
    before = random.normal(size=shape)
    tolerance = 1e-4
    unit = random.uniform(-1, 1, shape) if noise == "uniform" else random.choice([-1, 1], shape)
    assert not findings(before + tolerance * unit, before, tolerance=tolerance)
    # Of these values one in eight, or all, is beyond the tolerance; the fewest are 35 of them.
    assert findings(before + 1.5 * tolerance * unit, before, tolerance=tolerance)


def test_the_mean_of_many_sums_tells_noise_that_no_single_sum_tells():
    # Far more values than are kept one by one: those are right here, and the others differ.
    random = np.random.default_rng(0)
    before = random.normal(size=(4096, 300))
    now = before + 1.2e-4 * random.choice([-1, 1], before.shape)
    kept, sketch = sketched(before, 1e-4).kept(), sketched(now, 1e-4)
    same = sketched(before, 1e-4).sketch.values
    hidden = SketchedOutput(type(sketch.sketch)(**{**vars(sketch.sketch), "values": same}), 1e-4)
    (finding,) = [text for text in deviation(hidden, kept).findings if "labels" not in text]
    assert "in the root mean square" in finding


def test_rounding_at_the_border_of_a_step_is_no_difference():
    tolerance = 8e-4  # steps of 1e-4
    before = np.arange(20_000).reshape(2000, 10) * 1e-4 + 0.5e-4
    for by in (-1e-12, 1e-12):
        assert not findings(before + by, before, tolerance=tolerance)


def test_every_label_that_is_clear_counts_whatever_the_numbers_may_do():
    random = np.random.default_rng(0)
    before = random.normal(size=(500, 1000)) * 0.01
    labels = random.integers(0, 1000, 500)
    before[np.arange(500), labels] = 1.0
    now = before.copy()
    now[7, [labels[7], (labels[7] + 1) % 1000]] = 0.6, 1.0
    (finding,) = findings(now, before, tolerance=0.45)
    assert finding == "1 of 500 labels are others (sample 7)"
    # Where two values are as near as the tolerance lets them come, either label is right.
    assert not findings(now, before, tolerance=0.6)


@pytest.mark.parametrize(
    "now",
    [
        np.array([[1, 2], [3, 5]]),
        np.array([[1, 2], [3, 4 + 65536]]),
        np.array([[1, 2], [3, 4 + 2**40]]),
        np.array([[1, 2], [3, 4 + 2**60]]),
        np.array([[1, 2], [3, -4]]),
    ],
)
def test_whole_numbers_must_be_equal(now):
    before = np.array([[1, 2], [3, 4]])
    assert not findings(before, before)
    assert findings(now, before)


def test_many_whole_numbers_are_told_apart_by_one():
    before = np.random.default_rng(0).integers(-(2**31), 2**31, (5000, 4))
    assert not findings(before, before)
    for row, column in ((0, 0), (4321, 2), (4999, 3)):
        now = before.copy()
        now[row, column] += 1
        assert findings(now, before)
    assert not findings(before + 1, before, tolerance=1.0)


def test_very_large_whole_numbers_are_kept_as_hashes():
    before = np.array([2**62, 5, 2**62 + 1])
    assert not findings(before, before)
    assert findings(np.add(before, [0, 0, 1]), before)


@pytest.mark.parametrize("wide", [1, 3])
def test_text_must_be_equal(wide):
    before = np.array([[f"word {i} {j}" for j in range(wide)] for i in range(50)], object)
    assert not findings(before, before)
    now = before.copy()
    now[17, wide - 1] = "another"
    (finding,) = findings(now, before)
    assert "(sample 17)" in finding
    assert findings(before, before.astype("S").astype(object)) == ()  # bytes of the same text
    joined = np.array([["a", "bc"]], object), np.array([["ab", "c"]], object)
    assert findings(*joined)


@pytest.mark.parametrize("value", [0.0, 5.0, -3.0])
def test_an_output_that_is_constant_is_still_held(value):
    before = np.full((1000, 4), value, np.float32)
    assert not findings(before, before)
    assert findings(before + np.float32(0.01), before)
    noise = np.random.default_rng(0).normal(size=before.shape).astype(np.float32)
    assert findings(before + noise, before)


@pytest.mark.parametrize("size", [(3, 4), (5000, 4)])
def test_nan_and_infinities_must_be_where_they_were(size):
    before = np.random.default_rng(0).normal(size=size).astype(np.float32)
    before[1] = np.nan, np.inf, -np.inf, 1
    assert not findings(before, before)
    for place, value in (((2, 2), np.nan), ((1, 0), 0.0), ((1, 1), -np.inf), ((1, 1), np.nan)):
        now = before.copy()
        now[place] = value
        assert findings(now, before)
    now = before.copy()
    now[2, 1] += 1
    assert findings(now, before)


def test_each_kind_of_number_is_kept():
    values = np.random.default_rng(0).normal(size=(300, 40))
    for kind in (np.float16, np.float32, np.float64, ml_dtypes.bfloat16, np.complex64):
        before = values.astype(kind)
        assert not findings(before, before)
        assert findings(before * kind(2), before)
    assert findings(values + 1j, values + 2j)
    assert not findings(values > 0, values > 0)
    assert findings(values > 0.1, values > 0)


def test_another_type_of_the_same_numbers_passes_and_another_shape_does_not():
    before = np.random.default_rng(0).normal(size=(300, 40)).astype(np.float32)
    assert not findings(before.astype(np.float64), before)
    assert "shape" in findings(before[:, :-1], before)[0]
    assert "shape" in findings(before[:-1], before)[0]
    assert findings(before.astype(np.complex64), before)
    assert findings(before.astype(str).astype(object), before)


def test_a_share_of_whole_numbers_may_differ_where_it_was_allowed():
    random = np.random.default_rng(0)
    before = random.integers(0, 20, (500, 64))
    few, many = before.copy(), before.copy()
    few[random.random(before.shape) < 0.04] += 1
    many[random.random(before.shape) < 0.3] += 1
    assert findings(few, before)
    assert not findings(few, before, allowed_share=0.05)
    assert findings(many, before, allowed_share=0.05)


def test_a_quantised_model_is_held_to_its_root_mean_square():
    before = np.random.default_rng(0).normal(size=(2000, 10))
    noise = np.random.default_rng(1).normal(size=before.shape)
    known = {"tolerance": 1.0, "root_mean_square": 0.1}
    assert not findings(before + 0.09 * noise, before, **known)
    assert findings(before + 0.3 * noise, before, **known)


@pytest.mark.parametrize(
    "shape", [(), (0,), (0, 9), (3, 0), (1,), (1, 1), (1, 1_200_000), (70_000,), (7, 1, 900)]
)
def test_outputs_of_any_shape_have_a_sketch(shape):
    before = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    assert not findings(before, before)
    if before.size:
        assert findings(before + np.float32(0.1), before)


def test_a_sketch_has_a_size_that_does_not_grow_with_the_samples():
    sizes = {}
    for samples in (10, 1000, 3421, 100_000):
        kept = sketched(probabilities(samples, 10)).kept()
        parts = (kept.values, kept.sums, kept.labels, kept.hashes)
        sizes[samples] = sum(len(part.tobytes()) for part in parts)
    assert sizes[10] == 10 * 10 * 2 + 10
    assert sizes[3421] < 15_000
    assert sizes[100_000] <= (2048 + 4096) * 2 + 4096


def test_places_and_signs_are_the_same_on_every_machine():
    """They may never change, or outputs would differ from all baselines."""
    sketch = sketch_of(np.arange(60_000, dtype=np.float64).reshape(6000, 10))
    assert sketch.labels[:4].tolist() == [5, 15, 10, 14]
    assert sketch.values[:4].tolist() == [18.0, 32.0, 66.0, 114.0]
    assert sketch.sums[:4].tolist() == [163854.0, 81954.0, -164008.0, 82294.0]
