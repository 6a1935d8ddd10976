"""One artifact under its runtime's profiler: `python -m study.profile_once JOB.json`.

Prints one line of JSON: seconds of a call without the profiler, and of each operator with it. An
operator's name is the profiler's, without numbers that tell its instances apart; its seconds are
those of its own, a call, on the thread that it ran on. The profilers write into the job's `folder`.
"""

from __future__ import annotations

import importlib
import json
import os
import re
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

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
        options = Options(threads=job["threads"], settings=_SETTINGS.get(job["format"], {}))
        model = runtime.load(Path(job["artifact"]), options)
        inputs = {model.signature.inputs[0].name: image}
        call_s = _undisturbed(lambda: model.run(inputs))
        operators = _PROFILERS[job["format"]](job, model, inputs)
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


def _sums(events: Iterable[tuple[str, float]]) -> Times:
    """Seconds a call by name, the longest first."""
    sums: defaultdict[str, float] = defaultdict(float)
    for name, seconds in events:
        sums[re.sub(r"(\.\d+)+(\.clone)?$", "", name)] += seconds / _CALLS
    return dict(sorted(sums.items(), key=lambda item: -item[1]))


def _onnx(job: dict[str, Any], model: Any, inputs: Inputs) -> Times:
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = job["threads"]
    options.inter_op_num_threads = 1
    options.enable_profiling = True
    options.profile_file_prefix = str(Path(job["folder"]) / "onnx")
    session = ort.InferenceSession(job["artifact"], options, providers=["CPUExecutionProvider"])
    for _ in range(_WARM_UP + _CALLS):
        session.run(None, inputs)
    events = json.loads(Path(session.end_profiling()).read_text())
    nodes = [e for e in events if e.get("cat") == "Node" and e["name"].endswith("_kernel_time")]
    mine = nodes[len(nodes) * _WARM_UP // (_WARM_UP + _CALLS) :]
    return _sums((event["args"]["op_name"], event["dur"] / 1e6) for event in mine)


def _torchscript(job: dict[str, Any], model: Any, inputs: Inputs) -> Times:
    from torch.profiler import ProfilerActivity, profile

    with profile(activities=[ProfilerActivity.CPU]) as profiler:
        for _ in range(_CALLS):
            model.run(inputs)
    return _sums((e.key, e.self_cpu_time_total / 1e6) for e in profiler.key_averages())


def _saved_model(job: dict[str, Any], model: Any, inputs: Inputs) -> Times:
    import tensorflow as tf
    from tensorflow.tsl.profiler.protobuf import xplane_pb2

    tf.profiler.experimental.start(job["folder"])
    for _ in range(_CALLS):
        model.run(inputs)
    tf.profiler.experimental.stop()
    events = []
    for path in Path(job["folder"]).rglob("*.xplane.pb"):
        space = xplane_pb2.XSpace.FromString(path.read_bytes())
        for plane in space.planes:
            for line in plane.lines:
                for event in line.events:
                    name = plane.event_metadata[event.metadata_id].name
                    # Operators are called "name of the node:kind"; all else is the executor's.
                    operator = re.search(r"(?<!:):(\w+)$", name)
                    if operator:
                        events.append((operator[1], event.duration_ps / 1e12))
    return _sums(events)


def _jax_export(job: dict[str, Any], model: Any, inputs: Inputs) -> Times:
    import jax
    from jax.profiler import ProfileData

    with jax.profiler.trace(job["folder"]):
        for _ in range(_CALLS):
            model.run(inputs)
    events = []
    for path in Path(job["folder"]).rglob("*.xplane.pb"):
        for plane in ProfileData.from_file(str(path)).planes:
            for line in plane.lines:
                for event in line.events:
                    if any(name == "hlo_op" for name, _ in event.stats):
                        events.append((event.name, event.duration_ns / 1e9))
    return _sums(events)


_PROFILERS: dict[str, Callable[[dict[str, Any], Any, Inputs], Times]] = {
    "onnx": _onnx,
    "torchscript": _torchscript,
    "saved-model": _saved_model,
    "jax-export": _jax_export,
}


if __name__ == "__main__":
    main(json.loads(Path(sys.argv[1]).read_text()))
