"""Take over the outputs that a worker wrote: read as a stranger's, checked, and written anew.

A worker, and what it started, may alter what lies in its folder at any time. What is compared lies
elsewhere, where no worker writes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..outcome import Failure, Outcome
from ..system.folder_removal import remove_folder
from ..tensors.dtypes import ANY, is_text
from ..tensors.output_files import take_over
from ..tensors.output_index import MOST_INDEX_BYTES
from ..tensors.outputs import CallSamples
from ..tensors.row_files import OutputError
from . import messages
from .answer_checks import Known
from .messages import Request

# By how much outputs may be larger than the signature says: it may be wrong of a runtime's part.
_MORE, _MOST_ADDED_BYTES = 64, 64 << 20
_MORE_ROWS = 16  # by so much again, if it may be a list of the rows of all samples
_LARGEST_ITEM = 16  # bytes of complex128
_UNKNOWN_BYTES = 4 << 30  # of outputs whose size the signature does not tell
# Bytes of an index: of a call, and of each output in it.
_INDEX_BYTES, _CALL_BYTES, _OUTPUT_BYTES = 4 << 20, 256, 256


def with_outputs(request: Request[Any], folder: Path) -> Any:
    """The same request, with another folder for the outputs."""
    return replace(request, outputs=str(folder))  # type: ignore[type-var]


def collect(
    folder: Path, destination: Path, request: Request[Any], response: Any, known: Known
) -> None:
    """Take over the outputs of a request.

    Args:
        folder: where the worker wrote them.
        destination: folder where they are written to; it is made if it is missing.
        request: the request.
        response: the worker's response, which was checked.
        known: what the worker has said before.

    Raises:
        Failure: they are not what was asked for.
        OSError: they cannot be written.
    """
    is_new = not destination.exists()
    try:
        for part in ("first", "second") if isinstance(request, messages.CallAgain) else ("",):
            (destination / part).mkdir(parents=True, exist_ok=True)
            take_over(
                folder / part,
                destination / part,
                lambda calls: _check_samples(calls, request, response, known),
                most_bytes=_most_bytes(request, known),
                most_index_bytes=_most_index_bytes(known),
            )
    except OutputError as error:
        if is_new:
            remove_folder(destination)
        raise Failure(
            Outcome.CRASH, f"its outputs cannot be read ({error})", cause="outputs"
        ) from None
    except OSError as error:
        raise OSError(
            error.errno, f"outputs cannot be written ({error.strerror})", str(destination)
        ) from None


def _check_samples(
    calls: tuple[CallSamples, ...] | None, request: Request[Any], response: Any, known: Known
) -> None:
    """Check that the calls had the samples that were asked for; None where nothing has outputs.

    Raises:
        OutputError: they had others.
    """
    if calls is None:
        return
    if isinstance(request, messages.Predict):
        rows: list[int] = [row for call in calls for row in call.rows[: call.samples]]
        asked = (
            [row for part in request.rows for row in part]
            if request.rows
            else list(range(response["samples"]))
        )
        largest = max((row for call in calls for row in call.rows), default=0)
        if rows != asked or largest >= max(known.samples, 1):
            raise OutputError("they are not of the samples that were asked for")
        return
    wanted = tuple(response["rows"]) if isinstance(request, messages.Burst) else ()
    if [call.rows for call in calls] != [wanted]:
        raise OutputError("they are not of the call that was asked for")


def most_folder_bytes(request: Request[Any], known: Known) -> int:
    """The bytes that a worker may write for a request before the disk is its fault."""
    values = _values(request, known)
    outputs = _UNKNOWN_BYTES if values is None else 2 * _LARGEST_ITEM * values
    return outputs + _MOST_ADDED_BYTES


def _most_bytes(request: Request[Any], known: Known) -> int | None:
    """The most bytes that all outputs may have by the signature; None if it does not tell."""
    values = _values(request, known)
    if values is None:
        return None
    # A first axis that is free counts samples, or rows of which a sample may have hundreds.
    more = _MORE * (_MORE_ROWS if any(map(_may_be_list, known.outputs)) else 1)
    return more * _LARGEST_ITEM * values + _MOST_ADDED_BYTES


def _values(request: Request[Any], known: Known) -> int | None:
    """The number of values of all outputs by the signature; None if it does not tell."""
    if isinstance(request, messages.Call) or not known.outputs:
        return None
    rows = getattr(request, "batch", 1)
    if isinstance(request, messages.Predict):
        rows = sum(map(len, request.rows)) if request.rows else known.samples
        rows += (known.fixed or 0) * max(len(request.rows or ()), 1)
    sizes = [_values_of_a_sample(spec) for spec in known.outputs]
    known_sizes = [size for size in sizes if size is not None]
    return sum(known_sizes) * max(rows, 1) if len(known_sizes) == len(sizes) else None


def _values_of_a_sample(spec: Mapping[str, Any]) -> int | None:
    """The most values of an output of a sample; None if the signature does not tell."""
    shape = spec["shape"] or ()
    free = [axis for axis, size in enumerate(shape) if not isinstance(size, int) or size < 0]
    if not shape or spec["dtype"] == ANY or is_text(spec["dtype"]):
        return None
    if free not in ([], [0]):  # such as the boxes of an image, which the first axis counts
        return None
    return math.prod(size for size in spec["shape"] if isinstance(size, int) and size > 0)


def _may_be_list(spec: Mapping[str, Any]) -> bool:
    """Whether an output may be one list of the rows of all samples of a call."""
    shape: Sequence[Any] = spec["shape"] or ()
    return len(shape) == 2 and (not isinstance(shape[0], int) or shape[0] < 0)


def _most_index_bytes(known: Known) -> int:
    calls = _CALL_BYTES + _OUTPUT_BYTES * max(len(known.outputs), 1)
    return min(_INDEX_BYTES + known.samples * calls, MOST_INDEX_BYTES)
