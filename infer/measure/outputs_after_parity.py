"""What becomes of the outputs once they are judged: few calls stay, for the timed ones."""

from __future__ import annotations

import contextlib

from ..outcome import Failure
from ..records.output_form import OutputForm
from ..records.paths import file_name
from ..tensors.outputs import CallSamples
from ..worker import messages
from .checked_calls import batches_of_calls, checked_samples
from .output_axes import write_sample_axes
from .output_saving import save_outputs
from .run_context import RunContext

# In the folder of a run.
SAVED = "outputs"


def release_outputs(context: RunContext) -> None:
    """Save the outputs where the user asks for it, and remove what is not needed any more.

    What timed calls are compared with stays until the run ends.
    """
    for label in context.artifacts:
        if not context.outputs.are_whole(label):
            continue
        with context.outcome_of(label):
            if context.plan.save_outputs:
                _save(context, label, context.plan.save_outputs)
            if label in context.active():
                context.outputs.keep_checked(label, _checked_samples(context, label))
            else:
                context.outputs.remove(label)


def _save(context: RunContext, label: str, form: OutputForm) -> None:
    outputs = context.outputs.saved(label)
    with contextlib.suppress(Failure):  # lists stay lists where their column tells no samples
        outputs = context.outputs.by_sample_columns(label, outputs)
    save_outputs(context.store.folder / SAVED / file_name(label), label, outputs, form)


def ensure_checked(context: RunContext) -> None:
    """Call artifacts once more whose outputs went when the run had ended, which now goes on."""
    for label in context.active():
        if not context.has_preflight(label) or context.outputs.has_checked(label):
            continue
        if context.preflight(label).inputs.has_state_bindings:  # its timed calls are not compared
            continue
        with context.outcome_of(label):
            _call_again(context, label)


def _call_again(context: RunContext, label: str) -> None:
    preflight, batch = context.preflight(label), context.batch_of(label)
    samples, checked = preflight.predict.samples, _checked_samples(context, label)
    calls = [
        CallSamples.from_range(first, min(batch, samples - first))
        for first in range(0, samples, batch)
    ]
    rows = [list(call.rows) for call in calls if not checked.isdisjoint(call.rows)]
    folder = context.outputs.emptied_folder(label, context.outputs.CHECKED)
    with context.ready_worker(label, context.outputs.CHECKED) as worker:
        worker.ask(messages.Predict(batch=batch, outputs=str(folder.resolve()), rows=rows))
    write_sample_axes(context, label, folder, preflight.load.signature, preflight.batch_probe)


def _checked_samples(context: RunContext, label: str) -> set[int]:
    protocol = context.protocol
    return checked_samples(
        context.preflight(label).predict.samples,
        batches_of_calls(context, label),
        whole_passes=protocol.whole_passes,
    )
