"""What can be said of an artifact from its file alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..tensors.signature import Signature


@dataclass(frozen=True)
class Description:
    """An artifact as its file tells it.

    Attributes:
        format: as in `infer.formats.detection`.
        version: of the format, in words.
        producer: what wrote it, in words; empty where the file does not say.
        signatures: inputs and outputs, by the name to ask for them by.
        weights: bytes of the weights, by dtype.
        operators: how often each is in the graph, or each function is called.
        executes_code: why loading or running it may do more than arithmetic; None if it cannot.
        platforms: the kinds of device that it was made for; empty where it does not matter.
        devices: how many devices it was made for.
        notes: what a user should know before using it.
    """

    format: str
    version: str
    producer: str
    signatures: Mapping[str, Signature]
    weights: Mapping[str, int]
    operators: Mapping[str, int]
    executes_code: str | None = None
    platforms: tuple[str, ...] = ()
    devices: int = 1
    notes: tuple[str, ...] = field(default=())

    @property
    def precision(self) -> str:
        """The dtype that holds most bytes of the weights; empty where there are none."""
        return max(self.weights, key=lambda name: self.weights[name], default="")
