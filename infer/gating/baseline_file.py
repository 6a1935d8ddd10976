"""Read and write the baseline file: JSON to be committed, with a version and a schema.

`python -m infer.gating.baseline_file` writes its schema to docs/schema/. Margins are written by
hand and kept when the rest is rewritten. Keys are sorted and figures rounded, so that a new file
differs only where something has changed.
"""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Annotated, Any

import msgspec

from ..errors import BaselineError
from ..outcome import Outcome
from ..parity import predictions
from ..parity.kept_sketch import KeptSketch
from ..records.schema import render, schema_of
from ..regular_file import read_text_as_named
from . import metric_fields
from .baseline import Baseline, BaselineEntry, OutputParity
from .kept_metric import KeptMetric
from .margins import check_margin
from .metric_fields import MetricFields
from .output_fields import OutputFields, from_fields, to_fields
from .setup import Setup

BASELINE_VERSION = 2
_MOST_BYTES = 64 << 20  # an artifact has some kilobytes

Count = Annotated[int, msgspec.Meta(ge=0)]


class DifferenceFields(msgspec.Struct, forbid_unknown_fields=True):
    """The largest difference of an output from the reference's, and what it may be."""

    difference: float
    tolerance: float


class ParityFields(msgspec.Struct, omit_defaults=True, forbid_unknown_fields=True):
    """How far the outputs were from those of the run's reference."""

    reference: str | None = None
    outputs: dict[str, DifferenceFields] = {}
    equal_labels: float | None = None


class AccuracyFields(msgspec.Struct, omit_defaults=True, forbid_unknown_fields=True):
    """Which samples were right, in hexadecimal digits of four samples each, and their share.

    `origin` is the task and the output that they are of.
    """

    correct: list[str]
    samples: Annotated[int, msgspec.Meta(ge=1)]
    value: float | None = None
    origin: str = ""


class EntryFields(msgspec.Struct, omit_defaults=True, forbid_unknown_fields=True):
    """An artifact; what was not measured is left out."""

    outcome: Outcome
    accepted: str = ""
    accuracy: AccuracyFields | None = None
    bytes: Count | None = None
    call_s: dict[str, float] = {}
    cause: str = ""
    format: str | None = None
    gpu_memory_by: str | None = None
    gpu_memory_bytes: Count | None = None
    inputs_sha256: str | None = None
    margins: dict[str, str] = {}
    memory_bytes: int | None = None
    metrics: dict[str, MetricFields] = {}
    outputs: dict[str, OutputFields] = {}
    parity: ParityFields = msgspec.field(default_factory=ParityFields)
    setup: Setup = Setup()
    sha256: str | None = None
    versions: dict[str, str] = {}
    weights_sha256: str | None = None


class BaselineFile(msgspec.Struct, forbid_unknown_fields=True):
    """The whole file: artifacts by label, margins by what is judged."""

    baseline_version: int
    artifacts: dict[str, EntryFields]
    margins: dict[str, str] = {}


def baseline_schema() -> dict[str, Any]:
    """The JSON Schema of the file."""
    return schema_of(BaselineFile, "The baseline of a gate")


def render_baseline(baseline: Baseline) -> str:
    """The text of the file."""
    entries = {label: _to_fields(entry) for label, entry in baseline.artifacts.items()}
    for label, margins in baseline.artifact_margins.items():
        if label in entries:
            entries[label].margins = dict(margins)
    file = BaselineFile(BASELINE_VERSION, entries, dict(baseline.margins))
    return json.dumps(msgspec.to_builtins(file), indent=2, sort_keys=True) + "\n"


def read_baseline(path: Path) -> Baseline:
    """Read a baseline file.

    Raises:
        BaselineError: it is missing, no baseline, or has another version; one line with the file
            and the field.
    """
    value = _read_json(path)
    version = value.get("baseline_version") if isinstance(value, dict) else None
    if version != BASELINE_VERSION:
        raise BaselineError(
            f"{path}: baseline version {version}, this program reads {BASELINE_VERSION}; "
            "remove it and write it anew with --update"
        )
    # Converted entry by entry, since errors of msgspec do not name the key of a dictionary.
    listed = value.get("artifacts")
    entries: dict[str, EntryFields] = {}
    if isinstance(listed, dict):
        for label, entry in listed.items():
            entries[label] = _converted(path, label, entry, EntryFields)
        value = value | {"artifacts": {}}
    file = _converted(path, "", value, BaselineFile)
    for label, margins in {"": file.margins, **{k: e.margins for k, e in entries.items()}}.items():
        for name, text in margins.items():
            try:
                check_margin(name, text)
            except ValueError as error:
                of = f" of {label}" if label else ""
                raise BaselineError(f"{path}: margins{of}: {error}") from None
    return Baseline(
        {label: _from_fields(path, label, fields) for label, fields in entries.items()},
        file.margins,
        {label: fields.margins for label, fields in entries.items() if fields.margins},
    )


def _read_json(path: Path) -> Any:
    try:
        return json.loads(read_text_as_named(path, _MOST_BYTES))
    except FileNotFoundError:
        raise BaselineError(f"{path}: there is no baseline yet; write it with --update") from None
    except OSError as error:
        raise BaselineError(f"{path}: cannot be read ({error.strerror})") from None
    except (ValueError, RecursionError) as error:
        raise BaselineError(
            f"{path}: not JSON ({error}); remove it and write it anew with --update"
        ) from None


def _converted(path: Path, label: str, value: Any, kind: type) -> Any:
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise _damaged(path, label, _explained(str(error))) from None


def _explained(message: str) -> str:
    """Rephrase an error of msgspec, field first: "bytes: expected `int | null`, got `str`"."""
    what, _, where = message.partition(" - at `$")
    field = where.rstrip("`").removeprefix(".")
    if missing := re.fullmatch(r"Object missing required field `(.*)`", what):
        what = f"'{missing[1]}' is missing"
    elif unknown := re.fullmatch(r"Object contains unknown field `(.*)`", what):
        what = f"there is no field '{unknown[1]}'"
    else:
        what = what[0].lower() + what[1:]
    return f"{field}: {what}" if field else what


def _damaged(path: Path, label: str, what: str) -> BaselineError:
    of = f"{label}: " if label else ""
    return BaselineError(f"{path}: not a whole baseline ({of}{what}); take the committed one again")


def _to_fields(entry: BaselineEntry) -> EntryFields:
    accuracy = None
    if entry.correct is not None:
        accuracy = AccuracyFields(
            correct=predictions.pack(entry.correct),
            samples=len(entry.correct),
            value=round(float(entry.correct.mean()), 6),
            origin=entry.accuracy_origin,
        )
    return EntryFields(
        outcome=entry.outcome,
        cause=entry.cause,
        accepted=entry.accepted,
        format=entry.format,
        sha256=entry.sha256,
        weights_sha256=entry.weights,
        inputs_sha256=entry.inputs,
        bytes=entry.bytes,
        memory_bytes=entry.memory,
        gpu_memory_bytes=entry.gpu_memory,
        gpu_memory_by=entry.gpu_memory_by,
        call_s={workload: _rounded(seconds) for workload, seconds in entry.call_s.items()},
        parity=ParityFields(
            reference=entry.reference,
            outputs={
                name: DifferenceFields(_rounded(compared.difference), compared.tolerance)
                for name, compared in entry.parity.items()
            },
            equal_labels=entry.equal_labels,
        ),
        accuracy=accuracy,
        metrics={name: metric_fields.to_fields(kept) for name, kept in entry.metrics.items()},
        outputs={name: to_fields(kept) for name, kept in entry.outputs.items()},
        versions=dict(entry.versions),
        setup=entry.setup,
    )


def _from_fields(path: Path, label: str, fields: EntryFields) -> BaselineEntry:
    correct = None
    try:
        if fields.accuracy is not None:
            correct = predictions.unpack(fields.accuracy.correct, fields.accuracy.samples)
    except ValueError as error:
        raise _damaged(path, label, f"accuracy: {error}") from None
    outputs: dict[str, KeptSketch] = {}
    for name, output in fields.outputs.items():
        try:
            outputs[name] = from_fields(output)
        except ValueError as error:
            raise _damaged(path, label, f"outputs.{name}: {error}") from None
    metrics: dict[str, KeptMetric] = {}
    for name, metric in fields.metrics.items():
        try:
            metrics[name] = metric_fields.from_fields(metric)
        except ValueError as error:
            raise _damaged(path, label, f"metrics.{name}: {error}") from None
    for name, compared in fields.parity.outputs.items():
        if not 0 <= compared.tolerance < math.inf or compared.difference == math.inf:
            raise _damaged(path, label, f"parity.outputs.{name}: not a finite tolerance")
    return BaselineEntry(
        outcome=fields.outcome,
        cause=fields.cause,
        accepted=fields.accepted,
        format=fields.format,
        sha256=fields.sha256,
        weights=fields.weights_sha256,
        inputs=fields.inputs_sha256,
        bytes=fields.bytes,
        memory=fields.memory_bytes,
        gpu_memory=fields.gpu_memory_bytes,
        gpu_memory_by=fields.gpu_memory_by,
        call_s=fields.call_s,
        reference=fields.parity.reference,
        parity={
            name: OutputParity(compared.difference, compared.tolerance)
            for name, compared in fields.parity.outputs.items()
        },
        equal_labels=fields.parity.equal_labels,
        correct=correct,
        accuracy_origin=fields.accuracy.origin if fields.accuracy else "",
        metrics=metrics,
        outputs=outputs,
        setup=fields.setup,
        versions=fields.versions,
    )


def _rounded(value: float) -> float:
    return float(f"{value:.3g}")


if __name__ == "__main__":
    Path("docs/schema/baseline.json").write_text(render(baseline_schema()), encoding="utf-8")
