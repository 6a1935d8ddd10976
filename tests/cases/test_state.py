"""Models that keep a state between calls, though nothing in their signature says so."""

import case_models_state as models
import numpy as np
import pytest

import infer
from infer.errors import InputError, MeasurementError, UsageError

SAMPLES = 24
SHORT = {
    "device": "cpu",
    "threads": 1,
    "scenario": ["batch"],
    "turns": 1,
    "burst": 0.01,
    "budget": 1,
    "out": "runs",
    "trust": (),
}


def measured(*artifacts, **options):
    """The rows of a short run, by artifact, and its notices."""
    summary = infer.run(list(artifacts), **{**SHORT, **options})
    return {row.artifact: row for row in summary.rows}, summary.notices


@pytest.fixture
def recurrent(tmp_path, monkeypatch):
    """A fused recurrent layer with its state inside, beside one that begins each with zeros."""
    monkeypatch.chdir(tmp_path)
    models.litert_rnn(tmp_path / "fused.tflite")
    models.onnx_rnn(tmp_path / "right.onnx")
    np.savez("x.npz", x=models.sequences(SAMPLES))
    return "right.onnx", "fused.tflite"


def test_a_state_inside_is_told_with_its_size_though_the_batch_is_several_calls(recurrent):
    rows, _ = measured(*recurrent, inputs="x.npz", reference="right.onnx")

    assert rows["fused.tflite"].outcome == "parity_fail"
    (note,) = (note for note in rows["fused.tflite"].notes if note.startswith("keeps a state"))
    assert f"in {SAMPLES} of {SAMPLES} samples" in note
    assert "--independent" in note
    assert not any("keeps a state" in note for note in rows["right.onnx"].notes)


def test_a_given_tolerance_does_not_hide_the_state(recurrent):
    rows, _ = measured(*recurrent, inputs="x.npz", reference="right.onnx", tolerance=10)

    assert any(note.startswith("keeps a state") for note in rows["fused.tflite"].notes)


def test_independent_calls_agree_and_say_what_that_takes(recurrent):
    rows, _ = measured(*recurrent, inputs="x.npz", reference="right.onnx", independent=True)

    assert {name: str(row.outcome) for name, row in rows.items()} == {
        "right.onnx": "ok",
        "fused.tflite": "ok",
    }
    notes = rows["fused.tflite"].notes
    assert any(note.startswith("reset before each call, which takes") for note in notes), notes
    assert not any("keeps a state" in note for note in notes)
    assert any("keeps no state between them" in note for note in rows["right.onnx"].notes)
    assert "--independent" in rows["fused.tflite"].command


@pytest.mark.parametrize(
    "make",
    [
        models.torchscript_counter,
        models.torchscript_list,
        models.torch_export_counter,
        models.openvino_counter,
    ],
    ids=lambda make: make.__name__,
)
def test_each_runtime_returns_to_the_state_after_loading(tmp_path, make):
    ending = {"torchs": ".pt", "torch_": ".pt2", "openvi": ".xml"}[make.__name__[:6]]
    path = tmp_path / f"m{ending}"
    make(path)
    x = np.arange(4, dtype=np.float32).reshape(2, 2)

    answers = []
    for independent in (False, True):
        with infer.load(path, threads=1, trust=True, independent=independent) as model:
            name = model.signature.inputs[0].name
            outputs = [next(iter(model.run({name: x}).values())) for _ in range(3)]
        answers.append(outputs)

    kept, independent = answers
    assert not np.array_equal(kept[0], kept[1])
    assert np.array_equal(kept[0], independent[0])
    assert all(np.array_equal(independent[0], other) for other in independent)


def test_variables_of_tensorflow_are_set_back_in_both_formats(tmp_path):
    models.saved_model_counter(tmp_path / "counter")
    models.litert_resource_counter(tmp_path / "counter.tflite")
    x = np.zeros((1, 2), np.float32)

    for path in (tmp_path / "counter", tmp_path / "counter.tflite"):
        with infer.load(path, threads=1, trust=True, independent=True) as model:
            assert [float(model.run({"x": x})["y"].max()) for _ in range(3)] == [1, 1, 1]


def test_an_artifact_without_a_reset_is_loaded_again(
    tmp_path, monkeypatch, fake_artifact, inputs_file
):
    monkeypatch.chdir(tmp_path)
    inputs_file(tmp_path / "x.npz")
    fake_artifact(tmp_path / "m", "remembers", state=0.125, reset="load")
    fake_artifact(tmp_path / "m", "steady")

    rows, _ = measured("m", inputs="x.npz", reference="steady", independent=True)

    assert rows["remembers"].outcome == "ok"
    assert any(note.startswith("loaded again before each call") for note in rows["remembers"].notes)


def test_independent_calls_are_no_steps_of_a_sequence(recurrent):
    with pytest.raises((InputError, UsageError, MeasurementError), match="exclude each other"):
        measured(*recurrent, inputs="x.npz", independent=True, loop=["y=x"])


@pytest.fixture
def steps(tmp_path, monkeypatch):
    """A step with its state outside, and one with its state inside."""
    monkeypatch.chdir(tmp_path)
    models.onnx_step(tmp_path / "outside.onnx")
    models.torchscript_step(tmp_path / "inside.pt")
    x = models.sequences(SAMPLES)[:, :, 0][:, : models.UNITS]
    np.savez("constant.npz", x=x, h=np.zeros_like(x))
    np.savez("x.npz", x=x)


def test_a_constant_input_like_an_output_is_asked_about_and_the_answer_is_taken(steps):
    _, notices = measured("outside.onnx", inputs="constant.npz", batch=4)

    (notice,) = (notice for notice in notices if notice.startswith("A STATE?"))
    assert "'h_out' like the next 'h'" in notice
    option = notice.partition("--loop ")[2].partition(",")[0]
    rows, notices = measured("outside.onnx", inputs="x.npz", batch=4, loop=[option])
    assert rows["outside.onnx"].outcome == "ok"
    assert not any(notice.startswith("A STATE?") for notice in notices)


def test_steps_at_once_beside_steps_one_by_one_are_asked_about(steps):
    both = ("outside.onnx", "inside.pt")
    how = {"inputs": "x.npz", "loop": ["outside.onnx:h_out=h"], "ignore": ["h_out"]}

    rows, notices = measured(*both, **how, batch=4)
    (notice,) = (notice for notice in notices if notice.startswith("STEPS AT ONCE?"))
    assert "inside.pt keeps its state inside and got 4 steps a call" in notice
    # What is compared is what both give a step at a time.
    assert any("called once more, with the calls of" in note for note in rows["inside.pt"].notes)

    rows, notices = measured(*both, **how, batch=1)
    assert {str(row.outcome) for row in rows.values()} == {"ok"}
    assert not any(notice.startswith("STEPS AT ONCE?") for notice in notices)


def test_steps_at_once_are_compared_one_by_one(steps):
    """A state that takes any number of samples does not hide which axis counts them."""
    models.torchscript_step("mean.pt", mean=True)
    models.torchscript_step("other.pt", mean=True, gain=1.05)
    how = {"inputs": "x.npz", "loop": ["outside.onnx:h_out=h"], "ignore": ["h_out"]}

    rows, notices = measured("mean.pt", "outside.onnx", "other.pt", **how, batch=4)
    outcomes = {label: str(row.outcome) for label, row in rows.items()}
    assert outcomes == {"mean.pt": "ok", "outside.onnx": "ok", "other.pt": "parity_fail"}
    assert any("a step at a time" in note for note in rows["outside.onnx"].notes)
    assert any(notice.startswith("STEPS AT ONCE?") for notice in notices)
