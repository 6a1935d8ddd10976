"""The hash by which a source is known from run to run: every change of it is another hash."""

import pytest

from infer.errors import InputError
from infer.sources import source_hash
from infer.sources.source import source_of
from infer.sources.source_hash import source_sha256

READS = b'EXPORTBENCH_READS = ["data/*.bin", "deep"]\n'


@pytest.fixture
def files(tmp_path):
    """A folder of images, a table with a description, what `datasets` saved, and a function."""
    for name, content in {
        "photos/a/1.png": b"one",
        "photos/b/2.png": b"two",
        "photos/inputs.toml": b'labels = "labels.csv"\n[inputs.image]\nscale = 2\n',
        "photos/labels.csv": b"file,label\n",
        "rows.parquet": b"PAR1",
        "rows.toml": b'parquet = "rows.parquet"\n[inputs.x]\n',
        "saved/state.json": b"{}",
        "saved/data.arrow": b"ARROW",
        "mine.py": READS + b"def batches(): ...\ndef other(): ...\n",
        "helper.py": b"SIZE = 3\n",
        "data/1.bin": b"1",
        "deep/below/2.txt": b"2",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    return tmp_path


SOURCES = ("photos", "rows.toml", "saved", "mine.py:batches")


def hashes(folder):
    return [source_sha256(source_of(folder / named)) for named in SOURCES]


@pytest.mark.parametrize(
    ("file", "content", "changed"),
    [
        ("photos/b/2.png", b"TWO", "photos"),
        ("photos/b/3.png", b"three", "photos"),
        ("photos/b/2.png", None, "photos"),
        ("photos/labels.csv", b"file,label\na/1.png,1\n", "photos"),
        ("photos/inputs.toml", b'labels = "labels.csv"\n[inputs.image]\nscale = 3\n', "photos"),
        ("rows.parquet", b"PAR2", "rows.toml"),
        ("rows.toml", b'parquet = "rows.parquet"\n[inputs.y]\n', "rows.toml"),
        ("saved/data.arrow", b"arrow", "saved"),
        ("saved/state.json", b"{ }", "saved"),
        (
            "mine.py",
            b'EXPORTBENCH_READS = ["data/*.bin", "deep"]\ndef batches(): 1\n',
            "mine.py:batches",
        ),
        ("helper.py", b"SIZE = 4\n", "mine.py:batches"),
        ("another.py", b"", "mine.py:batches"),
        ("data/1.bin", b"2", "mine.py:batches"),
        ("data/2.bin", b"2", "mine.py:batches"),
        ("deep/below/2.txt", b"3", "mine.py:batches"),
    ],
)
def test_a_source_that_changed_has_another_hash_and_the_others_keep_theirs(
    files, file, content, changed
):
    before = hashes(files)
    assert before == hashes(files) and len(set(before)) == len(SOURCES)
    if content is None:
        (files / file).unlink()
    else:
        (files / file).write_bytes(content)

    differing = [name for name, a, b in zip(SOURCES, before, hashes(files), strict=True) if a != b]
    assert differing == [changed]


def test_a_file_that_is_renamed_and_another_function_are_other_sources(files):
    before, *_, function = hashes(files)
    (files / "photos" / "b" / "2.png").rename(files / "photos" / "a" / "2.png")

    assert hashes(files)[0] != before
    assert source_sha256(source_of(files / "mine.py:other")) != function


def test_what_is_kept_or_measured_below_a_source_is_no_part_of_it(files):
    before = hashes(files)
    for folder in ("photos", "saved", "data"):
        (files / folder / "kept" / "tensors").mkdir(parents=True)
        (files / folder / "kept" / "tensors" / "tensors.json").write_text("{}")

    assert hashes(files) == before


def test_other_versions_of_what_reads_are_another_source(files, monkeypatch):
    before = hashes(files)
    monkeypatch.setattr(source_hash, "_versions", lambda kind: "another version of Pillow")

    assert all(a != b for a, b in zip(before, hashes(files), strict=True))


def test_a_function_that_does_not_say_what_it_reads_is_never_known(files):
    for text in (
        "def batches(): ...\n",
        "def batches(:\n",
        "if 1:\n    EXPORTBENCH_READS = []\n",
    ):
        (files / "mine.py").write_text(text)
        assert source_sha256(source_of(files / "mine.py:batches")) is None
    (files / "mine.py").write_text("EXPORTBENCH_READS = []  # nothing beside its own code\n")
    assert source_sha256(source_of(files / "mine.py:batches")) is not None


@pytest.mark.parametrize(
    ("reads", "message"),
    [
        ("'data'", "list of texts"),
        ("open", "list of texts"),
        ("['none/*']", "there is no 'none/*'"),
    ],
)
def test_what_it_reads_must_be_there_and_be_said_plainly(files, reads, message):
    (files / "mine.py").write_text(f"EXPORTBENCH_READS = {reads}\n")
    with pytest.raises(InputError, match=message.replace("*", r"\*")):
        source_sha256(source_of(files / "mine.py:batches"))


def test_nothing_is_added_to_what_it_reads(files):
    (files / "mine.py").write_text("EXPORTBENCH_READS = []\nEXPORTBENCH_READS += ['data/*']\n")
    with pytest.raises(InputError, match="nothing can be added"):
        source_sha256(source_of(files / "mine.py:batches"))


def test_a_package_beside_it_is_its_code(files):
    package = files / "mine"
    (package / "__pycache__").mkdir(parents=True)
    (package / "__init__.py").write_text("SCALE = 1\n")
    before = source_sha256(source_of(files / "mine.py:batches"))

    (package / "__pycache__" / "made.pyc").write_bytes(b"1")
    assert source_sha256(source_of(files / "mine.py:batches")) == before
    (package / "__init__.py").write_text("SCALE = 2\n")
    assert source_sha256(source_of(files / "mine.py:batches")) != before
