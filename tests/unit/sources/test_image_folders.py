"""Folders of images become arrays as their description says, or end in a line that names a file."""

import numpy as np
import pytest
from PIL import Image
from source_files import image_bytes, write_images

from infer.errors import InputError
from infer.sources.image_folder import ImageFolder
from infer.sources.source import source_of


def read(folder):
    """All that comes of a folder, without a process."""
    source = source_of(folder)
    images = ImageFolder(source.paths[0], source.described, source.advice, source.beside)
    batches = list(images.batches())
    return {name: np.concatenate([batch[name] for batch in batches]) for name in batches[0]}


def test_images_without_a_description_are_taken_as_they_are(tmp_path):
    write_images(
        tmp_path,
        {
            "b.png": image_bytes(2, 3, value=7),
            "a/c.PNG": image_bytes(2, 3, value=5),
            "._b.png": b"of a file system",
            "LICENSE": b"none",
        },
    )

    arrays = read(tmp_path)

    assert list(arrays) == ["image"]
    assert arrays["image"].dtype == np.uint8
    assert arrays["image"].shape == (2, 2, 3, 3)
    assert arrays["image"][:, 0, 0, 0].tolist() == [5, 7]  # in the order of their paths


def test_more_images_than_a_batch_keep_their_order(tmp_path):
    write_images(tmp_path, {f"{n:03}.png": image_bytes(1, 1, value=n) for n in range(70)})

    assert read(tmp_path)["image"][:, 0, 0, 0].tolist() == list(range(70))


def test_scale_and_normalisation_by_channel(tmp_path):
    write_images(
        tmp_path,
        {"a.png": image_bytes(2, 2, value=51)},
        '[inputs.pixels]\nlayout = "NCHW"\nscale = "1/255"\nmean = [0.1, 0.2, 0.0]\nstd = 0.5\n',
    )

    pixels = read(tmp_path)["pixels"]

    assert pixels.dtype == np.float32
    assert pixels.shape == (1, 3, 2, 2)
    assert pixels[0, :, 0, 0] == pytest.approx([0.2, 0.0, 0.4], abs=1e-6)


@pytest.mark.parametrize(("extra", "row"), [("", [10, 30]), ("shorter_side = 2\n", [20, 20])])
def test_images_get_a_size_as_a_whole_or_out_of_the_middle(tmp_path, extra, row):
    columns = np.repeat(np.array([10, 20, 30], np.uint8), 2)
    Image.fromarray(np.tile(columns, (2, 1))).save(tmp_path / "a.png")
    description = f'[inputs.x]\nsize = [2, 2]\nresample = "nearest"\nlayout = "NHW"\n{extra}'
    write_images(tmp_path, {}, description)

    assert read(tmp_path)["x"].tolist() == [[row, row]]


def test_grey_images_get_an_axis_of_channels_and_become_colours(tmp_path):
    write_images(tmp_path, {"a.png": image_bytes(2, 2, "L", value=9)})
    assert read(tmp_path)["image"].shape == (1, 2, 2, 1)

    write_images(tmp_path, {}, '[inputs.image]\nmode = "RGB"\n')
    assert read(tmp_path)["image"].tolist() == np.full((1, 2, 2, 3), 9).tolist()


def test_labels_of_folders_are_in_the_order_of_the_alphabet_or_as_listed(tmp_path):
    write_images(
        tmp_path,
        {"dog/1.png": image_bytes(), "cat/1.png": image_bytes(), "cat/2.png": image_bytes()},
        'labels = "folders"\n',
    )
    assert read(tmp_path)["labels"].tolist() == [0, 0, 1]

    write_images(tmp_path, {}, 'labels = "folders"\nclasses = ["dog", "bird", "cat"]\n')
    assert read(tmp_path)["labels"].tolist() == [2, 2, 0]


def test_folders_called_by_numbers_out_of_order_are_not_guessed_at(tmp_path):
    images = {f"{n}/1.png": image_bytes() for n in range(11)}
    write_images(tmp_path, images, 'labels = "folders"\n')

    with pytest.raises(InputError, match=r"list the names in the order of the model's classes"):
        read(tmp_path)


def test_labels_of_a_file(tmp_path):
    write_images(
        tmp_path,
        {"b.png": image_bytes(), "sub/a.png": image_bytes()},
        'labels = "labels.csv"\n',
    )
    (tmp_path / "labels.csv").write_text("label,file\n4,sub/a.png\n7,b.png\n")
    assert read(tmp_path)["labels"].tolist() == [7, 4]

    (tmp_path / "labels.csv").write_text("file,label\nsub/a.png,cat\nb.png,dog\n")
    assert read(tmp_path)["labels"].tolist() == ["dog", "cat"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("name,label\na.png,1\n", "must name the columns file and label"),
        ("file,label\n", "has no label of 'a.png'"),
        ("file,label\na.png,1\na.png,2\n", "line 3 has 'a.png' again"),
        ("file,label\na.png,1\nz.png,2\n", "names 'z.png', which is not in the folder"),
        ("file,label\na.png\n", "line 2 has no file or no label"),
        ("file,label\na.png, \n", "line 2 has no file or no label"),
        ("file,label\na.png,1\n./a.png,2\n", "line 3 has './a.png' again"),
    ],
)
def test_a_file_of_labels_that_does_not_fit(tmp_path, text, reason):
    write_images(tmp_path, {"a.png": image_bytes()}, 'labels = "labels.csv"\n')
    (tmp_path / "labels.csv").write_text(text)

    with pytest.raises(InputError, match=reason) as raised:
        read(tmp_path)
    assert str(tmp_path / "labels.csv") in str(raised.value)


@pytest.mark.parametrize(
    ("images", "reason"),
    [
        ({"a.png": image_bytes(2, 2), "b.png": image_bytes(3, 2)}, r"size = \[2, 2\], below"),
        ({"a.png": image_bytes(), "b.png": image_bytes(mode="L")}, 'b.png: is L, .*mode = "RGB"'),
        ({"a.png": image_bytes(64, 64), "b.png": image_bytes(64, 64)[:120]}, "b.png: damaged"),
        ({"a.png": b"no image"}, "a.png: damaged .no image that Pillow reads"),
        ({"a.txt": b"no image"}, "holds no images"),
        ({"sub/a.parquet": b""}, "holds no images .*/sub holds tables: name that folder"),
        ({"a.png": image_bytes(), "b.HEIC": b""}, "b.HEIC: images of this kind are not read"),
    ],
)
def test_images_that_cannot_be_taken_are_named(tmp_path, images, reason):
    with pytest.raises(InputError, match=reason):
        read(write_images(tmp_path, images))


def test_links_are_never_left_out_in_silence(tmp_path):
    write_images(tmp_path / "photos", {"a.png": image_bytes()})
    write_images(tmp_path / "more", {"b.png": image_bytes()})
    link = tmp_path / "photos" / "more"
    link.symlink_to(tmp_path / "more")
    with pytest.raises(InputError, match="photos/more: is a link to a folder"):
        read(tmp_path / "photos")

    link.unlink()
    (tmp_path / "photos" / "c.png").symlink_to("nowhere.png")
    with pytest.raises(InputError, match=r"c.png: leads to a file that is not there"):
        read(tmp_path / "photos")


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        ([[0, 65535]], np.uint16),
        ([[0, 65535]], ">u2"),
        ([[-1, 70_000]], np.int32),
        ([[0.5, 1e6]], np.float32),
    ],
)
def test_values_of_more_than_8_bits_are_kept_or_refused(tmp_path, values, dtype):
    image = Image.fromarray(np.array(values, dtype))
    image.save(tmp_path / "a.tif")

    array = read(tmp_path)["image"]
    assert array[0, :, :, 0].tolist() == values and array.dtype.isnative
    write_images(tmp_path, {}, '[inputs.image]\nmode = "RGB"\n')
    with pytest.raises(
        InputError, match=r'a.tif: has more than 8 bits .*, which mode = "RGB" would'
    ):
        read(tmp_path)


@pytest.mark.parametrize("key", ['column = "x"', "shape = [4]", "length = 4"])
def test_what_is_for_tables_is_not_ignored(tmp_path, key):
    with pytest.raises(InputError, match="which are for tables, not for images"):
        read(write_images(tmp_path, {"a.png": image_bytes()}, f"[inputs.image]\n{key}\n"))


def test_the_advice_about_sizes_works_when_it_is_followed(tmp_path):
    images = {"a.png": image_bytes(2, 2), "b.png": image_bytes(3, 2)}
    write_images(tmp_path, images, "[inputs.image]\nsize = [2, 2]\n")

    assert read(tmp_path)["image"].shape == (2, 2, 2, 3)


def test_a_program_that_calls_itself_an_image_is_not_run(tmp_path):
    write_images(tmp_path, {"a.png": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n"})

    with pytest.raises(InputError, match="damaged"):
        read(tmp_path)
