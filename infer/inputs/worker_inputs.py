"""The inputs of a worker: a store without the true labels, which no artifact may know."""

from __future__ import annotations

import fcntl
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from ..errors import InputError
from .kept_stores import kept_store
from .loading import is_of_labels
from .members import opened_inputs
from .store import TENSORS, TRUTH, is_store
from .unpacking import stays, unpacked_bytes, write_store


@dataclass(frozen=True)
class WorkerInputs:
    """What a worker gets of a file of inputs.

    Attributes:
        file: the file, or the user's store, which reasons name.
        folder: folder for stores, which nobody else writes to; made where it is needed.
        is_drawn: whether the file is of random inputs, which lie plainly and without the truth,
            and is written when the worker has started.
        kept: a store for it that is kept from run to run; None for one in the folder.
        made_of: what a store was converted from, which may hold the truth too.
    """

    file: Path
    folder: Path
    is_drawn: bool = False
    kept: Path | None = None
    made_of: tuple[Path, ...] = ()

    def with_kept(self) -> WorkerInputs:
        """The same with a store that is kept, if the user names a folder and it is needed.

        Raises:
            InputError: the file is damaged.
            OSError: it cannot be read.
        """
        if not self.unpacked_bytes():
            return self
        return replace(self, kept=kept_store(self.file, refers=self._is_mapped))

    @property
    def readable(self) -> list[Path]:
        """What the worker may read: the tensors of the store, and the file if it is mapped."""
        self._tensors.mkdir(parents=True, exist_ok=True)
        if self.is_drawn:
            self.file.touch()  # what is there can be opened to the worker
        return [self._tensors, self.file] if self._is_mapped else [self._tensors]

    @property
    def withheld(self) -> list[Path]:
        """What the worker may not read, wherever it lies."""
        if is_store(self.file):
            return [self.file / TRUTH, *self.made_of]
        return [] if self._is_mapped else [self.file]

    @property
    def store(self) -> Path:
        """The store: the user's, or one made for the file."""
        if is_store(self.file):
            return self.file.resolve()
        if self.kept is not None:
            return self.kept
        # Artifacts may name several files of one name.
        place = hashlib.sha256(str(self.file.resolve()).encode()).hexdigest()[:8]
        return (self.folder / f"{place}-{self.file.stem}").resolve()

    def path(self) -> Path:
        """The folder of tensors that the worker reads; the store is made once.

        Raises:
            InputError: the file is damaged, or there is no room for what has to be unpacked.
            OSError: the store cannot be written.
        """
        if not is_store(self.store):
            self._tensors.mkdir(parents=True, exist_ok=True)
            with self._alone():
                if not is_store(self.store):
                    write_store(self.file, self.store, refers=self._is_mapped)
        return self._tensors

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep other runs from writing the same store."""
        with (self.store / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    @property
    def _tensors(self) -> Path:
        return self.store / TENSORS

    @property
    def _is_mapped(self) -> bool:
        """Whether the worker maps arrays where they lie in the file."""
        return self.is_drawn or (not is_store(self.file) and _may_be_mapped(self.file))

    def unpacked_bytes(self) -> int:
        """Bytes that the store still needs on the disk.

        Raises:
            InputError: the file is damaged.
        """
        return 0 if is_store(self.store) else unpacked_bytes(self.file, refers=self._is_mapped)


def _may_be_mapped(file: Path) -> bool:
    try:
        status = file.stat()
    except OSError:
        return False
    return _holds_plain_inputs_only(file.resolve(), status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=16)  # every worker asks
def _holds_plain_inputs_only(file: Path, changed_ns: int, size: int) -> bool:
    """Whether a file has no labels, and an array that may be mapped where it lies.

    A worker that may read a file may read all of it.
    """
    try:
        with opened_inputs(file) as opened:
            members = opened.members
    except InputError:
        return False
    return any(map(stays, members)) and not any(is_of_labels(m.name) for m in members)
