"""The outputs of an artifact beside those of its reference, from the same calls if need be."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from ..errors import InputError, MapError
from ..inputs.loading import array_names
from ..outcome import Failure, Outcome
from ..parity.alignment import Aligned, OtherCallsError, align
from ..tensors.outputs import CallSamples, SavedOutputs, has_outputs
from ..tensors.rules import rules_for
from ..worker import messages
from .run_context import RunContext


def aligned_outputs(
    context: RunContext, label: str, source: str, run: str = "", device: str | None = None
) -> tuple[Aligned, list[str]]:
    """Align the outputs of an artifact with those of its reference, and note how.

    Outputs whose samples cannot be told apart are compared call by call. If the calls differ,
    since an artifact takes a certain number of samples only, the other is run once more with the
    same calls. So is one that keeps its state inside beside one that is looped a step at a time.

    Args:
        context: context of the run.
        label: label of the artifact.
        source: label of the artifact whose outputs are the reference.
        run: folder of the reference's outputs, if they are not those of preflight.
        device: device that gave the reference's outputs, if it is not the plan's.

    Raises:
        Failure: the outputs cannot be compared.
    """
    compared, reference = context.outputs.compared(label), context.outputs.compared(source, run)
    inputs = [spec.name for spec in context.preflight(label).inputs.inputs]
    try:
        _, rules = rules_for(
            context.plan.input_options.rules,
            label,
            inputs,
            list(compared),
            array_names(context.inputs[label]),
            reference,
        )
    except (InputError, MapError) as error:
        raise Failure(Outcome.BAD_INPUT, str(error)) from None
    notes: list[str] = []
    if again := _keeps_steps_inside(context, label, source):
        calls = next(iter((reference if again == label else compared).values())).calls
        try:
            outputs = _with_calls(context, again, calls, device if again == source else None)
        except Failure:
            pass  # it takes no single steps: its own calls are compared
        else:
            compared, reference = (outputs, reference) if again == label else (compared, outputs)
            notes.append(
                f"{again} was called once more, with the calls of "
                f"{source if again == label else label}: a step at a time"
            )
    try:
        aligned = align(compared, reference, rules, label, source)
        if again != label:
            context.outputs.take_axes(label, aligned.taken_axes)
    except OtherCallsError as other:
        # The one that takes any number of samples is asked first.
        free_first = context.preflight(source).inputs.fixed is None
        for is_source in (free_first, not free_first):
            again, calls_of = (source, label) if is_source else (label, source)
            calls = next(iter((compared if is_source else reference).values())).calls
            try:
                outputs = _with_calls(context, again, calls, device if is_source else None)
                pair = (compared, outputs) if is_source else (outputs, reference)
                aligned = align(*pair, rules, label, source)
            except (Failure, OtherCallsError) as error:
                if isinstance(error, Failure) and error.outcome == Outcome.PARITY_FAIL:
                    raise
                continue
            notes.append(f"{again} was called once more, with the calls of {calls_of}")
            break
        else:
            raise Failure(
                Outcome.UNSUPPORTED,
                f"'{other.name}' cannot be compared with '{other.other}' of {source}: neither has "
                "a known axis of samples, and no number of samples a call suits both; if a column "
                f"of it has the number of the sample, say --rows {other.other}:COLUMN; else leave "
                f"it out with --ignore {other.other}",
            ) from None
    notes += [
        f"{match.name}: compared with '{match.other}' ({match.note})"
        for match in aligned.matches
        if match.note
    ]
    notes += aligned.notes
    if whole := [name for name in aligned.calls if name not in aligned.rows]:
        names = ", ".join(f"'{name}'" for name in whole)
        notes.append(f"no axis of {names} is known to count samples: compared call by call")
    return aligned, notes


def _keeps_steps_inside(context: RunContext, label: str, source: str) -> str | None:
    """Which of two artifacts keeps its state inside and had several steps of the other's a call."""
    for looped, other in ((label, source), (source, label)):
        preflight = context.preflight(other)
        if (
            context.preflight(looped).inputs.has_state_bindings
            and not preflight.inputs.has_state_bindings
            and preflight.repeat.changed_samples
            and context.batch_of(other) > context.batch_of(looped)
        ):
            return other
    return None


def _with_calls(
    context: RunContext, label: str, calls: Sequence[CallSamples], device: str | None
) -> SavedOutputs:
    """Run an artifact with the calls of another, once a run; return its outputs."""
    rows = [list(call.rows) for call in calls]
    run = f"calls-{hashlib.sha256(repr((rows, device)).encode()).hexdigest()[:8]}"
    folder = context.outputs.folder(label) / run
    if not has_outputs(folder):
        folder.mkdir(parents=True, exist_ok=True)
        with context.ready_worker(label, run, device=device) as worker:
            request = messages.Predict(
                batch=max(map(len, rows)), outputs=str(folder.resolve()), rows=rows
            )
            worker.ask(request)
    outputs = context.outputs.compared(label, run)
    # Samples that fill up the other's calls do not count here either.
    return {name: output.with_calls(calls) for name, output in outputs.items()}
