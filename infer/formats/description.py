"""The description of an artifact that can be read from its file alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..tensors.precision import Precision, bits_of, coarsest
from ..tensors.signature import Signature


@dataclass(frozen=True)
class Description:
    """The description of an artifact, read from its file.

    Attributes:
        format: as in `infer.formats.detection`.
        version: version of the format, in words.
        producer: program that wrote it, in words; empty if the file does not say.
        signatures: inputs and outputs, by the name of the signature.
        weights: bytes of the weights, by dtype.
        operators: number of occurrences of each operator in the graph, or of calls of a function.
        executes_code: why loading or running it may do more than arithmetic; None if it cannot.
        platforms: the kinds of device that it was made for; empty if it runs on any.
        devices: number of devices that it was made for.
        notes: what a user should know before using it.
        graph_precision: the precision, where the format's reader finds it in the graph.
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
    graph_precision: Precision | None = None

    @property
    def precision(self) -> Precision:
        """The precision: that of the graph, or else of the weights, inputs and outputs."""
        if self.graph_precision is not None:
            return self.graph_precision
        signatures = self.signatures.values()
        border = [
            spec.dtype
            for signature in signatures
            for spec in (*signature.inputs, *signature.outputs)
        ]
        # What has few bits may be whole numbers as well, such as pixels.
        weights = [name for name in self.weights if bits_of(name) is None]
        return Precision(coarsest([*border, *weights]))
