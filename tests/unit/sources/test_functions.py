"""A function of the user's yields batches, or ends in a line that names its own line."""

import numpy as np
import pytest

from infer.errors import InputError
from infer.sources.user_function import UserFunction


def read(tmp_path, body, function="batches"):
    file = tmp_path / "mine.py"
    file.write_text(f"import numpy as np\n\ndef batches():\n{body}")
    return list(UserFunction(file, function).batches())


def test_batches_of_numbers_and_text(tmp_path):
    (tmp_path / "beside_mine.py").write_text("value = 3\n")
    first, second = read(
        tmp_path,
        "    from beside_mine import value\n"
        "    yield {'x': np.full((2, 3), value), 'word': ['a', 'bcd'], 'labels': [0, 1]}\n"
        "    yield {'x': np.zeros((1, 3), int), 'word': np.array([b'\\xff']), 'labels': (1,)}\n",
    )

    assert first["x"].tolist() == [[3] * 3] * 2
    assert first["word"].tolist() == ["a", "bcd"]
    assert second["word"].tolist() == [b"\xff"]
    assert second["labels"].tolist() == [1]


def test_values_are_what_the_function_gave(tmp_path):
    (batch,) = read(
        tmp_path, "    yield {'x': np.array([1.5], '>f4'), 'code': [[b'\\x01\\x00', b'\\x00']]}\n"
    )

    assert batch["code"].tolist() == [[b"\x01\0", b"\0"]]
    assert batch["x"].tolist() == [1.5] and batch["x"].dtype == np.float32


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("    raise ValueError('one\\ntwo')\n    yield\n", r"line 4: ValueError: one two$"),
        ("    raise SystemExit(3)\n    yield\n", r"line 4: SystemExit: 3$"),
        ("    pass\n", r"returns NoneType; it must yield batches$"),
        ("    yield {}\n", r"batch 1 is an empty dictionary$"),
    ],
)
def test_ends_without_batches_are_told_in_one_line(tmp_path, body, reason):
    with pytest.raises(InputError, match=reason):
        read(tmp_path, body)


def test_types_that_numpy_has_no_name_for_become_float32(tmp_path):
    (batch,) = read(
        tmp_path,
        "    from ml_dtypes import bfloat16\n    yield {'x': np.ones(2).astype(bfloat16)}\n",
    )

    assert batch["x"].dtype == np.float32


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("    yield [1]\n", "batch 1 is a list; yield a dictionary"),
        ("    yield {'x': 1.0}\n", "'x' is a single value"),
        ("    yield {'x': [1, 2], 'y': [1]}\n", "arrays of different lengths"),
        ("    yield {'x': [[1], [1, 2]]}\n", "'x' is no array"),
        ("    yield {'x': np.array([{}])}\n", "'x' holds objects"),
        ("    yield {'x': [1]}\n    raise KeyError('y')\n", r"mine.py:batches, line 5: KeyError"),
        ("    return 7\n", "returns int; it must yield batches"),
        ("    yield 1 +\n", "line 4: SyntaxError"),
    ],
)
def test_what_is_wrong_is_said_in_a_line(tmp_path, body, reason):
    with pytest.raises(InputError, match=reason) as raised:
        read(tmp_path, body)
    assert "\n" not in str(raised.value)


def test_a_function_that_is_not_there(tmp_path):
    with pytest.raises(InputError, match="has no function 'other'"):
        read(tmp_path, "    yield {}\n", "other")
