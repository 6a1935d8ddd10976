"""What a description of inputs may say, and what is refused of it in a line."""

import re

import pytest
from conftest import ROOT

from infer.errors import InputError
from infer.sources.description import read_description
from infer.sources.source import source_of


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[inputs.x]\nsize = 224\n", r"inputs.x\]: 'size': expected `array \| null`, got `int`"),
        ("[inputs.x]\nheight = 224\n", "height"),
        ("[inputs.x]\nsize = [0, 2]\n", "sizes must be 1 or more"),
        ("[inputs.x]\nshorter_side = 9\n", "needs a 'size'"),
        ("[inputs.x]\nsize = [9, 9]\nshorter_side = 8\n", "must be at least 9"),
        ('[inputs.x]\nscale = "1/0"\n', "is no number and no fraction"),
        ('[inputs.x]\nscale = "a"\n', "is no number and no fraction"),
        ('[inputs.x]\nscale = "1e400"\n', "is no number and no fraction"),
        ('[inputs.x]\nscale = "1e999999999"\n', "is no number and no fraction"),
        ("[inputs.x]\nscale = inf\n", "is no number and no fraction"),
        ("[inputs.x]\nscale = 1e39\n", "a number that float32 does not have"),
        ("[inputs.x]\nstd = nan\n", "a number that float32 does not have"),
        ("[inputs.x]\nmean = []\n", "'mean' holds no number"),
        ('[inputs.x]\nmode = "RGB"\nmean = [1, 2]\n', "'mean' has 2 values, RGB has 3 channels"),
        ("[inputs.x]\nstd = [1, 0, 1]\n", "'std' holds 0"),
        ('[inputs.x]\nlayout = "NHW"\nmode = "RGB"\n', "no axis for the channels"),
        ("[inputs.x]\nsize = [2, 2]\nlength = 3\n", "are for lists of a table"),
        ("[inputs.x]\nfill = 3\n", "'fill' goes with 'length'"),
        ("a" + ".a" * 200 + " = 1\n", "more than 100 dots"),
        ("x = [\n", "not TOML"),
    ],
)
def test_what_does_not_go_together_is_refused(tmp_path, text, reason):
    file = tmp_path / "inputs.toml"
    file.write_text(text)

    with pytest.raises(InputError, match=reason) as raised:
        read_description(file)
    assert str(raised.value).startswith(str(file))
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('images = "a"\nparquet = "b"\n', "says images and parquet"),
        ('images = "missing"\n', "there is no .*missing"),
        ('parquet = "*.parquet"\n', r"there is no file '\*.parquet'"),
        ('parquet = "**a**/*"\n', "is no pattern|there is no file"),
    ],
)
def test_places_that_are_not_there(tmp_path, text, reason):
    (tmp_path / "inputs.toml").write_text(text)

    with pytest.raises(InputError, match=reason):
        source_of(tmp_path)


@pytest.mark.parametrize("place", ["..", "absolute"])
def test_only_a_file_that_is_named_itself_may_name_what_lies_elsewhere(tmp_path, place):
    (tmp_path / "photos").mkdir()
    (tmp_path / "a.parquet").touch()
    beside = ".." if place == ".." else str(tmp_path)
    file = tmp_path / "photos" / "inputs.toml"
    for text in (
        f'parquet = "{beside}/*.parquet"',
        f'images = "{beside}"',
        f'labels = "{beside}/a"',
    ):
        file.write_text(text)
        with pytest.raises(InputError, match=r"lies outside .* itself: --inputs .*inputs.toml$"):
            source_of(tmp_path / "photos")
        source = source_of(file)
        assert [path.resolve() for path in source.reads][-1].is_relative_to(tmp_path)


def test_files_of_arrays_are_no_sources(tmp_path):
    assert source_of(tmp_path / "test.npz") is None
    assert source_of(tmp_path / "test.npy") is None


def test_a_file_of_python_needs_a_function(tmp_path):
    with pytest.raises(
        InputError, match=r"name the function that yields batches, as .*a.py:batches"
    ):
        source_of(tmp_path / "a.py")
    with pytest.raises(InputError, match="there is no file"):
        source_of(tmp_path / "a.py:batches")


def test_the_examples_of_the_page_are_understood(tmp_path):
    page = (ROOT / "docs" / "inputs.md").read_text()
    examples = [
        text for text in re.findall(r"```toml\n(.*?)```", page, re.DOTALL) if "\n[inputs." in text
    ]

    assert len(examples) == 2
    for number, text in enumerate(examples):
        (tmp_path / f"{number}.toml").write_text(text)
        assert read_description(tmp_path / f"{number}.toml").inputs


def test_no_pattern_is_no_file(tmp_path):
    (tmp_path / "inputs.toml").write_text("parquet = []\n")
    with pytest.raises(InputError, match="'parquet' names no file"):
        source_of(tmp_path / "inputs.toml")
