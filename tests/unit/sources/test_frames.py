"""What a reading process writes is checked before anything is made of it."""

import json
import os
import struct

import numpy as np
import pytest

from infer.errors import InputError
from infer.sources.frames import FrameReader, Header, write_frame


def frames(write):
    """The frames that a process writes."""
    reading, writing = os.pipe()
    with os.fdopen(writing, "wb") as file:
        write(file)
    with os.fdopen(reading, "rb", buffering=0) as stream:
        return list(FrameReader(stream, "x", 5).frames())


def test_what_was_written_comes_back():
    array = np.arange(6, dtype=np.int16).reshape(2, 3)

    ((_, arrays),) = frames(lambda file: write_frame(file, Header(is_last=True), {"a": array}))

    assert arrays["a"].dtype == array.dtype and arrays["a"].tolist() == array.tolist()


@pytest.mark.parametrize(
    ("dtype", "shape"),
    [
        (",", [1]),
        ("f4,(", [1]),
        ("(2,3)f4", [1]),
        ("|O", [1]),
        ("<f7", [1]),
        ("<f4", [10**30, 0]),
        ("<f4", [0] * 70),
        ("<f4", [2**31, 2**31, 2**31, 0]),
        ("<f4", [-1]),
        ("<f4", []),
    ],
)
def test_a_header_that_makes_no_sense_is_one_line(dtype, shape):
    said = {"name": "a", "dtype": dtype, "shape": shape}
    text = json.dumps({"arrays": [said], "is_last": True}).encode()

    with pytest.raises(InputError, match="does not make sense"):
        frames(lambda file: file.write(struct.pack(">I", len(text)) + text))
