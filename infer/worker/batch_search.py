"""Find the numbers of samples that a call may have, after a call has failed.

Many files leave the batch free in their signature and have it in the graph all the same: the batch
of the example is baked into a reshape, or rows are taken in groups. What a call takes is found by
calls with other numbers.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Sequence

from ..runtimes.base import Arrays, Model
from ..tensors.size_limits import ANY_SIZE, SizeLimits
from .error_text import one_line
from .messages import FindBatch
from .model_adapters import LimitedBatchModel
from .prepared_model import PreparedModel
from .responses import FindBatchResponse

# Numbers of samples that are tried in any case: the examples of exports are mostly small.
_TRIED = 256
_LARGEST = 1024


class _TimeUpError(Exception):
    """The search took too long."""


def find_batch(prepared: PreparedModel, request: FindBatch) -> FindBatchResponse:
    """Find which numbers of samples a call may have.

    It is called in a process of its own, since calls may change a state.
    """
    limited = prepared.model if isinstance(prepared.model, LimitedBatchModel) else None
    model = limited.model if limited else prepared.model
    stated = limited.limits if limited else ANY_SIZE
    has_samples = prepared.arrays.keys() - prepared.broadcast
    if not has_samples or stated.only or prepared.state_bindings:
        return {"limits": None, "failed": None, "reason": ""}
    batches = prepared.batches(request.batch)
    used = sorted({batches.samples(0), batches.samples(len(batches) - 1), 1}, reverse=True)
    used = list(dict.fromkeys(stated.size_for(size) for size in used))
    search = _Search(
        model,
        lambda size, pool: prepared.batches(size, pool).full(0),
        stated,
        time.monotonic() + request.patience_s,
    )
    try:
        failed = next((size for size in used if not search.works(size)), None)
        limits = None if failed is None else _limits(search, failed, used, batches.total)
    except _TimeUpError:
        failed, limits = None, None
    if failed is None or limits is None:
        return {"limits": None, "failed": failed, "reason": ""}
    return {
        "limits": {"multiple": limits.multiple, "least": limits.least, "most": limits.most},
        "failed": failed,
        "reason": search.reasons[failed],
    }


class _Search:
    """Calls with other numbers of samples, each number once.

    Args:
        model: model to call.
        inputs_of: makes the inputs of a call from its number of samples, of the first samples.
        stated: limits that the file states.
        deadline: when it ends, by the monotonic clock.
    """

    def __init__(
        self,
        model: Model,
        inputs_of: Callable[[int, int | None], Arrays],
        stated: SizeLimits,
        deadline: float,
    ) -> None:
        self._model = model
        self._inputs_of = inputs_of
        self._stated = stated
        self._deadline = deadline
        # Why calls failed, by their number of samples; "" for those that did not.
        self.reasons: dict[int, str] = {}

    def works(self, size: int) -> bool:
        """Whether a call with so many samples succeeds.

        Raises:
            _TimeUpError: the time for the search is over.
        """
        if not self._stated.allows(size):
            return False
        if size not in self.reasons:
            self.reasons[size] = self._call(size, None)
        return not self.reasons[size]

    def works_with_few(self, size: int, pool: int) -> bool:
        """Whether a call with so many samples succeeds that repeats the first few."""
        return not self._call(size, pool)

    def _call(self, size: int, pool: int | None) -> str:
        if time.monotonic() > self._deadline:
            raise _TimeUpError
        try:
            self._model.run(self._inputs_of(size, pool))
        except Exception as error:  # whatever a runtime raises
            return one_line(error)
        return ""


def _limits(search: _Search, failed: int, used: Sequence[int], samples: int) -> SizeLimits | None:
    """The limits that explain which calls succeed; None if the number of samples is no cause."""
    working = next(filter(search.works, _candidates(used[0], failed, search.reasons[failed])), None)
    if working is None or search.works_with_few(failed, min(working, samples)):
        return None
    multiple = _multiple(search, working)
    if multiple is None:
        return SizeLimits.fixed(working)
    least = _edge(search, multiple, working, multiple) or working
    above = -(-max(failed, *used) // multiple) * multiple
    most = (
        None if above <= working or search.works(above) else _edge(search, multiple, working, above)
    )
    limits = SizeLimits(multiple, max(1, least), most)
    if all(search.works(limits.size_for(size)) for size in used):
        return limits
    return SizeLimits.fixed(working)


def _candidates(batch: int, failed: int, reason: str) -> Iterator[int]:
    """Numbers of samples to try: the run's, those that the error names, then the nearest."""
    yield batch
    named = (int(text) for text in re.findall(r"(?<![\w.])\d{1,4}(?![\w.])", reason))
    near = range(1, max(2 * failed, _TRIED) + 1)
    powers = (1 << power for power in range(_LARGEST.bit_length()))
    yield from sorted({n for n in named if 1 < n <= _LARGEST}, key=lambda n: abs(n - failed))
    yield from sorted({*near, *powers}, key=lambda n: (abs(n - failed), n))


def _multiple(search: _Search, working: int) -> int | None:
    """The number whose multiples succeed; None if only `working` itself does."""
    if search.works(working + 1) or (working > 1 and search.works(working - 1)):
        return 1
    for part in range(1, working // 2 + 1):
        if working % part == 0 and all(map(search.works, (part, 2 * part, working - part))):
            return part
    return working if search.works(2 * working) else None


def _edge(search: _Search, multiple: int, working: int, beyond: int) -> int:
    """The last multiple that succeeds on the way from one that does to `beyond`."""
    if search.works(beyond):
        return beyond
    inside, outside = working // multiple, beyond // multiple
    while abs(outside - inside) > 1:
        middle = (inside + outside) // 2
        if search.works(middle * multiple):
            inside = middle
        else:
            outside = middle
    return inside * multiple
