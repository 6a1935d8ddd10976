"""Outputs that are saved for the user, as `.npy` and as Parquet."""

import json

import ml_dtypes
import numpy as np
import pandas
import pytest

from infer.errors import OptionError
from infer.measure import output_saving
from infer.measure.output_saving import require_packages, save_outputs
from infer.tensors.outputs import CallSamples, SampleAxis, SavedOutput

SCORES = np.arange(12, dtype=np.float32).reshape(4, 3)
MAPS = np.arange(24, dtype=np.int64).reshape(4, 2, 3)
TEXTS = np.array(["", "é", "a\nb", "z"], object)
BOXES = [np.full((count, 4), count, np.float32) for count in (2, 0, 3, 1)]
PAIRS = tuple(CallSamples.from_range(first, 2) for first in (0, 2))
SINGLE = tuple(CallSamples.from_range(first, 1) for first in range(4))


def by_pairs(values):
    return SavedOutput(PAIRS, (values[:2], values[2:]), SampleAxis(0, settled=True))


@pytest.fixture
def saved(tmp_path):
    """Saves outputs of all kinds, and returns their folder and description."""

    def save(form):
        outputs = {
            "scores": by_pairs(SCORES),
            "a/map": by_pairs(MAPS),
            "half": by_pairs(SCORES.astype(ml_dtypes.bfloat16)),
            "text": by_pairs(TEXTS),
            "complex": by_pairs(SCORES[:, 0] + 1j),
            "boxes": SavedOutput(SINGLE, tuple(BOXES), by_rows=True),
            "boxes.values": by_pairs(SCORES[:, 0]),
            "words": SavedOutput(
                SINGLE, tuple(TEXTS[:count] for count in (1, 0, 4, 2)), by_rows=True
            ),
            "lists": SavedOutput(PAIRS, (SCORES[0], SCORES[:3]), SampleAxis(None, settled=True)),
        }
        save_outputs(tmp_path / "a.onnx", "a.onnx", outputs, form)
        described = json.loads((tmp_path / "a.onnx" / "outputs.json").read_text())
        assert described["artifact"] == "a.onnx"
        return tmp_path / "a.onnx", {output["name"]: output for output in described["outputs"]}

    return save


def test_arrays_are_opened_with_numpy(saved):
    folder, described = saved("npy")

    def arrays(name):
        return [np.load(folder / file) for file in described[name]["files"]]

    for name, values in {"scores": SCORES, "a/map": MAPS, "half": SCORES}.items():
        (read,) = arrays(name)
        assert np.array_equal(read, values) and described[name]["kind"] == "samples"
    assert described["half"]["dtype"] == "bfloat16" and arrays("half")[0].dtype == np.float32
    values, offsets = arrays("boxes")
    for number, rows in enumerate(BOXES):
        assert np.array_equal(values[offsets[number] : offsets[number + 1]], rows)
    data, lengths, offsets = arrays("words")
    texts = np.split(data, np.cumsum(lengths)[:-1])
    read = [bytes(text).decode() for text in texts]
    assert read[offsets[2] : offsets[3]] == TEXTS.tolist() and offsets.tolist() == [0, 1, 1, 5, 7]
    values, offsets = arrays("lists")
    assert described["lists"]["samples"] == [2, 2]
    assert described["lists"]["shapes"] == [[3], [3, 3]] and offsets.tolist() == [0, 3, 12]
    assert (folder / "scores.npy").exists() and (folder / "boxes.offsets.npy").exists()
    files = [file for output in described.values() for file in output["files"]]
    assert len(set(files)) == len(files)


def test_tables_are_opened_with_pandas(saved):
    folder, described = saved("parquet")
    table = pandas.read_parquet(folder / "samples.parquet")

    assert len(table) == 4 and described["scores"]["files"] == ["samples.parquet"]
    assert np.array_equal(np.stack(table["scores"]), SCORES)
    shape = described["a/map"]["shape"]
    assert np.array_equal(np.stack(table["a/map"]).reshape(-1, *shape), MAPS)
    assert table["text"].tolist() == TEXTS.tolist()
    assert np.array_equal(np.stack(table["half"]), SCORES)
    assert np.stack(table["complex"]).tolist() == [[value, 1] for value in SCORES[:, 0]]
    for read, rows in zip(table["boxes"], BOXES, strict=True):
        assert np.array_equal(np.stack(read) if len(read) else np.empty((0, 4)), rows)
    assert [len(words) for words in table["words"]] == [1, 0, 4, 2]
    calls = pandas.read_parquet(folder / "calls.parquet")
    assert [list(shape) for shape in calls["lists.shape"]] == [[3], [3, 3]]
    assert calls["lists"][1].reshape(calls["lists.shape"][1]).tolist() == SCORES[:3].tolist()


@pytest.mark.parametrize("form", ["npy", "parquet"])
def test_large_outputs_are_written_in_parts(tmp_path, form):
    values = np.arange(3 << 20, dtype=np.float64).reshape(-1, 4)
    calls = (CallSamples.from_range(0, len(values)),)
    save_outputs(
        tmp_path / "a", "a", {"y": SavedOutput(calls, (values,), SampleAxis(0, settled=True))}, form
    )

    if form == "npy":
        assert np.array_equal(np.load(tmp_path / "a" / "y.npy"), values)
    else:
        import pyarrow.parquet as pq

        column = pq.read_table(tmp_path / "a" / "samples.parquet")["y"]
        assert column.num_chunks > 1 or len(column) == len(values)
        assert np.array_equal(
            np.concatenate([part.flatten().to_numpy() for part in column.chunks]),
            values.reshape(-1),
        )


def test_without_pyarrow_it_is_said_what_to_install(monkeypatch):
    monkeypatch.setattr(output_saving.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(OptionError, match=r"exportbench\[data\]"):
        require_packages("parquet")
    require_packages("npy")
    require_packages(None)


def test_names_longer_than_those_of_files_are_saved(tmp_path):
    names = ["n" * 300, "m" * 300]
    outputs = {name: by_pairs(SCORES + place) for place, name in enumerate(names)}
    save_outputs(tmp_path / "a", "a", outputs, "npy")
    described = json.loads((tmp_path / "a" / "outputs.json").read_text())["outputs"]
    assert [output["name"] for output in described] == names
    for place, output in enumerate(described):
        np.testing.assert_array_equal(np.load(tmp_path / "a" / output["files"][0]), SCORES + place)


def test_shapes_have_a_column_beside_an_output_of_that_name(tmp_path):
    no_axis = SampleAxis(None, settled=True)
    outputs = {
        "x": SavedOutput(PAIRS, (SCORES[0], SCORES[:3]), no_axis),
        "x.shape": SavedOutput(PAIRS, (SCORES[1], SCORES[2]), no_axis),
    }
    save_outputs(tmp_path / "a", "a", outputs, "parquet")
    table = pandas.read_parquet(tmp_path / "a" / "calls.parquet")
    assert table["x.shape"][0].tolist() == SCORES[1].tolist()
    assert [shape.tolist() for shape in table["x.shape_"]] == [[3], [3, 3]]
