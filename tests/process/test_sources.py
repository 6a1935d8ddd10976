"""Sources of inputs are read in a process with limits, and end in a store."""

import time

import numpy as np
import psutil
import pytest
from source_files import image_bytes, write_images, write_parquet

from infer.errors import InputError
from infer.inputs.loading import read_truth
from infer.inputs.store import open_store
from infer.sources import batches
from infer.sources.conversion import convert
from infer.sources.source import source_of


def stored(named, folder):
    """The arrays and labels that a source becomes."""
    convert(source_of(named), folder, lambda _: None)
    arrays = {name: np.asarray(array) for name, array in open_store(folder).items()}
    return arrays, read_truth(folder).get("labels")


def function(tmp_path, body):
    (tmp_path / "mine.py").write_text(f"import numpy as np\n\ndef batches():\n{body}")
    return tmp_path / "mine.py:batches"


def test_images_labels_and_text_end_in_a_store(tmp_path):
    folder = write_images(
        tmp_path / "in",
        {f"{name}/{n}.png": image_bytes(value=n) for name in ("a", "b") for n in range(20)},
        'labels = "folders"\n',
    )
    told = []
    convert(source_of(folder), tmp_path / "store", told.append)

    arrays = open_store(tmp_path / "store")
    assert arrays["image"].shape == (40, 4, 4, 3)
    assert np.asarray(arrays["image"])[:, 0, 0, 0].tolist() == [*sorted(range(20), key=str)] * 2
    assert read_truth(tmp_path / "store")["labels"].tolist() == [0] * 20 + [1] * 20
    assert [(how.samples, how.total) for how in told] == [(32, 40), (40, 40)]

    file = write_parquet(tmp_path / "a.parquet", word=["a", "b\0", ""], label=["x", "y", "x"])
    words, labels = stored(file, tmp_path / "words")
    assert words["word"].tolist() == ["a", "b\0", ""]
    assert labels.tolist() == ["x", "y", "x"]


def test_all_that_is_the_truth_lies_apart(tmp_path):
    named = function(
        tmp_path,
        "    for n in range(3):\n"
        "        yield {'x': [n], 'labels.boxes': [[n, n]], 'labels.name': ['abc'[n]]}\n",
    )

    arrays, _ = stored(named, tmp_path / "store")

    assert list(arrays) == ["x"]  # which is all that a worker may read
    truth = read_truth(tmp_path / "store")
    assert truth["labels.boxes"].tolist() == [[0, 0], [1, 1], [2, 2]]
    assert truth["labels.name"].tolist() == ["a", "b", "c"]


def test_a_function_may_read_and_neither_write_nor_connect(tmp_path):
    (tmp_path / "values.txt").write_text("7")
    named = function(
        tmp_path,
        "    import pathlib, socket\n"
        "    here = pathlib.Path(__file__).parent\n"
        "    yield {'x': [float((here / 'values.txt').read_text())]}\n"
        "    for wrong in (lambda: (here / 'new').write_text(''), socket.socket):\n"
        "        try:\n"
        "            wrong()\n"
        "        except OSError:\n"
        "            yield {'x': [1.0]}\n",
    )

    arrays, _ = stored(named, tmp_path / "store")

    assert arrays["x"].tolist() == [7.0, 1.0, 1.0]
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("    import os\n    os._exit(3)\n", "ended with status 3"),
        ("    import time\n    time.sleep(60)\n    yield\n", "nothing came of it within 2 s"),
        ("    yield from ()\n", "holds no samples"),
        ("    yield {'labels': [1]}\n", "holds no inputs beside 'labels'"),
        (
            "    yield {'x': [1]}\n    yield {'x': [1], 'y': [2]}\n",
            "some batches have 'y', and some have not",
        ),
        (
            "    yield {'x': [[1]]}\n    yield {'x': [[1, 2]]}\n",
            r"sample 1: 'x': rows of int64 \[2\] after rows of int64 \[1\]",
        ),
    ],
)
def test_what_is_wrong_with_a_function_ends_in_a_line(tmp_path, body, reason, monkeypatch):
    monkeypatch.setattr(batches, "_FUNCTION_S", 2.0)

    with pytest.raises(InputError, match=reason):
        stored(function(tmp_path, body), tmp_path / "store")


def test_what_a_function_has_started_ends_with_it(tmp_path):
    named = function(
        tmp_path,
        "    import subprocess\n"
        "    child = subprocess.Popen(['/bin/sleep', '600'])\n"
        "    yield {'x': [child.pid]}\n",
    )

    arrays, _ = stored(named, tmp_path / "store")

    deadline = time.monotonic() + 10
    while psutil.pid_exists(int(arrays["x"][0])) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not psutil.pid_exists(int(arrays["x"][0]))


def test_an_image_that_is_a_link_out_of_the_folder_is_not_read(tmp_path):
    (tmp_path / "secret.png").write_bytes(image_bytes())
    folder = write_images(tmp_path / "in", {"a.png": image_bytes()})
    (folder / "b.png").symlink_to(tmp_path / "secret.png")

    with pytest.raises(InputError, match=r"b\.png: may not be read; .*EXPORTBENCH_ALLOW_READ"):
        stored(folder, tmp_path / "store")


def test_frames_that_make_no_sense_are_refused(tmp_path, monkeypatch):
    named = function(
        tmp_path,
        "    import os\n"
        "    for number in range(3, 20):\n"  # the pipe of the frames, whatever its number is
        "        try:\n"
        "            os.write(number, b'\\xff' * 64)\n"
        "        except OSError:\n"
        "            pass\n"
        "    yield {'x': [1]}\n",
    )

    with pytest.raises(InputError, match="does not make sense"):
        stored(named, tmp_path / "store")
