"""The baseline: what artifacts were like when someone found them good, as JSON to be committed.

The file holds:

    baseline_version   of this layout
    margins            by what is judged, for all artifacts; absent ones are the program's
    setup              device, threads and batch that it was measured with, and on which processor
                       and card
    artifacts          by label: what was measured, and `margins` of its own where it has any

Margins are written by hand and kept when the rest is written anew. Keys are sorted and figures
rounded, so that a new baseline differs where something has changed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import BaselineError
from ..parity import predictions
from .margins import check_margin

BASELINE_VERSION = 1


@dataclass(frozen=True)
class BaselineEntry:
    """What a gate knows of one artifact. A value is None where it was not measured.

    Attributes:
        outcome: one of `infer.outcome.Outcome`.
        reason: of an outcome that is not ok; none of a baseline's.
        format: the runtime's name.
        sha256: of the payload's files and their names.
        weights: SHA-256 of the weights inside, where the manifest tells.
        inputs: SHA-256 of the inputs.
        bytes: of the payload's files.
        memory: bytes resident at the peak, above the bare interpreter.
        gpu_memory: bytes held on the card.
        gpu_memory_by: who says so: "process", "card" or "runtime" (infer.results.summarizing).
        call_s: seconds of a call, by kind of calls.
        reference: label of the artifact that outputs were compared with in the run.
        difference: the largest from it.
        tolerance: the largest difference that passed in the run.
        equal_labels: share of the samples with the reference's label.
        correct: bool N, which samples were classified rightly.
        probe: a few values of the outputs.
        versions: of the runtime.
    """

    outcome: str
    reason: str = ""
    format: str | None = None
    sha256: str | None = None
    weights: str | None = None
    inputs: str | None = None
    bytes: int | None = None
    memory: int | None = None
    gpu_memory: int | None = None
    gpu_memory_by: str | None = None
    call_s: Mapping[str, float] = field(default_factory=dict)
    reference: str | None = None
    difference: float | None = None
    tolerance: float | None = None
    equal_labels: float | None = None
    correct: np.ndarray | None = None
    probe: predictions.Probe = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """The entry as JSON takes it, rounded; what is not known is left out."""
        parity = {
            "reference": self.reference,
            "largest_difference": _rounded(self.difference),
            "tolerance": self.tolerance,
            "equal_labels": self.equal_labels,
        }
        accuracy = None
        if self.correct is not None:
            accuracy = {
                "value": round(float(self.correct.mean()), 6),
                "samples": len(self.correct),
                "correct": predictions.pack(self.correct),
            }
        value = {
            "outcome": self.outcome,
            "format": self.format,
            "sha256": self.sha256,
            "weights_sha256": self.weights,
            "inputs_sha256": self.inputs,
            "bytes": self.bytes,
            "memory_bytes": self.memory,
            "gpu_memory_bytes": self.gpu_memory,
            "gpu_memory_by": self.gpu_memory_by,
            "call_s": {name: _rounded(seconds) for name, seconds in self.call_s.items()},
            "parity": {k: v for k, v in parity.items() if v is not None},
            "accuracy": accuracy,
            "outputs": {name: list(lines) for name, lines in self.probe.items()},
            "versions": dict(self.versions),
        }
        return {name: item for name, item in value.items() if item not in (None, "", {})}

    @classmethod
    def of(cls, value: Mapping[str, Any]) -> BaselineEntry:
        """Read back what `to_json` and JSON made of an entry.

        Raises:
            KeyError, TypeError, ValueError, AttributeError: it is no entry.
        """
        parity, accuracy = value.get("parity", {}), value.get("accuracy")
        correct = None
        if accuracy is not None:
            correct = predictions.unpack(accuracy["correct"], int(accuracy["samples"]))
        probe = {str(k): [str(line) for line in v] for k, v in value.get("outputs", {}).items()}
        predictions.probe_difference(probe, probe)  # that its lines are numbers
        return cls(
            outcome=str(value["outcome"]),
            format=value.get("format"),
            sha256=value.get("sha256"),
            weights=value.get("weights_sha256"),
            inputs=value.get("inputs_sha256"),
            bytes=_number(value.get("bytes")),
            memory=_number(value.get("memory_bytes")),
            gpu_memory=_number(value.get("gpu_memory_bytes")),
            gpu_memory_by=value.get("gpu_memory_by"),
            call_s={str(k): float(v) for k, v in value.get("call_s", {}).items()},
            reference=parity.get("reference"),
            difference=_maybe(parity.get("largest_difference")),
            tolerance=_maybe(parity.get("tolerance")),
            equal_labels=_maybe(parity.get("equal_labels")),
            correct=correct,
            probe=probe,
            versions={str(k): str(v) for k, v in value.get("versions", {}).items()},
        )


@dataclass(frozen=True)
class Baseline:
    """A baseline file.

    Attributes:
        artifacts: entries by label.
        setup: what it was measured with.
        margins: for all artifacts, as texts.
        own_margins: by label.
    """

    artifacts: Mapping[str, BaselineEntry]
    setup: Mapping[str, Any] = field(default_factory=dict)
    margins: Mapping[str, str] = field(default_factory=dict)
    own_margins: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def render(self) -> str:
        """The file's text."""
        entries = {label: entry.to_json() for label, entry in self.artifacts.items()}
        for label, margins in self.own_margins.items():
            if label in entries:
                entries[label]["margins"] = dict(margins)
        value = {
            "baseline_version": BASELINE_VERSION,
            "margins": dict(self.margins),
            "setup": dict(self.setup),
            "artifacts": entries,
        }
        return json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def read_baseline(path: Path) -> Baseline:
    """Read a baseline file.

    Raises:
        BaselineError: it is missing, no baseline, or of another layout.
    """
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise BaselineError(f"{path}: there is no baseline yet; write it with --update") from None
    except OSError as error:
        raise BaselineError(f"{path}: cannot be read ({error.strerror})") from None
    except ValueError as error:
        raise BaselineError(
            f"{path}: not JSON ({error}); remove it and write it anew with --update"
        ) from None
    version = value.get("baseline_version") if isinstance(value, dict) else None
    if version != BASELINE_VERSION:
        raise BaselineError(
            f"{path}: baseline version {version}, this program reads {BASELINE_VERSION}; "
            "remove it and write it anew with --update"
        )
    try:
        listed = value["artifacts"]
        margins = {"": value.get("margins", {})}
        margins |= {
            label: entry["margins"] for label, entry in listed.items() if "margins" in entry
        }
        for where, texts in margins.items():
            for name, text in texts.items():
                try:
                    check_margin(name, text)
                except ValueError as error:
                    of = f" of {where}" if where else ""
                    raise BaselineError(f"{path}: margins{of}: {error}") from None
        entries = {}
        for label, entry in listed.items():
            entries[label] = BaselineEntry.of(entry)
        return Baseline(entries, value.get("setup", {}), margins.pop(""), margins)
    except KeyError as error:
        what = f"'{error.args[0]}' is missing"
    except ValueError as error:
        what = str(error)
    except (TypeError, AttributeError):
        what = "a value in it is of the wrong kind"
    raise BaselineError(f"{path}: not a whole baseline ({what}); take the committed one again")


def _rounded(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.3g}")


def _number(value: Any) -> int | None:
    return None if value is None else int(value)


def _maybe(value: Any) -> float | None:
    return None if value is None else float(value)
