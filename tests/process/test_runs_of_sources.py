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
from infer.steps import source_inputs
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
    assert not list(desk.glob("artifacts/runs/*"))


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


def test_sources_are_converted_once_where_a_folder_is_named_for_them(desk, monkeypatch):
    monkeypatch.setenv("EXPORTBENCH_INPUTS_CACHE", str(desk / "kept"))
    text = (desk / "mine.py").read_text()
    (desk / "mine.py").write_text(
        text.replace("def", "EXPORTBENCH_READS = ['values.txt']\ndef", 1).replace(
            "value, np", "int(open('values.txt').read()), np"
        )
    )
    monkeypatch.chdir(desk)
    (desk / "values.txt").write_text("7")

    def converted(inputs, most=None):
        before = set((desk / "kept").iterdir()) if (desk / "kept").exists() else set()
        with stored_inputs(desk / inputs, most) as store:
            values = np.asarray(open_store(store)["image"]).reshape(4, -1)[:, 0].tolist()
            assert (store.parent == desk / "kept") and store.exists()
        return values, len(set((desk / "kept").iterdir()) - before)

    assert converted("images.parquet") == (VALUES, 1)
    assert converted("images.parquet") == (VALUES, 0)
    assert converted("images.parquet", 2) == (VALUES, 0)  # what is there is enough for a few too
    assert converted("mine.py:batches") == ([7] * 4, 1)
    assert converted("mine.py:batches") == ([7] * 4, 0)
    (desk / "values.txt").write_text("8")
    assert converted("mine.py:batches") == ([8] * 4, 1)
    assert not [path for path in (desk / "kept").iterdir() if path.name.startswith(".")]


def test_what_is_kept_may_lie_below_the_images(desk, monkeypatch):
    monkeypatch.setenv("EXPORTBENCH_INPUTS_CACHE", str(desk / "photos" / "kept"))
    write_images(desk / "photos", {"a.png": image_bytes()}, 'labels = "labels.csv"\n')
    (desk / "photos" / "labels.csv").write_text("file,label\na.png,1\n")

    def stores():
        with stored_inputs(desk / "photos"):
            return {path.name for path in (desk / "photos" / "kept").iterdir()}

    first = stores()
    assert len(first) == 1 and stores() == first
    (desk / "photos" / "labels.csv").write_text("file,label\na.png,2\n")
    assert len(stores()) == 2, "the labels are part of it"


def test_a_source_that_changes_while_it_is_read_is_not_kept(desk, monkeypatch):
    monkeypatch.setenv("EXPORTBENCH_INPUTS_CACHE", str(desk / "kept"))
    convert = source_inputs.convert

    def convert_and_change(source, *arguments):
        convert(source, *arguments)
        write_parquet(desk / "images.parquet", x=[1.0])

    monkeypatch.setattr(source_inputs, "convert", convert_and_change)
    change = pytest.raises(InputError, match="changed while it was read")
    with change, stored_inputs(desk / "images.parquet"):
        pass
    assert not list((desk / "kept").iterdir())


def test_the_size_of_what_is_converted_is_announced_before(desk, monkeypatch, capsys):
    monkeypatch.setattr(source_inputs, "LARGE_BYTES", 100)
    with stored_inputs(desk / "images.parquet"):
        pass
    assert "GB are written to" in capsys.readouterr().err
