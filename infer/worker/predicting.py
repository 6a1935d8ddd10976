"""Calls whose outputs are kept: a single call, the first call, and a pass over all samples."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from ..outcome import Failure, Outcome
from ..runtimes.base import Arrays, Model
from ..tensors.call_writer import CallWriter, write_arrays
from ..tensors.text import as_text, unpack_all
from .message_codec import StorageError
from .messages import Call, FirstCall, Predict
from .model_adapters import next_state
from .pass_progress import told
from .passed_calls import KeptCalls, PassedCall
from .prepared_model import PreparedModel, copied
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
    with saving(Path(request.outputs)):
        write_arrays(Path(request.outputs), outputs)
    return {"placement": placement_of(model)}


def first_call(prepared: PreparedModel, request: FirstCall) -> FirstCallResponse:
    """Time the first call, and keep its outputs."""
    seconds, outputs = prepared.timed_calls(prepared.batches(request.batch)[0])
    if not prepared.first_outputs:
        prepared.first_batch = request.batch
        prepared.first_outputs = [copied(output) for output in outputs]
    return {"seconds": seconds, "placement": placement_of(prepared.model)}


def predict(prepared: PreparedModel, request: Predict) -> tuple[float, int]:
    """Predict all samples once and keep the outputs of every call.

    Returns:
        Seconds, and the number of samples.

    Raises:
        StorageError: the outputs cannot be written.
    """
    batches = prepared.batches(request.batch, request.samples, request.skip)
    # Made as they are needed: memory must not grow with the number of samples.
    rows_of_batches = request.rows or (
        range(index * request.batch, index * request.batch + batches.samples(index))
        for index in range(len(batches))
    )
    is_pass = not request.rows and not request.skip and request.samples is None
    kept = KeptCalls()
    last: Arrays = {}
    begin = time.perf_counter_ns()
    folder = Path(request.outputs)
    writer = CallWriter(folder)
    for index, rows in enumerate(told(rows_of_batches)):
        inputs = batches.of_rows(rows) if request.rows else batches[index]
        if index == 0 and is_pass and prepared.first_batch == request.batch:
            # A second call would start from a changed state.
            outputs = prepared.first_outputs
        else:
            if prepared.state_bindings and last:
                inputs = next_state(last, prepared.state_bindings, inputs)
            outputs = [copied(output) for output in prepared.timed_calls(inputs)[1]]
        states = {name: inputs[name] for name in prepared.state_bindings}
        for output, call in zip(outputs, prepared.calls(rows), strict=True):
            with saving(folder):
                writer.write(output, call)
            kept.add(PassedCall(states, output, call))
        last = outputs[-1]
    with saving(folder):
        writer.close()
    seconds = (time.perf_counter_ns() - begin) / 1e9
    if is_pass:
        prepared.passed = kept.calls
    return seconds, batches.total


@contextmanager
def saving(folder: Path) -> Iterator[None]:
    """Tell a full disk, while outputs are written to a folder, from a fault of the artifact.

    Raises:
        StorageError: they cannot be written.
    """
    try:
        yield
    except OSError as error:
        raise StorageError(f"{folder}: outputs cannot be written ({error})") from None


def placement_of(model: Model) -> Placement:
    """The placement that a model reports; it is checked when it is sent."""
    placement: Placement = model.placement()  # type: ignore[assignment]
    return placement
