"""A request of each kind, and a right answer to it from a worker with eight samples."""

from infer.worker import messages as m
from infer.worker.answer_checks import Known

SPEC = {"name": "y", "shape": [None, 3], "dtype": "float32", "range": None}
SIGNATURE = {"inputs": [SPEC | {"name": "x"}], "outputs": [SPEC]}
PLACEMENT = {"device": "cpu", "threads": 1}
DEVICE_TIME = {
    "call_s": 0.1, "enqueue_s": 0.1, "queued_s": 0.1, "queued_calls": 1, "event_s": None,
    "copy_in_s": 0.1, "copy_in_bytes": 1, "copy_out_s": 0.1, "copy_out_bytes": 1, "bound": None,
}  # fmt: skip
RIGHT = {
    "start": (
        m.Start("fake", "p", "cpu", 1),
        {
            "seconds": 0.5,
            "versions": {"fake": "1"},
            "python": "3.12",
            "executable": "/python",
            "isolation": {"network": None, "writes": "off"},
        },
    ),
    "uncompiled": (m.Uncompiled(), {"modules": ["a.py"]}),
    "devices": (m.Devices(), {"devices": ["cpu"]}),
    "has_cuda": (m.HasCuda(), {"problem": None}),
    "gpu_peak": (m.GpuPeak(), {"bytes": 7}),
    "load": (m.Load(), {"seconds": 0.5, "signature": SIGNATURE, "notes": ["a note"]}),
    "inputs": (
        m.Inputs("f"),
        {
            "samples": 8,
            "notes": [],
            "fixed": None,
            "only_batch": None,
            "has_state_bindings": False,
            "inputs": [SPEC],
            "unused": [],
        },
    ),
    "call": (m.Call("f", "o"), {"placement": PLACEMENT}),
    "first_call": (m.FirstCall(4), {"seconds": 0.5, "placement": PLACEMENT | {"own": [1]}}),
    "repeat": (
        m.Repeat(),
        {
            "differences": {"y": 0.0, "z": None},
            "calls": 1,
            "samples": 4,
            "changed_samples": 2,
            "changed_labels": 1,
            "possible_loops": [],
        },
    ),
    "batch_probe": (
        m.BatchProbe(4),
        {
            "samples": 2,
            "permuted": False,
            "outputs": {"y": {"axes": [0], "difference": 1e30}},
            "failed": None,
        },
    ),
    "call_again": (m.CallAgain(4, 3, "o"), {"cosines": {"y": -0.5, "z": None}}),
    "check": (m.Check(4), {"seconds": {"1": 0.1, "4": 0.2}, "unfinished": None}),
    "warm_up": (m.WarmUp(4, 1.0), {"calls": 3, "total_s": 0.3, "call_s": 0.1, "steady": True}),
    "device_time": (
        m.DeviceTime([4, 1]),
        {"batches": {"4": DEVICE_TIME}, "returns_early": False, "failed": None},
    ),
    "predict": (
        m.Predict(4, "o"),
        {
            "seconds": 0.5,
            "samples": 8,
            "placement": PLACEMENT,
            "frameworks": [],
            "peak_rss_bytes": 1,
            "peak_bytes": 1,
            "bare_bytes": None,
            "reset": {"how": "reset", "seconds": 0.1},
        },
    ),
    "find_batch": (
        m.FindBatch(4, 1.0),
        {"limits": {"multiple": 2, "least": 1, "most": 8}, "failed": 3, "reason": "odd"},
    ),
    "find_ranges": (m.FindRanges(4, 1.0), {"ranges": {"x": [0, 99]}}),
    "sweep": (
        m.Sweep(1.0, 1.0, 8),
        {"samples_per_s": {"1": 9.0, "2": 17.0}, "ended": "time", "no_memory": None},
    ),
    "burst": (
        m.Burst(4, 2, 0, outputs="o"),
        {
            "seconds": [0.1, 0.1],
            "cpu_s": 0.2,
            "samples": 8,
            "untimed_samples": 4,
            "rows": [4, 5, 6, 7],
        },
    ),
    "profile": (
        m.Profile(4, 3),
        {
            "profiler": "the fake profiler",
            "problem": "",
            "call_s": 0.1,
            "calls_s": [0.1, 0.1, 0.1],
            "shapes": {"image": [4, 3, 8, 8]},
            "operators": [
                {"name": "a", "kind": "Conv", "seconds": 0.05, "output": [4, 3], "weights": None}
            ],
            "trace": [{"operator": 0, "thread": 0, "start_s": 0.01, "seconds": 0.05}],
            "left_out": 0,
            "notes": [],
            "names_all": True,
        },
    ),
    "overhead": (m.Overhead(4, 2, 0.1), {"harness_s": [0.1, 0.1], "raw_s": [0.1, 0.1], "calls": 2}),
    "footprint": (
        m.Footprint(),
        {"bytes": 9, "distributions": {"fake": 9}, "cuda": {"CUDA": "13.0"}},
    ),
}


def known() -> Known:
    """What the worker has said before."""
    return Known([SPEC], samples=8)
