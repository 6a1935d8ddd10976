"""Outputs that a worker wrote, taken over."""

import numpy as np
import pytest
from worker_answers import RIGHT, SPEC, known

from infer.outcome import Failure, Outcome
from infer.tensors.call_writer import write_arrays, write_calls, write_index
from infer.tensors.npy_writer import NpyWriter
from infer.tensors.output_files import read_call, read_saved
from infer.tensors.outputs import CallSamples
from infer.worker import messages as m
from infer.worker import output_collection
from infer.worker.answer_checks import Known
from infer.worker.output_collection import collect, most_folder_bytes

HALVES = (CallSamples.from_range(0, 4), CallSamples.from_range(4, 4))
PREDICT, PREDICTED = RIGHT["predict"]


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "worker"
    made.mkdir()
    return made


def write(folder, calls=HALVES, columns=3):
    """Write the outputs of a pass, and return them."""
    parts = [{"y": np.ones((len(call.rows), columns), np.float32)} for call in calls]
    write_calls(folder, parts, calls)
    return np.concatenate([part["y"] for part in parts])


def refused(folder, request, response, state=None):
    with pytest.raises(Failure) as caught:
        collect(folder, folder.parent / "taken", request, response, state or known())
    assert caught.value.outcome == Outcome.CRASH
    assert not (folder.parent / "taken").exists()
    return caught.value.reason


def test_outputs_of_a_pass_are_taken_over(folder, tmp_path):
    values = write(folder)

    collect(folder, tmp_path / "taken" / "deeper", PREDICT, PREDICTED, known())

    (folder / "output_0.npy").unlink()  # what the worker does afterwards is nobody's concern
    output = read_saved(tmp_path / "taken" / "deeper")["y"].with_axis(0)
    np.testing.assert_array_equal(output.array, values)


@pytest.mark.parametrize(
    "calls",
    [
        HALVES[:1],
        HALVES[::-1],
        (*HALVES, CallSamples.from_range(0, 1)),
        (CallSamples.from_range(0, 4), CallSamples.from_range(5, 4)),
        (CallSamples.from_range(0, 4), CallSamples((4, 5, 6, 7, 99), 4)),
    ],
)
def test_other_samples_than_were_asked_for_are_refused(folder, calls):
    write(folder, calls)
    assert "samples that were asked for" in refused(folder, PREDICT, PREDICTED)


def test_samples_that_fill_a_call_up_are_none_of_those(folder, tmp_path):
    write(folder, (CallSamples.from_range(0, 5), CallSamples((5, 6, 7, 5, 5), 3)))
    collect(folder, tmp_path / "taken", PREDICT, PREDICTED, known())


def test_a_timed_call_is_the_one_that_was_told(folder, tmp_path):
    request, response = RIGHT["burst"]
    write(folder, HALVES[1:])
    collect(folder, tmp_path / "taken", request, response, known())
    other = tmp_path / "other"
    other.mkdir()
    write(other, HALVES)
    with pytest.raises(Failure, match="not of the call"):
        collect(other, tmp_path / "again", request, response, known())


def test_outputs_that_are_far_larger_than_the_signature_says_are_refused(folder):
    write(folder, columns=3 * 1_000_000)
    assert "more than" in refused(folder, PREDICT, PREDICTED)


def test_a_list_has_more_rows_than_its_signature_has_samples(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(output_collection, "_MOST_ADDED_BYTES", 0)
    lists = [{"y": np.ones((4 * 300, 7), np.float32)}] * 2
    write_calls(folder, lists, HALVES)

    state = Known([SPEC | {"shape": [None, 7]}], samples=8)
    collect(folder, tmp_path / "taken", PREDICT, PREDICTED, state)
    with pytest.raises(Failure, match="more than"):
        state = Known([SPEC | {"shape": [1, 7]}], samples=8)
        collect(folder, tmp_path / "again", PREDICT, PREDICTED, state)


def test_where_the_signature_tells_no_size_memory_is_the_limit(folder, tmp_path):
    write(folder, columns=3 * 1_000_000)
    for shape in ([None, "boxes"], [1, "boxes"], None, []):
        state = Known([SPEC | {"shape": shape}], samples=8)
        collect(folder, tmp_path / "taken", PREDICT, PREDICTED, state)
        assert most_folder_bytes(PREDICT, state) > most_folder_bytes(PREDICT, known())


def test_both_calls_on_the_same_inputs_are_taken_over(folder, tmp_path):
    request, response = RIGHT["call_again"]
    for name in ("first", "second"):
        (folder / name).mkdir()
        write_arrays(folder / name, {"y": np.ones((4, 3), np.float32)})

    collect(folder, tmp_path / "taken", request, response, known())

    assert read_call(tmp_path / "taken" / "second")["y"].shape == (4, 3)
    (folder / "second").rename(folder / "third")
    with pytest.raises(Failure, match="second is missing"):
        collect(folder, tmp_path / "taken", m.CallAgain(4, 3, "o"), response, known())


@pytest.mark.parametrize("action", ["predict", "burst"])
def test_outputs_of_no_call_are_refused(folder, action):
    with NpyWriter(folder / "output_0.npy", np.dtype(np.float32)):
        pass
    write_index(folder, {"calls": [], "outputs": [{"name": "y", "dtype": "float32", "shapes": []}]})

    assert "asked for" in refused(folder, *RIGHT[action])
