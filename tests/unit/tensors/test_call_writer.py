"""Outputs that are written call by call, and mapped when they are read."""

import mmap
import tracemalloc

import numpy as np
import pytest

from infer.tensors import collected_rows
from infer.tensors.call_writer import CallWriter
from infer.tensors.output_files import read_saved, take_over
from infer.tensors.outputs import CallSamples, SavedOutput, has_outputs, joined


def call(number, rows=2):
    return CallSamples.from_range(rows * number, rows)


def test_calls_are_written_as_they_come_and_the_index_makes_them_whole(tmp_path):
    writer = CallWriter(tmp_path)
    for number in range(3):
        writer.write(
            {"y": np.full((2, 3), number), "t": np.array(["ä", "b" * number])}, call(number)
        )
        assert not has_outputs(tmp_path)
    writer.close()

    saved = read_saved(tmp_path)
    assert saved["y"].with_axis(0).array[:, 0].tolist() == [0, 0, 1, 1, 2, 2]
    assert saved["t"].with_axis(0).array.tolist() == ["ä", "", "ä", "b", "ä", "bb"]
    assert not [file for file in tmp_path.iterdir() if file.name.startswith(".")]


def test_what_is_held_does_not_grow_with_the_calls(tmp_path):
    def held_bytes(calls):
        tracemalloc.start()
        writer = CallWriter(tmp_path)
        for number in range(calls):
            writer.write({"y": np.ones(1, np.float32)}, call(number, 1))
        writer.close()
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return peak

    held_bytes(10)  # what is made once
    few, many = held_bytes(10), held_bytes(3000)

    assert many < few + 60_000
    assert read_saved(tmp_path)["y"].with_axis(0).array.shape == (3000,)


def test_many_outputs_are_written_with_few_open_files(tmp_path):
    names = [f"y{number}" for number in range(100)]
    writer = CallWriter(tmp_path)
    for number in range(2):
        writer.write({name: np.float32([number]) for name in names}, call(number, 1))
    writer.close()

    assert all(saved.array.tolist() == [[0], [1]] for saved in read_saved(tmp_path).values())


ONES = np.ones(2, np.float32)


@pytest.mark.parametrize("second", [{}, {"y": np.ones(2, np.int64)}, {"x": ONES, "y": ONES}])
def test_a_call_with_other_outputs_is_an_error(tmp_path, second):
    writer = CallWriter(tmp_path)
    writer.write({"y": np.ones(2, np.float32)}, call(0))

    with pytest.raises(ValueError, match=r"'[xy]' is "):
        writer.write(second, call(1))


def test_large_outputs_are_mapped_and_stay_when_they_are_written_anew(tmp_path):
    for name in ("worker", "run"):
        (tmp_path / name).mkdir()
    for value in (1, 2):
        writer = CallWriter(tmp_path / "worker")
        for number in range(4):
            writer.write({"y": np.full((2, 1 << 16), value, np.float32)}, call(number))
        writer.close()
        take_over(tmp_path / "worker", tmp_path / "run", lambda calls: None)
        if value == 1:
            before = read_saved(tmp_path / "run")["y"].with_axis(0)

    assert isinstance(_owner(before.array), mmap.mmap)
    assert before.array.shape == (8, 1 << 16)
    assert (before.array == 1).all()
    assert (read_saved(tmp_path / "run")["y"].with_axis(0).array == 2).all()


def test_samples_on_another_axis_and_fillers_are_joined_the_same_on_disk(monkeypatch):
    parts = tuple(np.arange(24.0).reshape(4, 3, 2) + number for number in range(3))
    calls = tuple(CallSamples(tuple(range(3)), 2) for _ in parts)
    expected = np.concatenate([np.moveaxis(part, 1, 0)[:2] for part in parts])
    monkeypatch.setattr(collected_rows, "_MOST_IN_MEMORY", 1)

    values = SavedOutput(calls, parts).with_axis(1).array

    assert isinstance(_owner(values), mmap.mmap)
    np.testing.assert_array_equal(values, expected)
    assert joined([np.array(["a"], object)]).tolist() == ["a"]


def _owner(array):
    while isinstance(array, np.ndarray):
        array = array.base
    return array.obj if isinstance(array, memoryview) else array


def test_numbers_in_another_order_of_bytes_go_on_in_that_of_the_first_call(tmp_path):
    writer = CallWriter(tmp_path)
    for number, order in enumerate("<>"):
        writer.write({"y": np.array([number, 2], f"{order}f4")}, call(number))
    writer.close()

    assert read_saved(tmp_path)["y"].with_axis(0).array.tolist() == [0, 2, 1, 2]
