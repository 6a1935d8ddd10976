"""Sketches of the outputs of a run, which a gate compares with those of a baseline."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import numpy as np

from ..codec import to_json
from ..parity.kept_sketch import SketchedOutput
from ..parity.sketch import sketch_of
from ..records.sketch_events import OutputsSketched, output_sketch
from ..tensors.outputs import SavedOutput
from .run_context import RunContext
from .run_tolerances import tolerances_between


def record_sketches(context: RunContext, label: str, rounding: Mapping[str, float | None]) -> None:
    """Record the sketches of an artifact's outputs, once a run.

    What its outputs may differ by is derived from themselves, as if it were its own reference.

    Args:
        context: the run.
        label: label of the artifact.
        rounding: rounding of the reference, by output.
    """
    if label in context.store.latest(OutputsSketched):
        return
    sketches = context.informative(
        "what a gate compares", lambda: _sketches(context, label, rounding), None, label
    )
    if sketches is not None:
        outputs = {name: to_json(output_sketch(sketch)) for name, sketch in sketches.items()}
        context.store.add(OutputsSketched.from_values(artifact=label, outputs=outputs))


def _sketches(
    context: RunContext, label: str, rounding: Mapping[str, float | None]
) -> dict[str, SketchedOutput]:
    plan, compared = context.plan, context.outputs.compared(label)
    # The order of the rows of a set tells nothing, and a sketch is of an order.
    in_sets = {name for row_set in plan.row_sets for name in row_set.names}
    saved = {name: output for name, output in compared.items() if name not in in_sets}
    arrays = {name: output.array for name, output in saved.items()}
    limits = tolerances_between(context, label, label, arrays, rounding)
    sketches = {}
    for name, array in arrays.items():
        error = limits[name].expected
        sketches[name] = SketchedOutput(
            sketch_of(np.abs(array) if name in plan.absolute else array, len(arrays)),
            limits[name].value,
            error.limit if error is not None else None,
            plan.allowed.get(name),
            name in plan.absolute,
            _calls(saved[name]),
        )
    return sketches


def _calls(output: SavedOutput) -> str:
    """Hash of the calls of an output whose samples cannot be told apart; "" of others."""
    if output.has_samples:
        return ""
    calls = [(call.rows, call.samples) for call in output.calls], output.shapes
    return hashlib.sha256(repr(calls).encode()).hexdigest()[:16]
