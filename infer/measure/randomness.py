"""Tell random numbers from a kept state, for an artifact whose outputs change between equal calls.

A state starts anew with each load, and depends on what the model was called with; random numbers do
neither, or only seem to: PyTorch's generator starts with the same seed in each process.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ..outcome import Failure
from ..parity.comparing import largest_difference
from ..records.parity_events import RandomnessMeasured
from ..tensors.output_files import read_call
from ..tensors.outputs import Outputs
from ..worker import messages
from .run_context import RunContext
from .run_tolerances import sets_of, tolerances_by_precision, unrepeatable_outputs

_CALLS = 12
# The mean cosine of successive changes is -1/2 for independent draws. A count of the calls has a
# positive one, and a switch between two values -1.
_DRAWS = (-0.9, -0.15)


def random_changes(
    context: RunContext, label: str, device: str | None = None, *, is_suspect: bool = False
) -> dict[str, float | None]:
    """Find the outputs that hold random numbers, and by how much each changes between equal calls.

    Args:
        context: context of the run.
        label: label of the artifact.
        device: device to run on; None for the plan's.
        is_suspect: whether to look though a second call gave the same outputs.
    """
    unrepeatable = unrepeatable_outputs(context, label)
    if not is_suspect and not unrepeatable:
        return {}
    known = _known(context, label, device or context.plan.device)
    # Rows of sets are in another order each time; what they hold repeats.
    sets = {name for row_set in sets_of(context, known.changes) for name in row_set.names}
    repeats = sets - unrepeatable.keys()
    return {name: known.changes[name] for name in known.random if name not in repeats}


def _known(context: RunContext, label: str, device: str) -> RandomnessMeasured:
    """The record of an artifact and device, measured once a run."""
    for event in context.store.of_type(RandomnessMeasured):
        if (event.artifact, event.device) == (label, device):
            return event
    try:
        values = _measure(context, label, device)
    except Failure as failure:
        values = {"random": (), "changes": {}, "repeats": False, "failed": failure.reason}
    event = RandomnessMeasured.from_values(artifact=label, device=device, **values)
    context.store.add(event)
    return event


def _measure(context: RunContext, label: str, device: str) -> dict[str, object]:
    cosines, first, second = _call_again(context, label, device)
    _, first_again, second_again = _call_again(context, label, device)
    fresh = _changes(context, label, first, first_again)
    fresh |= _changes(context, label, second, second_again)
    changes = fresh | _changes(context, label, first, second)
    random = set(fresh)
    seeded = {
        name
        for name in changes.keys() - random
        if (cosine := cosines.get(name)) is not None and _DRAWS[0] <= cosine <= _DRAWS[1]
    }
    if seeded:
        _, _, after_others = _call_again(context, label, device, others_first=True)
        random |= seeded - _changes(context, label, second, after_others).keys()
    return {
        "random": tuple(name for name in first if name in random),
        "changes": changes,
        "repeats": not fresh,
    }


def _changes(
    context: RunContext, label: str, outputs: Outputs, others: Outputs
) -> dict[str, float | None]:
    """The outputs that differ by more than rounding, and by how much."""
    limits = tolerances_by_precision(context, label, outputs)
    return {
        name: difference
        for name, array in outputs.items()
        if (difference := largest_difference(others.get(name), array)) is None
        or difference > limits[name].value
    }


def _call_again(
    context: RunContext, label: str, device: str, *, others_first: bool = False
) -> tuple[Mapping[str, float | None], Outputs, Outputs]:
    """Run in a fresh process; return the cosines, and the outputs of two calls."""
    batch = context.batch_of(label)
    folder = context.outputs.emptied_folder(label, "again")
    with context.ready_worker(label, "again", device=device) as worker:
        answer = worker.ask(
            messages.CallAgain(
                batch=batch,
                calls=2 if others_first else _CALLS,
                outputs=str(folder.resolve()),
                others_first=others_first,
            )
        )
    return answer["cosines"], *_without_ignored(context, folder)


def _without_ignored(context: RunContext, folder: Path) -> tuple[Outputs, Outputs]:
    first, second = (
        {n: a for n, a in read_call(folder / name).items() if n not in context.plan.ignored}
        for name in ("first", "second")
    )
    return first, second
