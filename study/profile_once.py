"""One artifact under its runtime's profiler: `python -m study.profile_once JOB.json`.

Prints one line of JSON: seconds of a call without the profiler, and of each kind of operator with
it, as `exportbench profile` attributes them. The profilers write into the job's `folder`.
"""

from __future__ import annotations

import importlib
import json
import os
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from infer.profiling.attribution import attribute
from train.card import use_card
from train.quiet import quiet_stderr

_WARM_UP, _CALLS = 10, 20

# PyTorch's profiler does not see the convolutions of a graph that is optimized for inference.
_SETTINGS = {"torchscript": {"graph": "frozen"}}

Inputs = dict[str, np.ndarray]
Times = dict[str, float]


def main(job: dict[str, Any]) -> None:
    """Profile and print."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    use_card()
    with np.load(job["images"], allow_pickle=False) as arrays:
        image = arrays["image"][: job["batch"]].astype(np.float32) / np.float32(255)
    with quiet_stderr():
        from infer.runtimes.base import Options
        from infer.runtimes.registry import RUNTIMES

        runtime = importlib.import_module(f"infer.runtimes.{RUNTIMES[job['format']].module}")
        settings = _SETTINGS.get(job["format"], {})
        options = Options(threads=job["threads"], settings=settings, scratch=Path(job["folder"]))
        model = runtime.load(Path(job["artifact"]), options)
        inputs = {model.signature.inputs[0].name: image}
        call_s = _undisturbed(lambda: model.run(inputs))
        profiled = runtime.load(Path(job["artifact"]), replace(options, profiled=True))
        operators = _operators(profiled, inputs, Path(job["folder"]))
    print(json.dumps({"call_s": call_s, "operators": operators}))


def _undisturbed(call: Callable[[], object]) -> float:
    for _ in range(_WARM_UP):
        call()
    seconds = []
    for _ in range(_CALLS):
        begun = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - begun)
    return statistics.median(seconds)


def _operators(model: Any, inputs: Inputs, folder: Path) -> Times:
    """Seconds a call by kind of operator, the longest first."""
    profiler = model.profiler(folder)
    for _ in range(_WARM_UP):
        model.run(inputs)
    profiler.start()
    for _ in range(_CALLS):
        profiler.call(lambda: model.run(inputs))
    sums: defaultdict[str, float] = defaultdict(float)
    for operator in attribute(profiler.stop()).operators:
        sums[operator.kind] += operator.seconds
    return dict(sorted(sums.items(), key=lambda item: -item[1]))


if __name__ == "__main__":
    main(json.loads(Path(sys.argv[1]).read_text()))
