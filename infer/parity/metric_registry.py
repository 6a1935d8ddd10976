"""The registry of plug-ins' metrics; infer.parity.metrics has the built-in ones."""

from __future__ import annotations

from dataclasses import dataclass

from ..external_module import ExternalModule


@dataclass(frozen=True)
class Metric:
    """A figure for the outputs of a classifier, given the true classes.

    Attributes:
        name: name in results and columns.
        function: the module's `function(scores, labels) -> float`: scores N x classes, labels N.
        external: its module, which is imported in a separate process with limits.
    """

    name: str
    function: str
    external: ExternalModule


# By name; filled by infer.plugins.
METRICS: dict[str, Metric] = {}
