"""Calls whose outputs are kept: a single call, the first call, and a pass over all samples."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..outcome import Failure, Outcome
from ..runtimes.base import Arrays, Model
from ..tensors.outputs import UnevenError, write_arrays, write_outputs
from ..tensors.text import as_text, unpack_all
from .message_codec import StorageError
from .messages import Call, FirstCall, Predict
from .model_adapters import next_state
from .prepared_model import PreparedModel, copied, passed_calls
from .responses import CallResponse, FirstCallResponse, Placement


def call_once(model: Model, request: Call) -> CallResponse:
    """Call once with the arrays of an `.npz` file, unchanged, and keep the outputs.

    Raises:
        Failure: the file has other arrays than the model takes.
        StorageError: the outputs cannot be written.
    """
    with np.load(request.path, allow_pickle=False) as file:
        stored = unpack_all({name: file[name] for name in file.files})
    inputs = {name: as_text(a) if a.dtype.kind in "US" else a for name, a in stored.items()}
    given = {re.sub(r"\[\d+\]$", "", name) for name in inputs}  # parts of a sequence
    model.take(given)
    wanted = [spec.name for spec in model.signature.inputs]
    missing = set(wanted) - given - set(model.optional)
    if missing or given - set(wanted):
        raise Failure(Outcome.BAD_INPUT, f"takes {', '.join(wanted)}; given {', '.join(inputs)}")
    outputs = {name: np.asarray(array) for name, array in model.run(inputs).items()}
    try:
        write_arrays(Path(request.outputs), outputs)
    except OSError as error:
        raise StorageError(f"{request.outputs}: outputs cannot be written ({error})") from None
    return {"placement": placement_of(model)}


def first_call(prepared: PreparedModel, request: FirstCall) -> FirstCallResponse:
    """Time the first call, and keep its outputs."""
    seconds, outputs = prepared.timed(prepared.batches(request.batch)[0])
    if prepared.first_outputs is None:
        prepared.first_batch, prepared.first_outputs = request.batch, copied(outputs)
    return {"seconds": seconds, "placement": placement_of(prepared.model)}


def predict(prepared: PreparedModel, request: Predict) -> tuple[float, int]:
    """Predict all samples once and keep the outputs.

    Returns:
        Seconds, and the number of samples.

    Raises:
        Failure: the outputs of the calls cannot be put together.
        StorageError: the outputs cannot be written.
    """
    batches = prepared.batches(request.batch, request.samples, request.skip)
    outputs: list[Arrays] = []
    called: list[Arrays] = []
    begin = time.perf_counter_ns()
    for index, inputs in enumerate(batches):
        if index == 0 and not request.skip and prepared.first_batch == request.batch:
            assert prepared.first_outputs is not None
            # A second call would start from a changed state.
            outputs.append(prepared.first_outputs)
            called.append(inputs)
            continue
        if prepared.state_bindings and outputs:
            inputs = next_state(outputs[-1], prepared.state_bindings, inputs)
        called.append(inputs)
        outputs.append(copied(prepared.model.run(inputs)))
    seconds = (time.perf_counter_ns() - begin) / 1e9
    counts = [batches.samples(index) for index in range(len(batches))]
    prepared.passed = passed_calls(called, outputs, counts)
    save_outputs(Path(request.outputs), outputs, counts)
    return seconds, batches.total


def save_outputs(folder: Path, calls: Sequence[Arrays], counts: Sequence[int]) -> None:
    """Write the outputs of calls to a folder.

    Args:
        folder: folder for the files.
        calls: outputs of each call.
        counts: number of samples of each call.

    Raises:
        Failure: the outputs of the calls cannot be put together.
        StorageError: they cannot be written.
    """
    try:
        write_outputs(folder, calls, counts)
    except OSError as error:
        raise StorageError(f"{folder}: outputs cannot be written ({error})") from None
    except UnevenError as error:
        raise Failure(Outcome.UNSUPPORTED, str(error)) from None


def placement_of(model: Model) -> Placement:
    """The placement that a model reports; it is checked when it is sent."""
    placement: Placement = model.placement()  # type: ignore[assignment]
    return placement
