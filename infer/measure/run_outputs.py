"""The outputs of the artifacts in the folder of a run, for as long as it needs them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence, Set
from pathlib import Path
from typing import ClassVar

from ..outcome import Failure, Outcome
from ..records.paths import file_name
from ..system.folder_removal import remove_folder
from ..tensors.call_writer import CallWriter
from ..tensors.output_files import read_saved, write_axes
from ..tensors.outputs import INDEX, Outputs, SampleAxis, SavedOutputs, has_outputs
from ..tensors.ragged import SampleValues
from ..tensors.row_files import OutputError
from ..tensors.sample_columns import RowsError, SampleColumn, by_sample_columns


class RunOutputs:
    """The outputs of the artifacts of a run, each in a folder of its own.

    Args:
        folder: the folder of all outputs.
        ignored: names of the outputs that the user leaves out of comparisons.
        sample_columns: where the sample of each row of an output is told.
    """

    # Folder of the calls that stay, beside the outputs of all calls.
    CHECKED: ClassVar[str] = "checked"

    def __init__(
        self, folder: Path, ignored: Collection[str], sample_columns: Sequence[SampleColumn] = ()
    ) -> None:
        self._folder = folder
        self._ignored = ignored
        self._sample_columns = sample_columns

    def folder(self, label: str) -> Path:
        """The folder of an artifact's outputs."""
        return self._folder / file_name(label)

    def emptied_folder(self, label: str, run: str) -> Path:
        """Make an empty folder for the outputs of another run than preflight."""
        folder = self.folder(label) / run
        remove_folder(folder)
        folder.mkdir(parents=True)
        return folder

    def are_whole(self, label: str) -> bool:
        """Whether an artifact's outputs of preflight are there."""
        return has_outputs(self.folder(label))

    def has_checked(self, label: str) -> bool:
        """Whether the outputs are there that timed calls are compared with."""
        return has_outputs(self.folder(label) / self.CHECKED)

    def keep_checked(self, label: str, samples: Set[int]) -> None:
        """Remove all of an artifact's outputs but those of the calls that have some samples.

        Raises:
            Failure: they cannot be read.
            OSError: they cannot be written.
        """
        saved = self.saved(label)
        folder = self.emptied_folder(label, self.CHECKED)
        calls = next((output.calls for output in saved.values()), ())
        writer = CallWriter(folder)
        for number, call in enumerate(calls):
            if not samples.isdisjoint(call.rows):
                writer.write({name: output.parts[number] for name, output in saved.items()}, call)
        writer.close()
        write_axes(folder, {name: output.sample_axis for name, output in saved.items()})
        for path in [self.folder(label) / INDEX, *self.folder(label).iterdir()]:
            if path != folder:
                remove_folder(path)

    def remove(self, label: str) -> None:
        """Remove all outputs of an artifact."""
        remove_folder(self.folder(label))

    def remove_all(self) -> None:
        """Remove all outputs of the run."""
        remove_folder(self._folder)

    def saved(self, label: str, run: str = "") -> SavedOutputs:
        """Read all of an artifact's outputs of preflight.

        Args:
            label: label of the artifact.
            run: folder of another run than preflight, which shows the axes of samples of both.

        Raises:
            Failure: they cannot be read.
        """
        folder = self.folder(label)
        try:
            return read_saved(folder / run, None if run in ("", self.CHECKED) else folder)
        except OutputError as error:
            raise Failure(Outcome.CRASH, f"its outputs cannot be read ({error})") from None

    def compared(self, label: str, run: str = "") -> SavedOutputs:
        """Read an artifact's outputs without those that the user ignores, lists by samples.

        Raises:
            Failure: there are no outputs, or the column of a list does not tell samples.
        """
        outputs = self.by_sample_columns(label, self.saved(label, run))
        left = {name: output for name, output in outputs.items() if name not in self._ignored}
        if not left:
            raise Failure(Outcome.BAD_INPUT, "--ignore leaves no output to compare")
        return left

    def by_sample_columns(self, label: str, outputs: SavedOutputs) -> SavedOutputs:
        """Take the lists among an artifact's outputs apart by samples, as the user says (`--rows`).

        Raises:
            Failure: the column of a list does not tell samples.
        """
        try:
            return by_sample_columns(outputs, self._sample_columns, label)
        except RowsError as error:
            raise Failure(Outcome.BAD_INPUT, str(error)) from None

    def by_sample(self, label: str, run: str = "") -> dict[str, SampleValues]:
        """Read the compared outputs whose samples can be told apart.

        Returns:
            By name, an array whose first axis counts the samples, or the rows of each sample.
        """
        values = {name: output.by_sample for name, output in self.compared(label, run).items()}
        return {name: value for name, value in values.items() if value is not None}

    def values(self, label: str, run: str = "") -> Outputs:
        """Read the values of an artifact's compared outputs, as `SavedOutput.array` has them."""
        return {name: output.array for name, output in self.compared(label, run).items()}

    def with_samples(self, label: str) -> Outputs:
        """Read the values of the outputs whose samples can be told apart, N x anything."""
        outputs = self.compared(label)
        return {name: output.array for name, output in outputs.items() if output.has_samples}

    def whole(self, label: str, run: str = "") -> set[str]:
        """Names of the compared outputs whose samples cannot be told apart."""
        outputs = self.compared(label, run)
        return {name for name, output in outputs.items() if not output.has_samples}

    def take_axes(self, label: str, axes: Mapping[str, SampleAxis]) -> None:
        """Note axes of samples that another artifact has shown, for the stages that follow."""
        if not axes:
            return
        known = {name: output.sample_axis for name, output in self.saved(label).items()}
        write_axes(self.folder(label), {**known, **axes})
