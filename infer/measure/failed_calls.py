"""Find out why calls of an artifact fail, by calls with other inputs in a process of their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..escaping import shell_word
from ..inputs.index_ranges import index_ranges
from ..outcome import Failure, Outcome
from ..records.artifact_events import BatchLimitsFound
from ..worker import messages
from .run_context import RunContext

# Seconds that a search may take: an artifact that fails with any inputs is not tried for long.
_PATIENCE_S = 30.0


class CallFailure(Exception):  # noqa: N818 - it is handled before anybody sees it
    """A call of an artifact failed, after it was loaded and its inputs were fitted.

    Attributes:
        failure: how it failed.
    """

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.reason)
        self.failure = failure


def find_cause(context: RunContext, label: str, failure: Failure) -> None:
    """Find out why a call failed; return if another number of samples a call mends it.

    That number is recorded, and taken by all later processes.

    Raises:
        Failure: the given one, or one that says what to do.
    """
    if failure.outcome != Outcome.CRASH or label in context.store.latest(BatchLimitsFound):
        raise failure
    patience_s = min(context.plan.timeout_s / 2, _PATIENCE_S)
    batch = context.protocol.batch
    try:
        with context.ready_worker(label, "cause") as worker:
            answer = worker.ask(messages.FindBatch(batch=batch, patience_s=patience_s))
            ranges: dict[str, list[int]] = {}
            if not answer["limits"]:
                request = messages.FindRanges(batch=batch, patience_s=patience_s)
                ranges = worker.ask(request)["ranges"]
    except Failure:  # how it fails here does not say more than the first failure
        _check_indices(context, label, {}, failure)
        raise failure from None
    _check_indices(context, label, ranges, failure)
    if not answer["limits"]:
        raise failure
    context.store.add(
        BatchLimitsFound.from_values(
            artifact=label,
            limits=answer["limits"],
            failed=answer["failed"],
            reason=answer["reason"],
        )
    )


def _check_indices(
    context: RunContext, label: str, ranges: Mapping[str, Sequence[int]], failure: Failure
) -> None:
    """Name the inputs with whole numbers that the artifact does not take.

    Args:
        context: the run.
        label: label of the artifact.
        ranges: smallest and largest whole number that a call takes, by input, as found by trying.
        failure: how calls failed.

    Raises:
        Failure: there are some.
    """
    values = [f"{name}={low}:{high}" for name, (low, high) in ranges.items()]
    if not values and failure.index_limit is not None:
        values = index_ranges(context.inputs[label], failure.index_limit)
    if not values:
        return
    cause = f"the runtime said: {failure.reason}"
    if context.plan.random is None:
        is_told = bool(ranges or failure.index_limit)
        takes = f", which takes {', '.join(values)}" if is_told else ""
        raise Failure(
            Outcome.BAD_INPUT,
            f"whole numbers of the inputs are out of the range of a table{takes}; {cause}",
        )
    raise Failure(
        Outcome.BAD_INPUT,
        f"made-up whole numbers are out of the range of a table; give the ranges that its tables "
        f"have, as --range {' '.join(map(shell_word, values))}; {cause}",
    )


def batch_note(context: RunContext, label: str) -> list[str]:
    """The note that a number of samples a call was found by trying; none if it was not."""
    recorded = context.store.latest(BatchLimitsFound).get(label)
    if not recorded:
        return []
    samples = "1 sample" if recorded.failed == 1 else f"{recorded.failed} samples"
    return [
        f"a call with {samples} failed ({recorded.reason}); what it takes was found by trying, "
        f"{recorded.limits.nearest(recorded.failed)} is the nearest"
    ]
