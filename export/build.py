"""Builds one artifact: exports, verifies in a fresh process, and only then puts it in place."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from export.compiling import missing_compiler
from export.evaluation import Evaluation
from export.exporters import EXPORTERS
from export.signature import INPUT, OUTPUT
from export.weight_sources import Source
from export.worker import CHECKED_BATCHES
from infer import api
from infer.artifacts.manifest import EvaluationInputs, Manifest, write_manifest
from infer.errors import ArtifactError, InputError, UsageError
from infer.exporter import Exporter
from infer.exporting import (
    environment_for,
    python_for_device,
    python_with,
    runtime_package,
    trust_exported,
)
from infer.formats.registry import FORMATS
from infer.outcome import Failure, Outcome
from infer.tensors.signature import Signature, TensorSpec
from train.data import SYNTHETIC_NOTICE
from train.record import PROFILE_NOTICES

PRECISION = "float32"
_TIMEOUT_S = 900
# Largest difference of a probability: a thousand roundings of float32 (infer.parity.comparing).
_TOLERANCE = 1e-4


class ExportError(Exception):
    """An artifact could not be made, or does not predict what the framework does."""


@dataclass(frozen=True)
class Built:
    """A finished artifact and its largest difference from the framework's own prediction."""

    folder: Path
    largest_difference: float


def build(
    source: Source, name: str, out: Path, evaluation: Evaluation, device: str = "cpu"
) -> Built:
    """Export weights with the exporter of a name to `out/<weights>/<name>`.

    Args:
        source: the weights.
        name: of the exporter.
        out: folder of all artifacts.
        evaluation: to check with, and named in the manifest.
        device: "cpu" or "cuda", for exporters that compile.

    Raises:
        ExportError: the exporter's framework or compiler is missing, the exporter failed, or the
            artifact does not load or does not predict what the framework does.
    """
    exporter = EXPORTERS[name]
    device = device if exporter.compiles else "cpu"  # the others run on both
    python = _python(exporter, device)
    if problem := missing_compiler(name, device):
        raise ExportError(problem)
    final = out / source.name / name
    partial = out / source.name / f".{name}.partial"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        result = _export(source, name, partial, evaluation, python, device)
        if not (partial / exporter.payload).exists():
            raise ExportError(f"{name}: the exporter wrote no {exporter.payload}")
        manifest = _manifest(source, name, exporter, result, evaluation, final, device)
        write_manifest(partial, manifest)
        differences = _verify(partial, device)
        for path in partial.iterdir():
            if path.name != exporter.payload:
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        verified = {"differences": differences, "tolerance": _TOLERANCE}
        write_manifest(partial, manifest.with_verified(verified))
        shutil.rmtree(final, ignore_errors=True)
        partial.replace(final)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    try:
        trust_exported(final)
    except OSError as error:
        print(f"{name}: to measure it takes --trust, as its hash cannot be kept: {error}")
    return Built(final, max(differences.values()))


def not_installed(name: str, device: str) -> str:
    """What is missing for an exporter, and how to install it; empty if nothing is."""
    exporter = EXPORTERS[name]
    try:
        _python(exporter, device if exporter.compiles else "cpu")
    except ExportError as error:
        return str(error)
    return ""


def _python(exporter: Exporter, device: str) -> str:
    """The interpreter that has all that an exporter needs, and whether its check can run.

    Raises:
        ExportError: there is none.
    """
    try:
        python = python_with(exporter.needs)
        if device == "cuda":
            python = python_for_device(exporter.format, device)
        for package in (*exporter.needs, runtime_package(exporter.format)):
            if package and python_with([package]) is None:
                raise ExportError(f"{package} is not installed: {exporter.install}")
    except UsageError as error:
        raise ExportError(str(error)) from None
    if python is None:
        raise ExportError(
            f"no environment has {' and '.join(exporter.needs)} together: {exporter.install}"
        )
    return python


def _export(
    source: Source,
    name: str,
    folder: Path,
    evaluation: Evaluation,
    python: str,
    device: str,
) -> dict[str, Any]:
    job = folder / "job.json"
    images = folder / "images.npy"
    np.save(images, evaluation.images(max(CHECKED_BATCHES)))
    job.write_text(
        json.dumps(
            {
                "exporter": asdict(EXPORTERS[name]),
                "folder": str(folder),
                "weights": str(source.path),
                "size": source.size,
                "images": str(images),
                "device": device,
            }
        )
    )
    environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"} | environment_for(device)
    try:
        done = subprocess.run(
            [python, "-m", "export.worker", str(job)],
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_S,
            env=environment,
        )
    except subprocess.TimeoutExpired:
        raise ExportError(f"no end after {_TIMEOUT_S} s") from None
    if done.returncode:
        last = (done.stderr.strip().splitlines() or [f"status {done.returncode}"])[-1]
        raise ExportError(f"the exporter failed: {last}")
    result: dict[str, Any] = json.loads((folder / "result.json").read_text())
    return result


def _manifest(
    source: Source,
    name: str,
    exporter: Exporter,
    result: dict[str, Any],
    evaluation: Evaluation,
    final: Path,
    device: str,
) -> Manifest:
    now = datetime.now(UTC).replace(microsecond=0)
    known = FORMATS[exporter.format]
    expires = now + known.shelf_life if known.shelf_life else None
    profile = source.record.get("recipe", {}).get("profile")
    # What was trained on drawings says little of real images, whatever it is measured with.
    of_data = SYNTHETIC_NOTICE if source.dataset == "synthetic" else None
    notices = [of_data, PROFILE_NOTICES.get(str(profile))]
    image = TensorSpec(INPUT, ("batch", source.size, source.size, 3), "float32", range=(0.0, 1.0))
    output = TensorSpec(OUTPUT, ("batch", len(evaluation.classes)), "float32", range=(0.0, 1.0))
    return Manifest(
        name=name,
        format=exporter.format,
        payload=exporter.payload,
        framework=exporter.framework,
        native=exporter.native,
        signature=Signature((image,), (output,)),
        precision=PRECISION,
        producer=result["producer"],
        weights={
            "name": source.name,
            "sha256": source.sha256,
            "framework": source.framework,
            "profile": profile,
            "dataset": source.dataset,
        },
        created=now.isoformat(),
        expires=expires.isoformat() if expires else None,
        executes_code=known.may_execute_code is not None,
        device=device if exporter.compiles else None,
        evaluation=EvaluationInputs(
            os.path.relpath(evaluation.path, final), evaluation.sha256, evaluation.notice
        ),
        classes=evaluation.classes,
        warnings=tuple(result["warnings"]),
        notices=tuple(notice for notice in notices if notice),
    )


def _verify(folder: Path, device: str) -> dict[str, float]:
    """Compare with the framework's own prediction, in a process that cannot see this project."""
    differences = {}
    try:
        with api.load(
            folder, device=device, threads=1, timeout_s=_TIMEOUT_S, trust=True
        ) as artifact:
            for batch in CHECKED_BATCHES:
                with np.load(folder / f"check-{batch}.npz", allow_pickle=False) as arrays:
                    inputs, expected = {INPUT: arrays[INPUT]}, {OUTPUT: arrays[OUTPUT]}
                result = api.compare(artifact.run(inputs), expected, tolerance=_TOLERANCE)
                differences[str(batch)] = result["largest_difference"]
                if not result["passed"]:
                    raise ExportError(
                        f"at batch {batch} it differs from the framework's own prediction by "
                        f"{result['largest_difference']:.2g}, more than {result['tolerance']:g}"
                    )
    except Failure as failure:
        raise ExportError(
            f"does not work when loaded: {failure.outcome}: {failure.reason}"
        ) from None
    except ArtifactError as error:
        raise ExportError(f"does not work when loaded: {Outcome.LOAD_ERROR}: {error}") from None
    except (InputError, UsageError) as error:
        raise ExportError(f"does not work when loaded: {error}") from None
    return differences
