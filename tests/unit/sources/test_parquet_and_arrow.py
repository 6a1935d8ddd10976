"""Columns of Parquet and Arrow files become arrays, or end in a line that names file and row."""

import io
import shutil

import numpy as np
import pyarrow as pa
import pytest
from source_files import image_bytes, write_parquet, write_saved

from infer.errors import InputError
from infer.sources import reading_process
from infer.sources.description import Description
from infer.sources.reading_process import Request
from infer.sources.source import source_of
from infer.sources.tables import Tables, saved_files


def read(path):
    """All that comes of a table, without a process."""
    source = source_of(path)
    files = saved_files(source.paths[0]) if source.kind == "saved" else source.paths
    batches = list(Tables(files, source.described, source.advice).batches())
    return {name: np.concatenate([batch[name] for batch in batches]) for name in batches[0]}


def test_columns_become_arrays_by_their_names(tmp_path):
    file = write_parquet(
        tmp_path / "a.parquet",
        age=pa.array([1, 2, 3], pa.int8()),
        matrix=[[[1.0, 2.0]], [[3.0, 4.0]], [[5.0, 6.0]]],
        vector=pa.array([[1, 2], [3, 4], [5, 6]], pa.list_(pa.int32(), 2)),
        word=["a", "b\0", "c"],
        code=pa.array([b"\xff", b"", b"x"]),
        kind=pa.array(["u", "v", "u"]).dictionary_encode(),
        label=[2, 0, 1],
    )

    arrays = read(file)

    assert arrays["age"].dtype == np.int8
    assert arrays["matrix"].tolist() == [[[1.0, 2.0]], [[3.0, 4.0]], [[5.0, 6.0]]]
    assert arrays["vector"].dtype == np.int32
    assert arrays["vector"].tolist() == [[1, 2], [3, 4], [5, 6]]
    assert arrays["word"].tolist() == ["a", "b\0", "c"]
    assert arrays["code"].tolist() == [b"\xff", b"", b"x"]
    assert arrays["kind"].tolist() == ["u", "v", "u"]
    assert arrays["labels"].tolist() == [2, 0, 1]
    assert "label" not in arrays


def test_a_folder_that_datasets_has_saved_with_images_in_it(tmp_path):
    images = [{"bytes": image_bytes(2, 3, value=n), "path": None} for n in range(3)]
    folder = write_saved(tmp_path / "saved", image=images, label=[0, 1, 2])

    arrays = read(folder)

    assert arrays["image"].shape == (3, 2, 3, 3)
    assert arrays["image"][:, 0, 0, 0].tolist() == [0, 1, 2]


def test_a_folder_with_splits_asks_for_one(tmp_path):
    folder = write_saved(tmp_path / "saved", splits=["test", "train"], x=[1.0])

    with pytest.raises(InputError, match=r"splits test, train; name one, as .*saved/test"):
        read(folder)
    assert read(folder / "test")["x"].tolist() == [1.0]


def test_a_saved_folder_that_names_files_elsewhere_is_refused(tmp_path):
    folder = write_saved(tmp_path / "saved", x=[1.0])
    (folder / "state.json").write_text('{"_data_files": [{"filename": "../secret.arrow"}]}')

    with pytest.raises(InputError, match="its files lie elsewhere"):
        read(folder)


def test_a_description_names_columns_and_what_becomes_of_them(tmp_path):
    write_parquet(
        tmp_path / "test-0.parquet",
        picture=[image_bytes(2, 2, value=51), image_bytes(4, 4, value=102)],
        tokens=[[5, 6, 7], [8]],
        flat=[[1, 2, 3, 4], [5, 6, 7, 8]],
        right=[1, 0],
        note=["not", "taken"],
    )
    write_parquet(
        tmp_path / "test-1.parquet",
        picture=[image_bytes(3, 3, value=0)],
        tokens=[[9, 9, 9, 9, 9]],
        flat=[[0, 0, 0, 0]],
        right=[1],
    )
    (tmp_path / "my.toml").write_text(
        """
        parquet = "test-*.parquet"
        labels = "right"

        [inputs.image]
        column = "picture"
        size = [2, 2]
        scale = "1/255"

        [inputs.tokens]
        length = 4
        fill = -1
        dtype = "int32"

        [inputs.square]
        column = "flat"
        shape = [2, 2]
        """
    )

    arrays = read(tmp_path / "my.toml")

    assert sorted(arrays) == ["image", "labels", "square", "tokens"]
    assert arrays["image"][:, 0, 0, 0] == pytest.approx([0.2, 0.4, 0.0])
    assert arrays["tokens"].dtype == np.int32
    assert arrays["tokens"].tolist() == [[5, 6, 7, -1], [8, -1, -1, -1], [9, 9, 9, 9]]
    assert arrays["square"][1].tolist() == [[5, 6], [7, 8]]
    assert arrays["labels"].tolist() == [1, 0, 1]


@pytest.mark.parametrize(
    ("column", "reason"),
    [
        ([[1], [2], [3, 4]], r"'x', row 2: has 2 values, others have 1: .*length = 2"),
        ([[1, 2], [3], [4]], r"'x', row 1: has 1 values, others have 2"),
        ([[[1], [2]], [[3], [4, 5]]], r"'x', row 1: has 2 values"),
        ([1.0, None, 2.0], r"'x', row 1: is empty; remove the row, or name the columns"),
        ([["a", "b"], ["c"]], r"'x', row 1: has 1 values, others have 2"),
        ([[1], [None], [2]], r"'x', row 1: is empty"),
        (pa.array([0, 1], pa.timestamp("s")), r"'x', row 0: is of the type timestamp"),
        ([{"bytes": None, "path": "a.png"}], r"'x', row 0: it has no bytes"),
        ([{"bytes": b"no image", "path": "a.png"}], r"'x', row 0: damaged"),
    ],
)
def test_values_that_cannot_be_taken_are_named(tmp_path, column, reason):
    with pytest.raises(InputError, match=reason) as raised:
        read(write_parquet(tmp_path / "a.parquet", x=column))
    assert str(tmp_path / "a.parquet") in str(raised.value)


def test_lists_of_text_and_views_as_polars_writes_them(tmp_path):
    table = pa.table(
        {
            "words": pa.array([["a", "b"], ["c", "d"]]),
            "view": pa.array(["x", "y"], pa.string_view()),
            "bytes": pa.array([b"x", b"y"], pa.binary_view()),
            "fixed": pa.array([b"12", b"34"], pa.binary(2)),
        }
    )
    with pa.ipc.new_file(str(tmp_path / "a.arrow"), table.schema) as file:
        file.write_table(table)

    arrays = read(tmp_path / "a.arrow")

    assert {name: array.tolist() for name, array in arrays.items()} == table.to_pydict()


@pytest.mark.parametrize(
    ("stated", "reason"),
    [
        ("length = 3", r"'x', row 2: is empty"),
        ("length = 3\nfill = 0.5", "fill = 0.5: the values are int64"),
        ("length = 3\nfill = 1e30", "fill = 1e.30: the values are int64"),
        ("size = [2, 2]", "row 0: is list<.*it is called an image"),
    ],
)
def test_what_does_not_fit_the_lists_is_told(tmp_path, stated, reason):
    last = None if "fill" not in stated else 3
    write_parquet(tmp_path / "a.parquet", x=[[1], [], [2, last]])
    (tmp_path / "inputs.toml").write_text(f"[inputs.x]\n{stated}\n")

    with pytest.raises(InputError, match=reason):
        read(tmp_path)


def test_a_type_that_changes_from_file_to_file_is_named(tmp_path):
    write_parquet(tmp_path / "a.parquet", x=[1, 2])
    write_parquet(tmp_path / "b.parquet", x=[0.5])

    with pytest.raises(
        InputError, match=r"b.parquet: column 'x', row 0: is float64, before .* int"
    ):
        read(tmp_path)
    (tmp_path / "inputs.toml").write_text('[inputs.x]\ndtype = "float32"\n')
    assert read(tmp_path)["x"].tolist() == [1.0, 2.0, 0.5]


def test_a_long_text_that_many_rows_have_is_not_held_for_all(tmp_path):
    rows = 100
    file = write_parquet(tmp_path / "a.parquet", x=["a" * 1_000_000] * rows, n=range(rows))
    pa.parquet.write_table(pa.parquet.read_table(file), file)  # one group, with one value

    batches = list(Tables([file], Description(), "").batches())

    assert [n for batch in batches for n in batch["n"]] == list(range(rows))
    assert max(len(batch["x"]) for batch in batches) <= 32
    assert {len(text) for batch in batches for text in batch["x"]} == {1_000_000}


def test_a_column_that_is_missing(tmp_path):
    write_parquet(tmp_path / "a.parquet", x=[1.0])
    (tmp_path / "inputs.toml").write_text("[inputs.y]\n")

    with pytest.raises(InputError, match=r"has no column 'y' .there are: x.*column = \"x\""):
        read(tmp_path)


def test_shards_of_several_splits_are_not_mixed(tmp_path):
    for split in ("test", "train"):
        write_parquet(tmp_path / f"{split}-00000-of-00001.parquet", x=[1.0])

    with pytest.raises(InputError, match=r'test, train: say which, as parquet = "test\*.parquet"'):
        read(tmp_path)
    (tmp_path / "inputs.toml").write_text('parquet = "test*.parquet"\n')
    assert read(tmp_path)["x"].tolist() == [1.0]


def test_a_folder_of_arrow_files_and_its_splits(tmp_path):
    """As the cache of `datasets` holds them."""
    folder = write_saved(tmp_path / "saved", x=[1.0])
    (folder / "state.json").unlink()
    (file,) = folder.glob("*.arrow")
    file = file.rename(folder / "set-train.ARROW")
    assert read(folder)["x"].tolist() == [1.0]

    shutil.copy(file, folder / "set-test.arrow")
    with pytest.raises(InputError, match=r"holds the splits test, train: .*set-test"):
        read(folder)


def test_several_files_of_one_split_are_read_together(tmp_path):
    for number in (1, 2):
        write_parquet(tmp_path / f"part{number}_test.parquet", x=[float(number)])
    assert read(tmp_path)["x"].tolist() == [1.0, 2.0]

    write_parquet(tmp_path / "train.parquet", x=[3.0])
    with pytest.raises(
        InputError, match=r'test, train: say which, as parquet = "\*test\*.parquet"'
    ):
        read(tmp_path)


@pytest.mark.parametrize("content", [b"", b"PAR1 and no more", b"ARROW1\0\0", b"\xff" * 64])
def test_a_file_that_is_no_table(tmp_path, content):
    (tmp_path / "a.parquet").write_bytes(content)

    with pytest.raises(InputError, match=r"a\.parquet"):
        read(tmp_path / "a.parquet")


def test_an_arrow_file_with_an_index(tmp_path):
    table = pa.table({"x": [1, 2, 3]})
    with pa.ipc.new_file(str(tmp_path / "a.arrow"), table.schema) as file:
        file.write_table(table, max_chunksize=2)

    assert read(tmp_path / "a.arrow")["x"].tolist() == [1, 2, 3]


def test_a_second_column_of_labels_gets_to_no_model_by_itself(tmp_path):
    file = write_parquet(tmp_path / "a.parquet", x=[0.5, 1.5], label=[0, 1], labels=["a", "b"])
    assert read(file).keys() == {"x", "labels"}
    assert read(file)["labels"].tolist() == ["a", "b"]

    (tmp_path / "inputs.toml").write_text('parquet = "a.parquet"\nlabels = "x"\n[inputs.label]\n')
    assert read(tmp_path / "inputs.toml")["label"].tolist() == [0, 1]


def test_columns_that_would_be_taken_for_the_parts_of_a_text_are_refused_before_they_are_written(
    tmp_path,
):
    columns = {"a.bytes": [1, 2], "a.lengths": [1, 1]}
    source = source_of(write_parquet(tmp_path / "a.parquet", **columns))
    request = Request("tables", (str(source.paths[0]),), source.described, "", "", "", 1)
    with pytest.raises(InputError, match=r"'a\.bytes' and 'a\.lengths' together"):
        reading_process._write_batches(request, io.BytesIO())
