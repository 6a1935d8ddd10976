"""Text and bytes as inputs and outputs, with made-up values and beside numbers."""

import case_models_text as models
import numpy as np
import pytest

import infer
from infer.tensors.text import pack_all

SHORT = {
    "device": "cpu",
    "threads": 1,
    "scenario": ["batch"],
    "turns": 1,
    "burst": 0.01,
    "budget": 1,
    "batch": 4,
    "out": "runs",
    "trust": (),
}
WORDS = ["plain", "", "größe", "日本", "tab\tnew\nline", "a\0b", "x|y"]
# What bytes of pictures and of serialized records have: zeros at the end, no UTF-8.
RAW = [b"\xff\xd8\xff\xe0\x00", b"\x0a\x00", b"", b"ok", b"\x80\x00\x00"]


def objects(values):
    array = np.empty(len(values), object)
    array[:] = values
    return array


def measured(*artifacts, **options):
    """The rows of a short run, by artifact."""
    summary = infer.run(list(artifacts), **{**SHORT, **options})
    return {row.artifact: row for row in summary.rows}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("text")
    models.onnx_join(folder / "join.onnx")
    models.onnx_join(folder / "twin.onnx")
    models.onnx_join(folder / "other.onnx", tail="?")
    models.onnx_same(folder / "same.onnx")
    models.openvino_same(folder / "same.xml")
    x = np.arange(len(WORDS), dtype=np.float32)
    np.savez(folder / "in.npz", **pack_all({"text": objects(WORDS), "x": x}))
    return folder


def test_made_up_text_ends_no_run_and_another_model_differs(folder, monkeypatch):
    monkeypatch.chdir(folder)

    rows = measured("join.onnx", "twin.onnx", "other.onnx", random=0, samples=6)

    assert {name: str(row.outcome) for name, row in rows.items()} == {
        "join.onnx": "ok",
        "twin.onnx": "ok",
        "other.onnx": "parity_fail",
    }
    (sample, *_) = rows["other.onnx"].differing
    assert sample.answer.value.endswith("?") and sample.reference.value.endswith("!")
    reason = rows["other.onnx"].reason
    assert "differs from join.onnx, in 6 of 6 texts of " in reason
    assert (
        f", as in sample 0: '{sample.answer.value}' instead of '{sample.reference.value}'" in reason
    )


def test_text_of_openvino_is_that_of_onnx_runtime(folder, monkeypatch):
    monkeypatch.chdir(folder)

    rows = measured("same.onnx", "same.xml", inputs="in.npz")

    assert {name: str(row.outcome) for name, row in rows.items()} == {
        "same.onnx": "ok",
        "same.xml": "ok",
    }


@pytest.mark.parametrize("name", ["same.onnx", "same.xml"])
def test_any_text_comes_back_as_it_was(folder, name):
    with infer.load(folder / name, threads=1, trust=True) as model:
        assert [(spec.name, spec.dtype) for spec in model.signature.inputs] == [("text", "string")]
        assert model.run({"text": objects(WORDS)})["same"].tolist() == WORDS
        assert model.run({"text": np.array(["only", "ascii"])})["same"].tolist() == [
            "only",
            "ascii",
        ]


def test_openvino_takes_bytes_and_says_what_it_cannot_keep(folder):
    with infer.load(folder / "same.xml", threads=1, trust=True) as model:
        assert model.run({"text": objects([b"\xff\0a", b""])})["same"].tolist() == [b"\xff\0a", b""]
        with pytest.raises(infer.outcome.Failure, match="ends with a zero byte"):
            model.run({"text": objects(["a\0"])})


def test_onnx_runtime_says_that_it_gives_no_bytes(folder):
    model = infer.load(folder / "same.onnx", threads=1, trust=True)
    with model, pytest.raises(infer.outcome.Failure, match="no UTF-8"):
        model.run({"text": objects([b"\xff"])})


def test_text_and_bytes_in_the_formats_of_tensorflow(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    models.saved_model_bytes(tmp_path / "bytes")
    models.litert_pick(tmp_path / "pick.tflite")
    np.savez("in.npz", **pack_all({"image": objects(RAW)}))

    rows = measured("bytes", inputs="in.npz", batch=2)
    assert rows["bytes"].outcome == "ok"
    with infer.load("bytes", threads=1, trust=True) as model:
        outputs = model.run({"image": objects(RAW)})
        assert outputs["same"].tolist() == RAW
        assert outputs["size"].tolist() == list(map(len, RAW))
    with infer.load("pick.tflite", threads=1, trust=True) as model:
        x = np.arange(len(RAW), dtype=np.int32)
        assert model.run({"text": objects(RAW), "x": x})["same"].tolist() == RAW
        words = model.run({"text": objects(WORDS[:3]), "x": x[2::-1]})["same"].tolist()
        assert words == WORDS[2::-1]
