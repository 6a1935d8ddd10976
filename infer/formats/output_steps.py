"""Find the last quantised values of a graph, whose steps say how coarse its outputs are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..tensors.precision import OutputSteps

QUANTISED, SAME, SOFTMAX, SIGMOID = "quantised", "same", "softmax", "sigmoid"
_LONGEST = 10_000


@dataclass(frozen=True)
class Producer:
    """What a value comes from.

    Attributes:
        kind: `QUANTISED` if the value was rounded to steps, `SAME` if each of its elements is one
            of the source, `SOFTMAX` or `SIGMOID` of the source.
        source: name of the value that it comes from.
        step: the step, of a quantised value.
        low, high: its range, of a quantised value.
    """

    kind: str
    source: str
    step: float = 0.0
    low: float | None = None
    high: float | None = None


def last_steps(output: str, producers: Mapping[str, Producer]) -> OutputSteps | None:
    """Follow an output back to the last quantised values.

    Args:
        output: name of the output.
        producers: what values come from, by name; others end the search.

    Returns:
        The steps; None if the output is calculated from them in another way.
    """
    nearest: Producer | None = None
    through, value = "", output
    for _ in range(_LONGEST):
        producer = producers.get(value)
        if producer is None:
            break
        value = producer.source
        if producer.kind == QUANTISED:
            if through:
                limits = (nearest.low, nearest.high) if nearest else (None, None)
                return OutputSteps(
                    nearest.step if nearest else 0.0, producer.step, through, *limits
                )
            nearest = nearest or producer
        elif producer.kind in (SOFTMAX, SIGMOID):
            if through:
                return None
            through = producer.kind
    if nearest is None or through:
        return None
    return OutputSteps(nearest.step, nearest.step, "", nearest.low, nearest.high)
