"""Text and bytes are kept exactly: zeros at the end, bytes that are no UTF-8, empty values."""

import numpy as np
import pytest

from infer.errors import InputError
from infer.inputs.loading import array_names, read_inputs
from infer.tensors.call_writer import write_arrays
from infer.tensors.differences import differences
from infer.tensors.output_files import read_call
from infer.tensors.text import as_bytes, as_text, escaped, pack, pack_all, unpack, unpack_all

RAW = [b"plain", b"", b"\xff\xd8\x00\x00", b"\x00", "größe".encode(), b"a\0b"]


def objects(values, shape=None):
    array = np.empty(len(values), object)
    array[:] = values
    return array.reshape(shape or len(values))


@pytest.mark.parametrize("shape", [(6,), (3, 2), (1, 6, 1)])
def test_bytes_come_back_as_they_were(shape):
    array = objects(RAW, shape)

    data, lengths = pack(array)

    assert data.dtype == np.uint8 and lengths.shape == shape
    back = unpack(data, lengths)
    assert back.shape == shape and back.reshape(-1).tolist() == RAW


def test_no_values_are_no_bytes():
    data, lengths = pack(np.empty((0, 2), object))

    assert data.size == 0 and unpack(data, lengths).shape == (0, 2)


def test_text_is_str_if_all_of_it_is_utf_8():
    assert as_text(objects([b"a", "é".encode()])).tolist() == ["a", "é"]
    assert as_text(np.array(["a", "é"])).tolist() == ["a", "é"]
    assert as_text(objects(["a", b"\xff"])).tolist() == [b"a", b"\xff"]
    assert as_bytes(np.array([b"x", b"yz"])).tolist() == [b"x", b"yz"]


def test_text_differs_where_its_bytes_do():
    texts = objects(["a", b"b", "é", b"\xff", b"z"])
    other = objects([b"a", "b", "é".encode(), "\\xff", b"z\0"])

    assert differences(texts, other).tolist() == [0, 0, 0, 1, 1]


def test_escapes_are_for_reading():
    assert escaped(b"\xffok") == "\\xffok" and escaped("é") == "é"
    assert escaped("a\tb\nc\0") == "a\\tb\\nc\\x00"
    assert len(escaped(b"\xff" * 10_000)) < 100


def test_an_inputs_file_holds_bytes_beside_numbers(tmp_path):
    path = tmp_path / "in.npz"
    numbers = np.arange(6.0)
    np.savez(path, **pack_all({"image": objects(RAW), "x": numbers}))

    arrays = read_inputs(path)

    assert arrays["image"].tolist() == RAW
    assert np.array_equal(arrays["x"], numbers)
    assert sorted(array_names(path)) == ["image", "x"]


def test_lengths_that_do_not_fit_are_one_line(tmp_path):
    path = tmp_path / "in.npz"
    np.savez(path, **{"a.bytes": np.zeros(3, np.uint8), "a.lengths": np.array([1, 1])})

    with pytest.raises(InputError, match="'a': there are 3 bytes, the lengths say 2"):
        read_inputs(path)


def test_an_array_with_such_a_name_alone_is_itself():
    arrays = {"a.bytes": np.zeros(3, np.uint8), "b.lengths": np.ones(2)}

    assert unpack_all(arrays).keys() == arrays.keys()


def test_outputs_are_kept_exactly(tmp_path):
    outputs = {
        "raw": objects(RAW),
        "text": objects(["a", "é\0"]),
        "fixed": np.array(["a", "bc"]),
        "x": np.ones(2, np.float32),
        "none": np.empty((0,), object),
    }
    write_arrays(tmp_path, outputs)

    back = read_call(tmp_path)

    assert back["raw"].tolist() == RAW
    assert back["text"].tolist() == ["a", "é\0"]
    assert back["fixed"].tolist() == ["a", "bc"]
    assert back["x"].tolist() == [1, 1]
    assert back["none"].shape == (0,)
