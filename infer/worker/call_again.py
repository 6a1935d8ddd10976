"""Calls on the same inputs again and again, for a randomness that a state does not explain."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..runtimes.base import Arrays
from ..tensors.call_writer import write_arrays
from ..tensors.differences import finite
from ..tensors.dtypes import kind_of, widened
from .message_codec import StorageError
from .messages import CallAgain
from .prepared_model import PreparedModel, copied
from .responses import CallAgainResponse


def call_again(prepared: PreparedModel, request: CallAgain) -> CallAgainResponse:
    """Call on the first batch, and keep the outputs of the first two calls.

    Raises:
        StorageError: the outputs cannot be written.
    """
    inputs = prepared.batches(request.batch)[0]
    before = other_inputs(prepared, request.batch) if request.others_first else inputs
    calls = [copied(prepared.model.run(before)), copied(prepared.model.run(inputs))]
    try:
        for folder, outputs in zip(("first", "second"), calls, strict=True):
            where = Path(request.outputs) / folder
            where.mkdir(parents=True, exist_ok=True)
            write_arrays(where, outputs)
    except OSError as error:
        raise StorageError(f"{request.outputs}: outputs cannot be written ({error})") from None
    cosines: dict[str, list[float]] = {name: [] for name in calls[0]}
    for _ in range(2, request.calls):
        calls = [*calls[-2:], copied(prepared.model.run(inputs))]
        for name, values in cosines.items():
            cosine = cosine_of_changes([outputs[name] for outputs in calls])
            values += [] if cosine is None else [cosine]
    return {
        "cosines": {
            name: float(np.mean(values)) if values else None for name, values in cosines.items()
        }
    }


def cosine_of_changes(arrays: Sequence[np.ndarray]) -> float | None:
    """The cosine between the changes from one call to the next, of three successive calls.

    Independent draws have -1/2: the draw in the middle counts up in the first change, and down in
    the second. None where an array holds no numbers, did not change twice, or changed by more than
    a number can say.
    """
    if any(kind_of(array.dtype) in ("text", "other") for array in arrays):
        return None
    if len({array.shape for array in arrays}) > 1:
        return None
    usable = np.logical_and.reduce([finite(array) for array in arrays])
    first, second, third = (
        np.asarray(widened(array)[usable], complex).view(float) for array in arrays
    )
    changes = second - first, third - second
    length = float(np.linalg.norm(changes[0]) * np.linalg.norm(changes[1]))
    cosine = float(np.dot(*changes)) / length if length else math.nan
    return cosine if math.isfinite(cosine) else None


def other_inputs(prepared: PreparedModel, batch: int) -> Arrays:
    """Inputs of the same shapes with other values: the next batch, or the values in other places.

    Values that stand in the inputs are all within what the model takes.
    """
    batches = prepared.batches(batch)
    first = batches[0]
    if len(batches) > 1 and batches.samples(1) == batches.samples(0):
        return batches[1]
    return {
        name: np.roll(array.reshape(-1), 1).reshape(array.shape) for name, array in first.items()
    }
