"""The plan of a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from ..inputs.options import InputOptions
from ..inputs.random import Random
from ..metrics.own_metric import OwnMetric
from ..metrics.task import TaskRequest
from ..records.output_form import OutputForm
from ..records.protocol import Protocol
from ..records.run_events import RunStarted
from ..sandbox.artifact_reader import OpenedArtifacts
from ..tensors.comparison_options import RowSet
from ..tensors.sample_columns import SampleColumn
from ..variant import Variant
from .hashed_inputs import inputs_sha256


@dataclass(frozen=True)
class Plan:
    """The plan of a run: what to measure, and how.

    Attributes:
        artifacts: label and path of each.
        inputs: inputs for all artifacts, as the user names them; None for those that each manifest
            names, or random ones.
        stored: the store that they were converted to, where they are no file of arrays; not
            recorded.
        random: random inputs to draw, if requested.
        input_options: the user's options about inputs and outputs.
        ignored: outputs that are not compared, by their name in any artifact.
        absolute: outputs of the reference whose absolute values are compared.
        row_sets: outputs of the reference whose rows are compared as sets.
        sample_columns: where the sample of each row of an output is told, by its name in any
            artifact.
        allowed: share of the values that may differ, by output of the reference.
        task: what the outputs are for; None guesses a classifier.
        metrics: the user's own.
        protocol: how much is measured.
        device: "cpu" or "cuda".
        card: on cuda, what CUDA_VISIBLE_DEVICES is for the workers: the UUID of a card or of a
            MIG instance, so that each worker sees one. None leaves the variable as it is.
        threads: for each worker.
        timeout_s: for each answer of a worker.
        memory_limit: bytes that a worker may hold; None leaves it to the machine.
        tolerance: largest difference that passes; None goes by precision.
        reference: label of the artifact to compare with; None chooses by the manifests.
        seed: of the order in the turns.
        variants: how artifacts are run, by label, where that is not as tuned.
        unsupported: why the runtime of an artifact cannot use the card, by label.
        notices: important notices about the choice of the device.
        tf32: whether products of float32 may be calculated in TF32 on a GPU.
        why: whether to profile the fastest and the slowest artifact in the end.
        save_outputs: how outputs are kept; None removes them once they are judged.
        trusted: artifacts that may execute code, as `infer.sandbox.trust` takes them.
        pairs: the former artifact that an artifact is compared with, by label.
        opened: artifacts that were opened while the plan was made; not recorded.
    """

    artifacts: tuple[tuple[str, Path], ...]
    inputs: Path | None
    protocol: Protocol
    device: str
    threads: int
    timeout_s: float
    memory_limit: int | None = None
    tolerance: float | None = None
    reference: str | None = None
    seed: int = 0
    variants: Mapping[str, Variant] = field(default_factory=dict)
    pairs: Mapping[str, str] = field(default_factory=dict)
    random: Random | None = None
    input_options: InputOptions = field(default_factory=InputOptions)
    ignored: tuple[str, ...] = ()
    absolute: tuple[str, ...] = ()
    row_sets: tuple[RowSet, ...] = ()
    sample_columns: tuple[SampleColumn, ...] = ()
    allowed: Mapping[str, float] = field(default_factory=dict)
    task: TaskRequest | None = None
    metrics: tuple[OwnMetric, ...] = ()
    trusted: tuple[str, ...] = ()
    card: str | None = None
    unsupported: Mapping[str, str] = field(default_factory=dict)
    notices: tuple[str, ...] = ()
    tf32: bool = False
    why: bool = False
    save_outputs: OutputForm | None = None
    opened: OpenedArtifacts = field(default_factory=OpenedArtifacts, repr=False, compare=False)
    stored: Path | None = field(default=None, compare=False)

    def describe(self) -> dict[str, Any]:
        """The plan for JSON, with the folder that its paths start from."""
        values = asdict(replace(self, opened=OpenedArtifacts()))
        del values["opened"], values["stored"]
        return values | {
            "artifacts": [[label, str(path)] for label, path in self.artifacts],
            "inputs": str(self.inputs) if self.inputs else None,
            "folder": str(Path.cwd()),
        }

    def inputs_sha256(self) -> str | None:
        """The SHA-256 of the inputs for all artifacts.

        Raises:
            InputError: they cannot be read.
        """
        path = self.stored or self.inputs
        return inputs_sha256(path) if path else None

    @classmethod
    def from_run(cls, run: RunStarted) -> Plan:
        """The plan of a run that is recorded; none of its artifacts has been opened."""
        recorded = {
            attribute.name: getattr(run, attribute.name)
            for attribute in fields(cls)
            if attribute.name not in ("opened", "stored")
        }
        folder = Path(run.folder)
        return cls(
            **recorded
            | {
                "artifacts": tuple((label, folder / path) for label, path in run.artifacts),
                "inputs": folder / run.inputs if run.inputs else None,
            }
        )
