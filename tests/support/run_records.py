"""Records of runs made by hand: of one artifact or of several, and what is shown of them."""

import io
import json
from dataclasses import asdict

from events import events
from rich.console import Console

from infer.records.protocol import Protocol
from infer.report import terminal
from infer.results import queries, summarizing

PROTOCOL = Protocol("paper", generations=3, bursts=2, batch=32)
RUN = {
    "kind": "run",
    "command": ["run", "models"],
    "environment": {
        "processor": "Made up 3000",
        "cores": 4,
        "gpus": [],
        "load_average": [0.5, 0.4, 0.3],
    },
    "protocol": json.loads(json.dumps(asdict(PROTOCOL))),
    "inputs": None,
    "tolerance": None,
    "device": "cpu",
    "threads": 2,
    "timeout_s": 300.0,
    "seed": 0,
    "variants": {},
}
END = {"kind": "end", "interrupted": False, "reason": "all 3 generations were measured"}
MIB = 2**20
IMAGE = {"name": "image", "shape": ["batch", 28, 28, 3], "dtype": "float32"}


def summarize(records):
    return summarizing.summarize(events(records))


def resolution(records):
    """Half-width of the widest interval of all artifacts; None if one has none yet."""
    widths = [r.half_width for r in queries.resolutions(events(records)).values()]
    return None if not widths or None in widths else max(widths)


def run(**protocol):
    return RUN | {"protocol": RUN["protocol"] | protocol}


def artifact(name, *, weights="a", trained_in="torch", framework="torch", **manifest):
    return {
        "kind": "artifact",
        "artifact": name,
        "path": f"models/{name}",
        "format": "fake",
        "bytes": 3 * MIB,
        "manifest": {
            "framework": framework,
            "weights": {"name": f"{weights}-weights", "sha256": weights, "framework": trained_in},
            **manifest,
        },
    }


def process(start_s=0.5, load_s=0.2, first_call_s=0.3):
    """What is recorded of every process."""
    return {
        "start": {"spawn_to_ready_s": start_s, "versions": {"fake": "1.0"}},
        "load": {"seconds": load_s, "signature": {"inputs": [IMAGE]}},
        "first_call": {"seconds": first_call_s},
    }


def preflight(name, *, samples=1000, batch=32, **values):
    return {
        "kind": "preflight",
        "artifact": name,
        **process(),
        "check": {"seconds": {"1": 0.001, str(batch): 0.002}, "unfinished": None},
        "predict": {
            "seconds": 1.0,
            "samples": samples,
            "peak_rss_bytes": 90 * MIB,
            "peak_bytes": 50 * MIB,
            "bare_bytes": 20 * MIB,
        },
        "gpu_bytes": None,
        "gpu_device_bytes": None,
        "gpu_runtime_peak_bytes": None,
        "footprint": {"bytes": 70 * MIB},
    } | values


def start(name, generation, *, unsteady=(), warm_up_calls=1, **costs):
    return {
        "kind": "start",
        "artifact": name,
        "generation": generation,
        **process(**costs),
        "warm_up": [
            {
                "workload": {"batch": batch},
                "calls": warm_up_calls,
                "total_s": 0.2 * warm_up_calls,
                "call_s": 0.2,
                "steady": f"batch {batch}" not in unsteady,
            }
            for batch in (32, 1)
        ],
    }


def burst(name, generation, seconds, *, turn=0, batch=32):
    return {
        "kind": "burst",
        "artifact": name,
        "generation": generation,
        "turn": turn,
        "workload": {"batch": batch},
        "seconds": list(seconds),
        "samples": batch * len(seconds),
    }


def outcome(name, outcome="ok", reason=""):
    return {"kind": "outcome", "artifact": name, "outcome": outcome, "reason": reason}


def parity(name, reference, difference=0.0):
    return {
        "kind": "parity",
        "artifact": name,
        "reference": reference,
        "largest_difference": difference,
        "equal_labels": 0.75,
        "unequal_samples": [1, 4],
        "metrics": {"accuracy": 0.9, "macro_f1": 0.8, "weighted_f1": 0.7},
    }


def measured(name, *seconds):
    """Start and bursts of an artifact: a generation for every time of a batch."""
    for generation, second in enumerate(seconds):
        yield start(name, generation)
        yield burst(name, generation, [second])
        yield burst(name, generation, [0.001], batch=1)


def complete_run(*times):
    """Records of artifacts that are measured in as many generations as they have times, and agree.

    Each is its name and the seconds of its batches; the first is the reference.
    """
    names = [name for name, _ in times]
    return [
        RUN,
        *(artifact(name) for name in names),
        *(preflight(name) for name in names),
        *(parity(name, names[0]) for name in names),
        *(record for name, seconds in times for record in measured(name, *seconds)),
        *(outcome(name) for name in names),
        END,
    ]


def row_of(summary, name):
    (row,) = (row for row in summary.rows if row.artifact == name)
    return row


def timing_of(records, name, point="batch 32"):
    return row_of(summarize(records), name).timings[point]


def sized(name, size):
    """An artifact that takes images of a size."""
    spec = {"name": "image", "shape": [None, size, size, 3], "dtype": "float32"}
    return artifact(name, signature={"inputs": [spec], "outputs": []})


def several_trainings():
    records = [
        RUN,
        artifact("torch in torch", weights="t"),
        artifact("jax in torch", weights="t", framework="jax"),
        artifact("jax in jax", weights="j", framework="jax", trained_in="jax"),
        artifact("torch in jax", weights="j", trained_in="jax"),
    ]
    names = [record["artifact"] for record in records[1:]]
    records += [preflight(name) for name in names]
    records += [burst(name, 0, [float(i + 1)]) for i, name in enumerate(names)]
    return [*records, *(outcome(name) for name in names), END]


def roofline(flops_per_s=1e9, bytes_per_s=1e9):
    return {"kind": "roofline", "flops_per_s": flops_per_s, "bytes_per_s": bytes_per_s}


def shown(summary):
    """What the terminal shows."""
    console = Console(file=io.StringIO(), width=200)
    terminal.show(summary, console)
    return console.file.getvalue()


def cells(report, name):
    """What the tables of a report say of an artifact, by title; the first of equal ones."""
    by_title = {}
    titles = []
    for line in report.splitlines():
        row = [cell.strip() for cell in line.strip("|").split(" | ")]
        if row[0] == "artifact":
            titles = row
        elif line.startswith(f"| {name} |"):
            by_title = dict(zip(titles, row, strict=True)) | by_title
    return by_title
