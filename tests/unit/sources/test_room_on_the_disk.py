"""What has no room on the disk is refused after the first batch, with what to do."""

import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from infer.errors import InputError
from infer.sources import conversion
from infer.sources.batches import Batch
from infer.sources.source import Source


@pytest.mark.parametrize(("free", "has_room"), [(4_999, False), (5_000, True)])
def test_a_disk_with_little_room(tmp_path, monkeypatch, free, has_room):
    batches = [
        Batch({"x": np.zeros((10, 5), np.uint8)}, 1000),
        Batch({"x": np.ones((1, 5), "u1")}, 1000),
    ]
    monkeypatch.setattr(conversion, "read_batches", lambda source: iter(batches))
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=free))
    source, told = Source(Path("photos"), "images", ()), []

    if has_room:
        conversion.convert(source, tmp_path / "store", told.append)
    else:
        with pytest.raises(InputError, match=r"photos: 1,000 samples take about .*\$TMPDIR"):
            conversion.convert(source, tmp_path / "store", told.append)

    assert len(told) == 2 * has_room
    assert not told or str(told[-1]).startswith("11 of 1,000 samples, ")
