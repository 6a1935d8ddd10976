"""Which artifact is the successor of which."""

from pathlib import Path

import pytest

from infer.errors import UsageError
from infer.steps.former_artifacts import match_former


def files(folder: Path, *names: str) -> list[Path]:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("")
    return [folder / name for name in names]


def test_former_artifacts_are_found_by_name(tmp_path):
    new = files(tmp_path / "new", "a.onnx", "b.onnx")
    old = files(tmp_path / "old", "a.onnx", "c.onnx")
    assert match_former(new, [tmp_path / "old"]) == {new[0]: old[0]}
    assert match_former(new[:1], old[1:]) == {new[0]: old[1]}  # one and one, whatever the names
    assert match_former(new, old[1:]) == {}
    with pytest.raises(UsageError, match="no such file"):
        match_former(new, [tmp_path / "nowhere"])


def test_former_artifacts_of_one_name_are_told_apart_by_their_folders(tmp_path):
    new = files(tmp_path / "new", "x/m.onnx", "y/m.onnx")
    old = files(tmp_path / "old", "y/m.onnx", "x/m.onnx")
    assert match_former(new, old) == {new[0]: old[1], new[1]: old[0]}
    assert match_former(new, old[:1]) == {new[1]: old[0]}
    both = files(tmp_path / "other", "m.onnx")
    assert match_former(new, both) == {}  # it could be that of either
    deep = files(tmp_path / "tree", "base/x/m.onnx", "base/y/m.onnx")
    assert match_former(new[:1], deep) == {new[0]: deep[0]}
