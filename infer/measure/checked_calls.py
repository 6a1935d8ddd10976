"""Which timed calls are checked, so that their samples alone need to be kept of preflight.

The last call of an artifact's last burst is compared with preflight in every generation. It is one
of a few, whatever the number of samples, and never the first batch if there is another: warm-ups
call with that one, and an output that is only left over from them must not pass.
"""

from __future__ import annotations

from collections.abc import Collection

from ..records.process_events import PreflightDone
from ..workload import Workload
from .run_context import RunContext


def checked_batch(samples: int, batch: int, generation: int) -> int:
    """The number of the full batch that the last timed call of a generation has.

    Args:
        samples: number of samples.
        batch: samples of a call.
        generation: number of the generation.
    """
    batches = _checked_batches(samples, batch)
    return batches[generation % len(batches)]


def checked_samples(samples: int, batches: Collection[int], *, whole_passes: bool) -> set[int]:
    """The samples of all calls that may be the last.

    Args:
        samples: number of samples.
        batches: samples of a call, of all kinds of calls.
        whole_passes: whether bursts may pass over all samples, and end with the last of them.
    """
    checked: set[int] = set()
    for batch in batches:
        for number in _checked_batches(samples, batch):
            checked.update(range(number * batch, min((number + 1) * batch, samples)))
        if whole_passes:
            checked.update(range((samples - 1) // batch * batch, samples))
    return checked


def batches_of_calls(context: RunContext, label: str) -> set[int]:
    """The numbers of samples that a timed call of an artifact may have, whatever it is beside."""
    preflights = context.store.latest(PreflightDone)
    own = preflights[label]
    if own.inputs.only_batch:
        return {own.inputs.only_batch}
    planned = {workload.batch for workload in context.protocol.workloads} | {context.protocol.batch}
    limits = {p.most_samples for p in preflights.values() if p.most_samples is not None}
    limited = {
        max(min(batch, most), least)
        for batch in planned
        for most in limits
        for least in (1, own.inputs.fixed or 1)
    }
    return planned | limited | set(own.sweep.samples_per_s if own.sweep else ())


def first_of_burst(samples: int, workload: Workload, calls: int, generation: int) -> int:
    """The number of the batch that a burst begins with which ends with a checked call."""
    full = max(samples // workload.batch, 1)
    return (checked_batch(samples, workload.batch, generation) - calls + 1) % full


def _checked_batches(samples: int, batch: int) -> tuple[int, ...]:
    full = max(samples // batch, 1)
    return tuple(dict.fromkeys(min(part * (full + 1) // 3, full - 1) for part in (1, 2)))
