"""Calls of a model under its runtime's own profiler, in the worker."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from ..profiling.attribution import attribute
from ..runtimes.base import Model
from ..sandbox.isolation import HOME
from .error_text import shorten
from .messages import Profile
from .prepared_model import PreparedModel
from .responses import ProfileResponse

# Calls before those that are profiled, and the seconds after which there are no more of them.
_WARM_UP_CALLS = 10
_WARM_UP_S = 2.0


def profile(model: Model, prepared: PreparedModel, request: Profile) -> ProfileResponse:
    """Call under the profiler of the runtime.

    Args:
        model: the runtime's own model.
        prepared: the same model with its inputs, adapted if necessary.
        request: how many calls, of how many samples.
    """
    inputs = prepared.batches(request.batch).full(0)
    scratch = Path.cwd() / HOME
    scratch.mkdir(exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="profile-", dir=scratch))
    try:
        profiler = model.profiler(folder)
    except NotImplementedError as error:
        return {
            "profiler": None,
            "problem": shorten(" ".join(str(error).split())),
            "call_s": 0.0,
            "calls_s": [],
            "shapes": {},
            "operators": [],
            "trace": [],
            "left_out": 0,
            "notes": [],
            "names_all": True,
        }
    begin = time.perf_counter()
    for _ in range(_WARM_UP_CALLS):
        prepared.model.run(inputs)
        if time.perf_counter() - begin > _WARM_UP_S:
            break
    profiler.start()
    for _ in range(request.calls):
        profiler.call(lambda: prepared.model.run(inputs))
    calls = profiler.stop()
    times = attribute(calls)
    return {
        "profiler": profiler.name,
        "problem": "",
        "call_s": times.call_s,
        "calls_s": [call.seconds for call in calls],
        "shapes": {name: [*array.shape] for name, array in inputs.items()},
        "operators": [
            {
                "name": operator.name,
                "kind": operator.kind,
                "seconds": operator.seconds,
                "output": list(operator.output) if operator.output is not None else None,
                "weights": list(operator.weights) if operator.weights is not None else None,
            }
            for operator in times.operators
        ],
        "trace": [
            {
                "operator": event.operator,
                "thread": event.thread,
                "start_s": event.start_s,
                "seconds": event.seconds,
            }
            for event in times.trace
        ],
        "left_out": times.left_out,
        "notes": [*profiler.notes],
        "names_all": profiler.names_all,
    }
