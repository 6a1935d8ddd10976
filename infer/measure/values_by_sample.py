"""The outputs of an artifact and of its reference as metrics take them: by samples."""

from __future__ import annotations

from ..metrics.task import Values
from ..parity.alignment import Aligned
from ..tensors.outputs import Outputs
from ..tensors.ragged import Ragged, SampleValues
from .run_context import RunContext


def values_of(context: RunContext, label: str, outputs: Outputs, run: str = "") -> Values:
    """Outputs that are compared with themselves: with the rows of each sample, where it has some.

    Args:
        context: context of the run.
        label: label of the artifact.
        outputs: its outputs, as they are compared.
        run: folder of another run than preflight.
    """
    by_sample = context.outputs.by_sample(label, run)
    rows = {name: values for name, values in by_sample.items() if isinstance(values, Ragged)}
    return {**outputs, **rows}


def aligned_values(aligned: Aligned) -> tuple[Values, Values]:
    """The outputs of both sides whose samples can be told apart, in the order of the samples."""
    sides: list[dict[str, SampleValues]] = []
    for outputs, side in ((aligned.outputs, "outputs"), (aligned.expected, "expected")):
        values: dict[str, SampleValues] = {
            name: array for name, array in outputs.items() if name not in aligned.calls
        }
        for name in aligned.calls:
            pair = aligned.rows.get(name)
            if pair is not None and pair.samples == tuple(range(len(pair.samples))):
                values[name] = getattr(pair, side)
        sides.append(values)
    return sides[0], sides[1]
