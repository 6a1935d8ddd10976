"""What a run is to measure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from ..artifacts.artifact import OpenedArtifacts
from ..artifacts.files import sha256_of
from ..errors import InputError
from ..inputs.options import InputOptions
from ..inputs.random import Random
from ..records.protocol import Protocol


@dataclass(frozen=True)
class Plan:
    """What a run is to measure.

    Attributes:
        artifacts: label and path of each.
        inputs: for all of them; None takes what each manifest names, or random ones.
        random: inputs to make up, where that is asked for.
        input_options: of the user, about inputs and outputs.
        ignored: outputs that are not compared, by their name in any artifact.
        absolute: outputs of the reference of which the absolute values are compared.
        protocol: how much.
        device: "cpu" or "cuda".
        card: on cuda, what CUDA_VISIBLE_DEVICES is for the workers: the UUID of a card or of a
            MIG instance, so that each worker sees one. None leaves the variable as it is.
        threads: for each worker.
        timeout_s: for each answer of a worker.
        memory_limit: bytes that a worker may hold; None leaves it to the machine.
        tolerance: largest difference that passes; None goes by precision.
        reference: label of the artifact to compare with; None chooses by the manifests.
        seed: of the order in the turns.
        setups: of artifacts that are run otherwise than tuned, by label: `bare` for a runtime as
            it comes, `settings` for values of single settings, `python` for the interpreter
            that its worker runs in, `runtime` for another than the default of the format,
            `signature` for another function than the default of the file.
        unsupported: why the runtime of an artifact cannot use the card, by label.
        notices: of the choice of the device, what no reader of the results may overlook.
        tf32: whether products of float32 may be calculated in TF32 on a GPU.
        trusted: artifacts that may execute code, as `infer.sandbox.trust` takes them.
        pairs: labels of artifacts and of the former artifact that each is compared with.
        opened: the artifacts that have been opened while the plan was made; not recorded.
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
    setups: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    pairs: Mapping[str, str] = field(default_factory=dict)
    random: Random | None = None
    input_options: InputOptions = field(default_factory=InputOptions)
    ignored: tuple[str, ...] = ()
    absolute: tuple[str, ...] = ()
    trusted: tuple[str, ...] = ()
    card: str | None = None
    unsupported: Mapping[str, str] = field(default_factory=dict)
    notices: tuple[str, ...] = ()
    tf32: bool = False
    opened: OpenedArtifacts = field(default_factory=OpenedArtifacts, repr=False, compare=False)

    def describe(self) -> dict[str, Any]:
        """The plan as JSON takes it, and where its paths start."""
        values = asdict(replace(self, opened=OpenedArtifacts()))
        del values["opened"]
        return values | {
            "artifacts": [[label, str(path)] for label, path in self.artifacts],
            "inputs": str(self.inputs) if self.inputs else None,
            "folder": str(Path.cwd()),
        }

    def inputs_sha256(self) -> str | None:
        """What the inputs for all artifacts are known by.

        Raises:
            InputError: they cannot be read.
        """
        try:
            return sha256_of(self.inputs) if self.inputs else None
        except OSError as error:
            raise InputError(f"{self.inputs}: cannot be read ({error.strerror})") from None

    @classmethod
    def of(cls, value: Mapping[str, Any]) -> Plan:
        """Read back what `describe` and JSON made of a plan."""
        protocol = dict(value["protocol"])
        protocol["scenarios"] = tuple(protocol["scenarios"])
        own = {field.name: value[field.name] for field in fields(cls) if field.name != "opened"}
        folder = Path(value["folder"])
        return cls(
            **own
            | {
                "artifacts": tuple((label, folder / path) for label, path in value["artifacts"]),
                "inputs": folder / value["inputs"] if value["inputs"] else None,
                "protocol": Protocol(**protocol),
                "random": Random(**value["random"]) if value["random"] else None,
                "input_options": InputOptions.from_dict(value["input_options"]),
                "ignored": tuple(value["ignored"]),
                "absolute": tuple(value["absolute"]),
                "trusted": tuple(value["trusted"]),
                "notices": tuple(value["notices"]),
            }
        )
