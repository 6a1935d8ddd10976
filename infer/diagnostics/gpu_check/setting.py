"""The setting of a check's stages."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

# Key of what is wrong, in words, in the result of a stage.
PROBLEM = "problem"
EXPORTED = "exported"  # folder of what a check exports, below that of its results


@dataclass(frozen=True)
class Setting:
    """The setting of a stage.

    Attributes:
        out: folder of all results.
        wanted: the device as on the command line, as "cuda:1".
        device: "cpu" or "cuda".
        card: what workers get as CUDA_VISIBLE_DEVICES; None leaves it as it is.
        threads: for each worker.
        seconds: that the stage has.
        inputs: file of test inputs for all artifacts; None takes what each artifact names.
        data_root: folder of the images that exporters evaluate with.
        memory_limit: bytes that a worker may hold; None for nine tenths of what is free.
        name: that the stage's files in `out` have.
        artifacts: those that the stage is about.
    """

    out: Path
    wanted: str
    device: str
    card: str | None
    threads: int
    seconds: float = 60.0
    inputs: Path | None = None
    data_root: Path | None = None
    memory_limit: int | None = None
    name: str = ""
    artifacts: tuple[Path, ...] = ()

    def to_json(self) -> str:
        """The setting as JSON for a stage's process."""
        return json.dumps(asdict(self), default=str)

    @classmethod
    def from_json(cls, text: str) -> Setting:
        """Rebuild a setting from `to_json`."""
        value: dict[str, Any] = json.loads(text)
        for name in ("out", "inputs", "data_root"):
            value[name] = Path(value[name]) if value[name] else None
        value["artifacts"] = tuple(map(Path, value["artifacts"]))
        return cls(**value)


class StageError(Exception):
    """A stage has no result; the message is one line for the user."""
