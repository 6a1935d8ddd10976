"""Whole commands on folders of images, tables and functions, as on files of arrays."""

import json

import numpy as np
import pytest
from case_runs import printed_by, run_case
from source_files import image_bytes, write_images, write_parquet

from infer.errors import InputError
from infer.inputs.store import open_store
from infer.inputs.store_hash import store_sha256
from infer.measure.plan import Plan
from infer.records.protocol import PROTOCOLS
from infer.steps.source_inputs import (
    STORED,
    check_source_of_resumed,
    names_of,
    remove_stored_inputs,
    stored_inputs,
    with_stored_inputs,
)

VALUES = [10, 90, 200, 40]
LABELS = [0, 1, 1, 0]


@pytest.fixture
def desk(tmp_path, fake_artifact):
    """An artifact, and the same images as a file of arrays, a folder, a table and a function."""
    fake_artifact(tmp_path, "model")
    images = [image_bytes(value=value) for value in VALUES]
    write_images(
        tmp_path / "images",
        {f"{'ab'[label]}/{n}.png": images[n] for n, label in enumerate(LABELS)},
        'labels = "folders"\n[inputs.image]\nscale = "1/255"\n',
    )
    write_parquet(
        tmp_path / "images.parquet",
        image=[{"bytes": content, "path": None} for content in images],
        label=LABELS,
    )
    (tmp_path / "mine.py").write_text(
        "import numpy as np\n\ndef batches():\n"
        f"    for value, label in zip({VALUES}, {LABELS}):\n"
        "        image = np.full((1, 4, 4, 3), value, np.uint8)\n"
        "        yield {'image': image, 'labels': [label]}\n"
    )
    array = np.stack([np.full((4, 4, 3), value, np.uint8) for value in VALUES])
    np.savez(tmp_path / "images.npz", image=array, labels=LABELS)
    return tmp_path


def test_a_run_and_its_report(desk):
    case = run_case(desk, "model", "--inputs", "images")

    assert case.outcome("model") == "ok", case.text
    assert case.summary["run"]["inputs"] == "images"
    assert case.summary["rows"][0]["metrics"] is not None
    (run,) = (desk / "artifacts" / "runs").iterdir()
    assert not (run / STORED).exists()  # what was converted goes with the run
    pages = []
    for inputs in ("images", "images.parquet"):
        status, text = printed_by(desk, "report", run, "--inputs", inputs, "--out", "page.html")
        assert status == 0, text
        pages.append((desk / "page.html").read_text())
    assert "No pictures" not in pages[0]
    assert "the inputs have changed since, or are others" in pages[1]


def test_the_same_arrays_have_one_hash_and_names_wherever_they_come_from(desk):
    hashes = []
    for inputs in ("images.parquet", "mine.py:batches"):
        with stored_inputs(desk / inputs) as store:
            hashes.append(store_sha256(store))
        assert not store.exists()
    with stored_inputs(desk / "mine.py:batches", 2) as store:  # no more than is needed
        assert len(open_store(store)["image"]) == 2

    assert hashes[0] == hashes[1]
    assert names_of(desk / "images") == names_of(desk / "images.npz") == ["image", "labels"]


@pytest.mark.parametrize(
    ("inputs", "reason"),
    [
        ("mine.py:other", "mine.py: has no function 'other'"),
        ("mine.py", "name the function that yields batches, as mine.py:batches"),
        ("damaged.parquet", "damaged.parquet: damaged"),
        ("model", "model: holds no images"),
    ],
)
def test_what_is_wrong_is_told_in_a_line_and_nothing_is_left(desk, inputs, reason):
    (desk / "damaged.parquet").write_bytes(b"PAR1 and no more")

    status, text = printed_by(desk, "run", "model", "--inputs", inputs, "--trust")

    assert status == 2
    assert reason in text
    assert len(text.strip().splitlines()) == 1
    assert not list(desk.glob("artifacts/runs/*/inputs"))


def test_a_run_that_goes_on_takes_what_was_converted(desk):
    def plan():
        return Plan((), desk / "mine.py:batches", PROTOCOLS["quick"], "cpu", 1, 60.0)

    with pytest.raises(InputError, match="never taken from a file; start a new run"):
        check_source_of_resumed(plan().inputs, desk)
    first = with_stored_inputs(plan(), desk, lambda _: None)
    (desk / "mine.py").write_text("raise SystemExit('another program')\n")
    check_source_of_resumed(plan().inputs, desk)
    second = with_stored_inputs(plan(), desk, lambda _: None)

    assert first.stored == second.stored == desk / STORED
    assert first.inputs_sha256() == second.inputs_sha256()
    assert open_store(second.stored)["image"].shape == (4, 4, 4, 3)
    assert "stored" not in json.dumps(second.describe())
    remove_stored_inputs(desk)
    assert not (desk / STORED).exists()
