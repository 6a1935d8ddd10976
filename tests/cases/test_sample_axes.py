"""Outputs whose samples are not on the first axis, and outputs that have none."""

import case_models_axes as models
import numpy as np
import openvino
import pytest
import torch
from case_runs import run_case

BATCHES = (1, 4, 10)


class TimeMajor(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("w", torch.from_numpy(models.WEIGHTS))

    def forward(self, image):
        return image.permute(1, 0, 2) @ self.w


@pytest.fixture(scope="module")
def readers(tmp_path_factory):
    folder = tmp_path_factory.mktemp("readers")
    torch.jit.trace(TimeMajor(), torch.from_numpy(models.IMAGES[:3])).save(folder / "reader.pt")
    models.time_major(folder / "reader.onnx")
    models.time_major(folder / "one.onnx", 1)
    models.time_major(folder / "four.onnx", 4)
    models.time_major(folder / "other.onnx", weights=models.OTHER_WEIGHTS)
    openvino.save_model(openvino.convert_model(folder / "one.onnx"), folder / "one.xml")
    np.savez(folder / "inputs.npz", image=models.IMAGES)
    return folder


def test_time_major_outputs_are_compared_sample_by_sample(readers):
    names = "reader.pt", "reader.onnx", "one.onnx", "four.onnx", "other.onnx"
    done = run_case(readers, *names, "--inputs", "inputs.npz", "--batch", 4)

    assert [done.outcome(name) for name in names] == ["ok"] * 4 + ["parity_fail"]
    apart = np.abs(models.IMAGES @ (models.OTHER_WEIGHTS - models.WEIGHTS)).max(axis=(1, 2))
    assert f"most in sample {apart.argmax()} " in done.reason("other.onnx")


def test_time_major_for_one_image_is_a_reference_for_any_number(readers):
    names = "one.onnx", "one.xml", "reader.onnx", "other.onnx"
    done = run_case(readers, *names, "--inputs", "inputs.npz")

    assert [done.outcome(name) for name in names] == ["ok"] * 3 + ["parity_fail"]
    assert done.status == 1


@pytest.fixture(scope="module")
def detectors(tmp_path_factory):
    folder = tmp_path_factory.mktemp("detectors")
    models.detections(folder / "detector.onnx")
    models.detections(folder / "same.onnx")
    models.detections(folder / "single.onnx", 1)
    models.detections(folder / "stricter.onnx", threshold=0.94)
    models.detections(folder / "apart.onnx", 1, beside=1.4)
    np.savez(folder / "inputs.npz", x=models.SCORES)
    return folder


@pytest.mark.parametrize("batch", BATCHES)
def test_detections_are_compared_whole_with_a_file_for_one_image(detectors, batch):
    names = "detector.onnx", "same.onnx", "single.onnx", "stricter.onnx", "apart.onnx"
    done = run_case(detectors, *names, "--inputs", "inputs.npz", "--batch", batch)

    assert [done.outcome(name) for name in names] == ["ok"] * 3 + ["parity_fail"] * 2
    other_rows = "9 of those are missing, of 17" if batch == 1 else "has the shape"
    assert other_rows in done.reason("stricter.onnx")
    assert "by 1.4" in done.reason("apart.onnx")
    assert ("called once more" in done.notes("single.onnx")) == (batch > 1)
    assert "other samples of a call" not in done.text + "".join(map(done.notes, names))


def test_a_file_for_one_image_is_a_reference_of_detections(detectors):
    names = "single.onnx", "detector.onnx", "stricter.onnx"
    done = run_case(detectors, *names, "--inputs", "inputs.npz", "--batch", 4)

    assert [done.outcome(name) for name in names] == ["ok", "ok", "parity_fail"]


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    class Both(torch.nn.Module):
        def __init__(self, gain=1.0):
            super().__init__()
            self.gain = gain

        def forward(self, image, text):
            per_image = self.gain * image @ text.T
            return per_image, per_image.T

    folder = tmp_path_factory.mktemp("pairs")
    models.images_and_texts(folder / "both.onnx")
    example = torch.randn(5, 4), torch.randn(3, 4)
    torch.jit.trace(Both(), example).save(folder / "both.pt")
    torch.jit.trace(Both(1.1), example).save(folder / "other.pt")
    text = np.random.default_rng(9).standard_normal((10, 4)).astype("f4")
    np.savez(folder / "equal.npz", image=models.ROWS, text=text)
    np.savez(folder / "unequal.npz", image=models.ROWS, text=text[:7])
    return folder


@pytest.mark.parametrize(
    ("inputs", "options"),
    [
        ("equal.npz", ()),
        ("equal.npz", ("--batch", 4)),
        ("equal.npz", ("--whole", "text")),
        ("unequal.npz", ("--whole", "text")),
    ],
)
def test_images_and_texts_agree_with_themselves_and_their_twin(pairs, inputs, options):
    names = "both.onnx", "both.pt"
    pairing = "both.pt:output_0=logits_per_image", "both.pt:output_1=logits_per_text"
    done = run_case(pairs, *names, "--inputs", inputs, "--map", *pairing, *options)

    assert [done.outcome(name) for name in names] == ["ok", "ok"], done.text
    assert "DEPENDS ON THE BATCH" not in done.text


@pytest.mark.parametrize(
    ("names", "options"),
    [(("both.pt", "both.onnx", "other.pt"), ()), (("both.onnx", "both.pt"), ("--whole", "text"))],
)
def test_unequal_counts_need_no_pairing(pairs, names, options):
    """A file with symbols says what its twin does not, and the shapes of a call tell outputs."""
    done = run_case(pairs, *names, "--inputs", "unequal.npz", *options)

    expected = dict.fromkeys(names, "ok") | {"other.pt": "parity_fail"}
    assert {name: done.outcome(name) for name in names} == {n: expected[n] for n in names}


@pytest.fixture(scope="module")
def statistics(tmp_path_factory):
    import jax
    from jax import export

    def both(x):
        spread = np.linspace(-1, 1, 4 * models.SAMPLES, dtype=np.float32)
        wide = x @ spread.reshape(4, models.SAMPLES)
        return {"logits": x @ models.WEIGHTS, "means": wide.mean(axis=0)}

    folder = tmp_path_factory.mktemp("statistics")
    (n,) = export.symbolic_shape("n")
    shape = jax.ShapeDtypeStruct((n, 4), np.float32)
    (folder / "both.jax").write_bytes(export.export(jax.jit(both))(shape).serialize())
    models.statistic(folder / "both.onnx")
    models.statistic(folder / "four.onnx", 4)
    models.statistic(folder / "other.onnx", gain=1.1)
    labels = (models.ROWS @ models.WEIGHTS).argmax(axis=1)
    np.savez(folder / "inputs.npz", x=models.ROWS, labels=labels)
    return folder


def test_a_statistic_as_long_as_the_batch_belongs_to_the_call(statistics):
    names = "both.onnx", "both.jax", "four.onnx", "other.onnx"
    done = run_case(statistics, *names, "--inputs", "inputs.npz", "--batch", 10)

    assert [done.outcome(name) for name in names] == ["ok"] * 3 + ["parity_fail"]
    assert "most in samples 0 to 9 " in done.reason("other.onnx")
    # The last call of four samples is filled up with two that it had before.
    assert "both.onnx was called once more" in done.notes("four.onnx")
    rows = {row["artifact"]: row for row in done.summary["rows"]}
    assert all(rows[name]["metrics"]["accuracy"] == 1 for name in names)


def test_classes_before_samples_have_an_accuracy(tmp_path):
    models.classes_first(tmp_path / "first.onnx")
    labels = (models.ROWS @ models.WEIGHTS).argmax(axis=1)
    labels[:3] = (labels[:3] + 1) % 3
    np.savez(tmp_path / "inputs.npz", x=models.ROWS, labels=labels)

    done = run_case(tmp_path, "first.onnx", "--inputs", "inputs.npz")

    assert done.summary["rows"][0]["metrics"]["accuracy"] == pytest.approx(0.7)
