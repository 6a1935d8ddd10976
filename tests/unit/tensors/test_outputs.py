"""Outputs of calls, and their samples."""

import numpy as np
import pytest

from infer.tensors.call_writer import write_arrays, write_calls
from infer.tensors.output_files import read_call, read_saved, write_axes
from infer.tensors.outputs import CallSamples, SampleAxis, SavedOutput
from infer.tensors.sample_axis import sample_axis, stated_axes, taking_axis
from infer.tensors.signature import Signature, TensorSpec

TWO_AND_ONE = (CallSamples.from_range(0, 2), CallSamples.from_range(2, 1))
FILLED = (CallSamples((0, 1), 2), CallSamples((2, 0), 1))
SINGLE = tuple(CallSamples.from_range(sample, 1) for sample in range(3))
VALUES = np.arange(24, dtype=np.float32).reshape(3, 2, 4)  # samples x times x classes


def saved(calls, parts, axis=None, settled=False):
    return SavedOutput(tuple(calls), tuple(parts), SampleAxis(axis, settled))


def cut(axis, *counts):
    """The values in calls, with the samples on an axis."""
    ends = np.cumsum(counts)
    return [np.moveaxis(part, 0, axis) for part in np.split(VALUES, ends[:-1])]


def test_outputs_of_a_worker_are_read_by_name_and_call(tmp_path):
    calls = [
        {"p": VALUES[:2], "n": np.arange(2), "loss": np.float32(1)},
        {"p": VALUES[2:], "n": np.arange(1), "loss": np.float32(2)},
    ]
    write_calls(tmp_path, calls, TWO_AND_ONE)
    write_axes(
        tmp_path,
        {"p": SampleAxis(0, True), "n": SampleAxis(0, True), "loss": SampleAxis(None, True)},
    )

    outputs = read_saved(tmp_path)

    assert list(outputs) == ["p", "n", "loss"]
    np.testing.assert_array_equal(outputs["p"].array, VALUES)
    assert outputs["n"].array.tolist() == [0, 1, 0]
    assert outputs["loss"].array.tolist() == [1, 2]
    assert [output.has_samples for output in outputs.values()] == [True, True, False]
    assert outputs["p"].calls == TWO_AND_ONE


def test_outputs_of_all_types_are_kept(tmp_path):
    ml_dtypes = pytest.importorskip("ml_dtypes")
    kept = {
        "bf16": np.array([1.5, np.nan], ml_dtypes.bfloat16),
        "f8": np.array([1.5, 2], ml_dtypes.float8_e4m3fn),
        "i4": np.array([-8, 7], ml_dtypes.int4),
        "text": np.array(["a", "äöü"], object),
        "bytes": np.array([b"a", b"\xff"], object),
        "c": np.array([1j, 2], np.complex64),
        "b": np.array([True, False]),
        "u64": np.array([0, 2**64 - 1], np.uint64),
        "f16": np.array([1, 2], np.float16),
        "single": np.array(3.0),
        "none": np.zeros((0, 2), np.int64),
    }
    write_arrays(tmp_path, kept)

    outputs = read_call(tmp_path)

    for name, array in kept.items():
        if name in ("text", "bytes"):
            assert outputs[name].tolist() == [["a", "äöü"], [b"a", b"\xff"]][name == "bytes"]
        else:
            assert outputs[name].dtype == array.dtype
            assert outputs[name].shape == array.shape
            assert outputs[name].tobytes() == array.tobytes()


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_samples_come_first_wherever_they_were(axis):
    output = saved(TWO_AND_ONE, cut(axis, 2, 1), axis)

    np.testing.assert_array_equal(output.array, VALUES)


def test_samples_that_fill_a_call_up_do_not_count():
    parts = [VALUES[:2], VALUES[[2, 0]]]

    np.testing.assert_array_equal(saved(FILLED, parts, 0).array, VALUES)
    assert saved(FILLED, parts).array.size == 4 * VALUES[0].size  # they are in calls as a whole


def test_calls_of_one_sample_are_the_samples():
    output = saved(SINGLE, list(VALUES))

    assert output.has_samples
    np.testing.assert_array_equal(output.array, VALUES)
    assert not saved(SINGLE, [VALUES[:1, 0], VALUES[:1, 0], VALUES[:2, 0]]).has_samples
    assert not saved(SINGLE, list(VALUES), settled=True).has_samples


def test_an_axis_is_settled_by_calls_of_two_sizes():
    time_major = saved(TWO_AND_ONE, cut(1, 2, 1))
    statistic = saved(TWO_AND_ONE, [np.ones(2), np.ones(2)])

    assert sample_axis(time_major, None) == SampleAxis(1, True)
    assert sample_axis(statistic, None) == SampleAxis(None, True)


def test_a_length_that_equals_the_batch_settles_nothing():
    calls = [CallSamples.from_range(0, 2)]
    output = saved(calls, [np.ones((2, 3))])

    assert sample_axis(output, None) == SampleAxis(None, False)
    assert sample_axis(output, [], other_size=True) == SampleAxis(None, True)
    assert sample_axis(output, [0], other_size=True) == SampleAxis(0, True)
    assert sample_axis(output, [0]) == SampleAxis(0, True)
    assert sample_axis(output, [1], other_size=True) == SampleAxis(None, True)
    assert sample_axis(output, None, stated=0) == SampleAxis(0, True)
    assert sample_axis(output, None, stated=1) == SampleAxis(None, False)


def test_of_two_axes_that_follow_the_stated_one_is_taken():
    output = saved([CallSamples.from_range(0, 2)], [np.ones((2, 2))])

    assert sample_axis(output, [0, 1], other_size=True) == SampleAxis(None, True)
    assert sample_axis(output, [0, 1], other_size=True, stated=1) == SampleAxis(1, True)


def test_calls_that_differ_elsewhere_are_not_joined():
    output = saved(TWO_AND_ONE, [np.ones((2, 5)), np.ones((1, 6))])

    assert sample_axis(output, [0], other_size=True) == SampleAxis(None, True)


@pytest.mark.parametrize(
    ("inputs", "output", "stated"),
    [
        ([("n", 3)], ("t", "n", 4), 1),
        ([("n", 3), (1,)], ("n",), 0),
        ([("n", 3)], ("n", "n"), None),
        ([("images", 3), ("texts", 3)], ("images", "texts"), None),
        ([(None, 3)], (None, 4), None),
        ([(4, 3)], (4, 4), None),
    ],
)
def test_axes_that_a_signature_states(inputs, output, stated):
    specs = tuple(TensorSpec(f"x{i}", shape, "float32") for i, shape in enumerate(inputs))
    signature = Signature(specs, (TensorSpec("y", output, "float32"),))

    assert stated_axes(signature).get("y") == stated


def test_an_open_axis_is_taken_from_the_other_artifact():
    reference = saved([CallSamples.from_range(0, 3)], [np.moveaxis(VALUES, 0, 1)], 1, True)

    single = saved(SINGLE, cut(1, 1, 1, 1), 1)
    fixed = saved([CallSamples.from_range(0, 3)], [np.moveaxis(VALUES, 0, 1)])
    squeezed = saved(SINGLE, [part[:, 0] for part in cut(1, 1, 1, 1)])
    settled = saved([CallSamples.from_range(0, 3)], [np.moveaxis(VALUES, 0, 1)], settled=True)
    other = saved([CallSamples.from_range(0, 3)], [VALUES[:, :1]])

    for output in (single, fixed, squeezed):
        np.testing.assert_array_equal(taking_axis(output, reference).array, VALUES)
    assert taking_axis(settled, reference) is settled
    assert taking_axis(other, reference) is other


@pytest.mark.parametrize(
    "shapes", [[(1, 3), (2, 3)], [(2, 3), (1, 4)], [(3,), (3,)], [(), ()], [(2, 3), (2, 3)]]
)
def test_an_axis_that_another_run_does_not_have_is_none_there(tmp_path, shapes):
    for name, calls in (("known", [(2, 3), (1, 3)]), ("other", shapes)):
        (tmp_path / name).mkdir()
        write_calls(tmp_path / name, [{"y": np.ones(shape)} for shape in calls], TWO_AND_ONE)
    write_axes(tmp_path / "known", {"y": SampleAxis(0, settled=True)})

    known = read_saved(tmp_path / "known", tmp_path / "known")["y"]
    other = read_saved(tmp_path / "other", tmp_path / "known")["y"]

    assert known.has_samples and known.array.shape == (3, 3)
    assert not other.has_samples and other.array.ndim == 1
