"""Files that no format takes: the message says what they are and what to do."""

from __future__ import annotations

import pytest

from infer.errors import ArtifactError
from infer.formats.detection import detect


def test_a_program_of_executorch_names_the_plugin(tmp_path):
    path = tmp_path / "model.pte"
    path.write_bytes(b"\x30\0\0\0ET12eh00" + bytes(52))

    with pytest.raises(ArtifactError, match=r"model\.pte: .* the plug-in exportbench-executorch"):
        detect(path)
