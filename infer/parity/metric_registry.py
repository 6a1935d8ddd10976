"""Metrics of other packages, beside those of every classifier (infer.parity.metrics)."""

from __future__ import annotations

from dataclasses import dataclass

from ..external_module import ExternalModule


@dataclass(frozen=True)
class Metric:
    """A figure for the outputs of a classifier, given the true classes.

    Attributes:
        name: as in results and columns.
        function: of the module, `function(scores, labels) -> float`: scores N x classes, labels N.
        external: where its module is; imported in a process of its own, with limits.
    """

    name: str
    function: str
    external: ExternalModule


# By name; filled by infer.plugins.
METRICS: dict[str, Metric] = {}
