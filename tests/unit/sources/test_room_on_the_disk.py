"""What has no room on the disk is refused after the first batch, with what to do."""

import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from infer.errors import InputError
from infer.inputs.store import open_store
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


@pytest.mark.parametrize("names", [["size.bytes"], ["x", "size.bytes"]])
def test_a_name_that_ends_as_the_bytes_of_text_do(tmp_path, monkeypatch, names):
    batch = Batch({name: np.zeros((3, 2), np.float32) for name in names}, 3)
    monkeypatch.setattr(conversion, "read_batches", lambda source: iter([batch]))
    source = Source(Path("table"), "tables", ())

    conversion.convert(source, tmp_path / "store", lambda done: None)

    assert {name: array.shape for name, array in open_store(tmp_path / "store").items()} == (
        dict.fromkeys(names, (3, 2))
    )
