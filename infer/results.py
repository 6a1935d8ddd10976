"""The store of a run: `results.jsonl`, one record a line, appended and flushed as it comes."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

SCHEMA_VERSION = 1
RESULTS = "results.jsonl"

Record = dict[str, Any]


class Store:
    """Appends records to a run's file: each has a `kind` and, of an artifact, its `artifact`."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.records: list[Record] = []
        self._file = (folder / RESULTS).open("x", encoding="utf-8")

    def add(self, kind: str, **values: Any) -> Record:
        """Write a record so that it outlives this process and, once on disk, the machine."""
        record = {"schema": SCHEMA_VERSION, "kind": kind, **values}
        self._file.write(json.dumps(record) + "\n")
        self._file.flush()
        os.fsync(self._file.fileno())
        self.records.append(record)
        return record

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def read_records(folder: Path) -> list[Record]:
    """The records of a run; a last line that was cut off is left out.

    Raises:
        ValueError: the folder holds no run, or one of another schema.
    """
    path = folder / RESULTS
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise ValueError(f"{path}: cannot be read ({error.strerror})") from None
    records = []
    for number, line in enumerate(lines, 1):
        try:
            record = json.loads(line)
        except ValueError:
            if number == len(lines):
                break
            raise ValueError(f"{path}: line {number} is not JSON") from None
        if not isinstance(record, dict):
            raise ValueError(f"{path}: line {number} is not a record")
        if record.get("schema") != SCHEMA_VERSION:
            raise ValueError(
                f"{path}: schema {record.get('schema')}, this program reads {SCHEMA_VERSION}"
            )
        records.append(record)
    return records
