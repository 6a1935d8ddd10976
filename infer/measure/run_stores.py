"""The stores of the inputs of a run, which workers map: made once, and removed when it ends."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path

from ..inputs.kept_stores import LARGE_BYTES, when_removed
from ..inputs.worker_inputs import WorkerInputs
from ..system.folder_removal import remove_folder

# The file of random inputs in the folder of the run.
RANDOM_INPUTS = "inputs.npz"
_PREFIX = ".inputs-"


class RunStores:
    """The stores of a run.

    Args:
        run: folder of the run.
        made_of: what the inputs for all artifacts were converted from, if they were.
    """

    def __init__(self, run: Path, made_of: Sequence[Path] = ()) -> None:
        self._run = run
        self._made_of = tuple(made_of)
        self._stores: dict[Path, WorkerInputs] = {}

    def of(self, file: Path) -> WorkerInputs:
        """What workers get of a file of inputs."""
        if file not in self._stores:
            is_drawn = file == self._run / RANDOM_INPUTS
            self._stores[file] = WorkerInputs(file, self._folder, is_drawn, made_of=self._made_of)
        return self._stores[file]

    def prepare(self, file: Path, tell: Callable[[str], None]) -> None:
        """Make the store of a file before any worker needs it; it may take long.

        Args:
            file: the file.
            tell: shows a line.

        Raises:
            InputError: it is damaged, or there is too little room on the disk.
            OSError: it cannot be written.
        """
        inputs = self._stores[file] = self.of(file).with_kept()
        size = inputs.unpacked_bytes()
        if size > LARGE_BYTES:
            until = when_removed(kept=inputs.kept is not None)
            tell(f"{file}: {size / 1e9:.1f} GB are unpacked into {inputs.store}; {until}")
        inputs.path()

    def remove(self) -> None:
        """Remove what was made for this run."""
        shutil.rmtree(self._folder, ignore_errors=True)
        del self._folder
        self._stores.clear()

    @cached_property
    def _folder(self) -> Path:
        """A new folder, since what is in the folder of a resumed run may be anybody's.

        What a program that was killed has left is removed: no other writes to this run.
        """
        for left in self._run.glob(f"{_PREFIX}*"):
            remove_folder(left)
        return Path(tempfile.mkdtemp(prefix=_PREFIX, dir=self._run))
