"""Events of a run for tests: what a test says of one, and the rest as an ordinary run has it.

All are made by the records' own codec, so that no test has an event that a run could not have.
"""

import json
from collections.abc import Iterable
from typing import Any

from infer.codec import encode, from_json, to_json
from infer.records.event import SCHEMA_VERSION
from infer.records.events import AnyEvent

_SIGNATURE = {"inputs": [], "outputs": []}
_PLACEMENT = {"device": "cpu", "threads": 1}
_PROCESS = {
    "start": {
        "spawn_to_ready_s": 0.5,
        "seconds": 0.4,
        "versions": {},
        "python": "3.11.0",
        "executable": "python",
        "isolation": {},
        "variables": {},
    },
    "pid": 1,
    "load": {"seconds": 0.2, "signature": _SIGNATURE},
    "inputs": {
        "samples": 1,
        "notes": [],
        "fixed": None,
        "only_batch": None,
        "has_state_bindings": False,
        "inputs": [],
    },
    "first_call": {"seconds": 0.3, "placement": _PLACEMENT},
}
ENVIRONMENT = {
    "processor": "Made up 3000",
    "cores": 4,
    "memory_bytes": 2**34,
    "load_average": [0.5, 0.4, 0.3],
    "system": "Linux",
    "python": "3.11.0",
    "gpus": [],
}
ORDINARY: dict[str, dict[str, Any]] = {
    "run": {
        "command": ["run", "models"],
        "environment": ENVIRONMENT,
        "artifacts": [],
        "inputs": None,
        "protocol": {"name": "quick"},
        "device": "cpu",
        "threads": 1,
        "timeout_s": 300.0,
        "folder": ".",
        "inputs_sha256": None,
    },
    "resume": {"command": ["run"], "environment": ENVIRONMENT, "protocol": {"name": "quick"}},
    "end": {"interrupted": False, "reason": "all generations were measured", "seconds": 1.0},
    "artifact": {"path": "model", "sha256": None},
    "outcome": {"outcome": "ok", "reason": "", "early": False},
    "roofline": {"device": "cpu"},
    "profile": {"profile": {"artifact": "a", "batch": 1}},
    "random": {"notes": [], "sha256": "0"},
    "preflight": _PROCESS
    | {
        "elapsed_s": 0.0,
        "predict": {
            "seconds": 1.0,
            "samples": 1,
            "placement": _PLACEMENT,
            "frameworks": [],
            "peak_rss_bytes": None,
            "peak_bytes": None,
            "bare_bytes": None,
        },
        "repeat": {"differences": {}},
        "check": {"seconds": {}, "unfinished": None},
        "gpu_bytes": None,
        "gpu_device_bytes": None,
        "gpu_runtime_peak_bytes": None,
        "footprint": {"bytes": None},
    },
    "rounding": {"device": "cpu", "differences": {}},
    "randomness": {"device": "cpu", "random": [], "changes": {}, "repeats": True},
    "anchor": {"outcome": "ok", "failed": None},
    "parity": {
        "largest_difference": 0.0,
        "largest_relative_difference": 0.0,
        "tolerance": 1e-5,
        "how": "given",
        "passed": True,
        "by_output": {},
    },
    "pair": {"passed": True},
    "sketch": {"outputs": {}},
    "metrics": {"scores": {}},
    "examples": {"reference": "", "outputs": [], "pictures": {}},
    "start": _PROCESS | {"warm_up": []},
    "burst": {"turn": 0, "cpu_s": 0.1, "untimed_samples": 0, "elapsed_s": 0.0},
    "generation": {"seconds": 1.0, "elapsed_s": 0.0},
    "batch": {"limits": {}, "failed": 1, "reason": ""},
    "apart": {"reason": ""},
    "unknown": {"what": "", "reason": ""},
}
_MANIFEST = {
    "name": "exporter",
    "format": "fake",
    "payload": "model",
    "framework": "torch",
    "native": False,
    "signature": None,
    "precision": "float32",
    "producer": {},
    "weights": {},
    "created": "2026-01-01T00:00:00+00:00",
    "executes_code": False,
}


def event(kind: str, **values: Any) -> AnyEvent:
    """An event of a kind, with what is not given as an ordinary run has it."""
    return from_json(AnyEvent, to_json(_filled(ORDINARY[kind], values) | _tags(kind)))


def events(records: Iterable[dict[str, Any]]) -> list[AnyEvent]:
    """The same of several, from dictionaries that each have a `kind`.

    A manifest that names no signature has the one that preflight finds.
    """
    records = list(records)
    signatures = {
        r["artifact"]: r["load"]["signature"]
        for r in records
        if r["kind"] == "preflight" and "signature" in r.get("load", {})
    }
    return [_event_of(record, signatures) for record in records]


def _event_of(record: dict[str, Any], signatures: dict[str, Any]) -> AnyEvent:
    values = {name: value for name, value in record.items() if name != "kind"}
    if values.get("manifest") and not values["manifest"].get("signature"):
        signature = signatures.get(values["artifact"], {})
        values["manifest"] = values["manifest"] | {"signature": _SIGNATURE | signature}
    return event(record["kind"], **values)


def as_json(events: Iterable[AnyEvent]) -> list[dict[str, Any]]:
    """Events as they are in the file."""
    return [json.loads(encode(event)) for event in events]


def _tags(kind: str) -> dict[str, Any]:
    return {"kind": kind, "schema_version": SCHEMA_VERSION}


def _filled(ordinary: dict[str, Any], values: dict[str, Any]) -> dict[str, Any]:
    """What is given, and within parts of it too, what is not."""
    result = dict(ordinary)
    for name, value in values.items():
        base = _MANIFEST if name == "manifest" else ordinary.get(name)
        if isinstance(value, dict) and isinstance(base, dict):
            value = _filled(base, value)
        result[name] = value
    return result
