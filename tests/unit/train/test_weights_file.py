"""The files of weights and their records."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file
from training_data import (
    empty_file,
    random_weights,
    write_web_page,
)

from train.record import read_record
from train.weights import WeightsError, load_weights, save_weights, shapes


def test_weights_survive_the_file(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "w.safetensors"
    sha256 = save_weights(path, random_weights())
    loaded, again = load_weights(path)
    assert sha256 == again
    assert loaded.keys() == shapes().keys()
    for name, array in random_weights().items():
        np.testing.assert_array_equal(loaded[name], array)
    assert [file.name for file in path.parent.iterdir()] == ["w.safetensors"]


def _missing(path: Path) -> None:
    path.unlink()


def _folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1000])


def _header_cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:100])


def _changed(**arrays: np.ndarray | None) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        weights = random_weights() | arrays
        save_file({name: array for name, array in weights.items() if array is not None}, path)

    return change


def _with_nan(path: Path) -> None:
    weights = random_weights()
    weights["head.kernel"][3, 4] = np.nan
    save_file(weights, path)


def _bfloat16(path: Path) -> None:
    header = json.dumps({"head.bias": {"dtype": "BF16", "shape": [8], "data_offsets": [0, 16]}})
    path.write_bytes(len(header).to_bytes(8, "little") + header.encode() + bytes(16))


@pytest.mark.parametrize(
    ("damage", "complaint"),
    [
        (_missing, "cannot be read"),
        (_folder, "cannot be read"),
        (empty_file, "not a whole safetensors file"),
        (_truncated, "not a whole safetensors file"),
        (_header_cut, "not a whole safetensors file"),
        (write_web_page, "not a whole safetensors file"),
        (_changed(**{"head.bias": None}), "misses head.bias"),
        (_changed(**{"fc.weight": np.zeros(3, np.float32)}), "unknown fc.weight"),
        (_changed(**{"head.kernel": np.zeros((128, 10), np.float32)}), "head.kernel has the shape"),
        (_with_nan, "head.kernel holds values that are not finite"),
        (_bfloat16, ""),
    ],
)
def test_bad_weights_are_one_line_that_names_the_file(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    damage: Callable[[Path], None],
    complaint: str,
) -> None:
    path = tmp_path / "w.safetensors"
    save_weights(path, random_weights())
    damage(path)
    with pytest.raises(WeightsError) as error:
        load_weights(path)
    assert complaint in str(error.value)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_weights_that_are_not_finite_are_not_saved(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    sha256 = save_weights(path, random_weights())
    bad = random_weights(1)
    bad["stem.norm.var"][0] = np.inf
    with pytest.raises(WeightsError, match="not finite"):
        save_weights(path, bad)
    assert load_weights(path)[1] == sha256
    assert len(list(tmp_path.iterdir())) == 1


def test_a_damaged_recipe_is_not_read_from_a_record(tmp_path: Path) -> None:
    """A record that cannot be read counts as none."""
    path = tmp_path / "w.safetensors"
    for text in ("", "{", "[1]", '"x"'):
        path.with_suffix(".json").write_text(text)
        assert read_record(path) is None
