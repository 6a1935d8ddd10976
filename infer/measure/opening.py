"""The first stage of a run: open the artifacts, and find the inputs of each."""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path

from ..artifacts.artifact import Artifact
from ..artifacts.precision import precision_of
from ..errors import AlteredError, ArtifactError, InputError, NoRuntimeError
from ..formats.registry import FORMATS
from ..outcome import Failure, Outcome
from ..records.artifact_events import (
    ArtifactOpened,
    InputsDrawn,
    OutcomeReached,
    UnknownInformation,
)
from ..records.run_events import RunEnded
from ..results.summary import run_of
from ..runtimes.registry import runtimes_for
from ..sandbox.artifact_reader import check_files, contents, describe_artifact
from ..sandbox.trust import require_trusted
from ..tensors.precision import Precision
from .hashed_inputs import inputs_sha256
from .run_context import RunContext
from .run_stores import RANDOM_INPUTS


def check_unaltered(context: RunContext) -> None:
    """Check that the inputs of a resumed run are those that it began with.

    Raises:
        InputError: they differ.
    """
    plan, store = context.plan, context.store
    if run_of(store.events).inputs_sha256 != plan.inputs_sha256():
        raise InputError(f"{plan.inputs}: altered since the run began; start a new one")
    drawn = next(iter(store.of_type(InputsDrawn)), None)
    kept = store.folder / RANDOM_INPUTS
    if drawn and (not kept.is_file() or inputs_sha256(kept) != drawn.sha256):
        raise InputError(f"{kept}: altered since the run began; start a new one")


def open_all(context: RunContext) -> None:
    """Open the artifacts of the plan that have no outcome yet."""
    for label, path in context.plan.artifacts:
        if label not in context.ended:
            _open(context, label, path)


def _open(context: RunContext, label: str, path: Path) -> None:
    plan, store = context.plan, context.store
    known = store.latest(ArtifactOpened).get(label)
    artifact = None
    try:
        artifact = plan.opened.open(path, label)
        if not runtimes_for(artifact.format):
            raise NoRuntimeError(
                f"{path}: no runtime for the format '{artifact.format}' "
                f"(there are {', '.join(FORMATS)})"
            )
        check_files(artifact)
        sha256 = require_trusted(artifact, plan.trusted)
        if known and known.sha256 != sha256:
            raise AlteredError(f"{path}: altered since the run began; start a new one")
    except (ArtifactError, Failure) as error:
        ends = store.of_type(RunEnded)
        whole = bool(ends) and not ends[-1].interrupted
        if whole and label in store.latest(OutcomeReached):  # what was measured before holds
            store.add(UnknownInformation(artifact=label, what="more about it", reason=str(error)))
            return
        if not known:
            recognized = {"format": artifact.format} if artifact else {}
            store.add(
                ArtifactOpened.from_values(
                    artifact=label, path=str(path), sha256=None, **recognized
                )
            )
        untrusted = error.untrusted if isinstance(error, Failure) else ""
        context.end(label, Outcome.LOAD_ERROR, str(error), error.cause, untrusted)
        return
    if not known:
        manifest = asdict(artifact.manifest) if artifact.manifest else None
        precision = read_precision(artifact)
        store.add(
            ArtifactOpened.from_values(
                artifact=label,
                path=str(path),
                format=artifact.format,
                bytes=contents(artifact).bytes,
                sha256=sha256,
                manifest=manifest and {k: v for k, v in manifest.items() if k != "files"},
                precision=asdict(precision),
            )
        )
    if label in plan.unsupported:
        context.end(label, Outcome.UNSUPPORTED, plan.unsupported[label])
        return
    try:
        context.inputs[label] = _inputs_for(context, artifact)
        context.artifacts[label] = artifact
    except InputError as error:
        context.end(label, Outcome.BAD_INPUT, str(error))


def read_precision(artifact: Artifact) -> Precision:
    """Read the precision that an artifact is judged by."""
    return precision_of(_content_precision(artifact), artifact.manifest)


def _content_precision(artifact: Artifact) -> Precision | None:
    """The precision that the content of a payload tells; None if nothing here can read it."""
    known = FORMATS.get(artifact.format)
    if known is None or not (known.describe or known.external):
        return None
    try:
        return describe_artifact(artifact).precision
    except ArtifactError:
        return None  # its runtime will say what is wrong with it


def _inputs_for(context: RunContext, artifact: Artifact) -> Path:
    """Find the file of an artifact's inputs; the file of random inputs may not exist yet."""
    if inputs := context.plan.stored or context.plan.inputs:
        return inputs
    if context.plan.random:
        return context.store.folder / RANDOM_INPUTS
    stated = artifact.manifest.evaluation if artifact.manifest else None
    if stated is None:
        raise InputError(
            f"{artifact.path}: names no inputs; give some with --inputs FILE.npz, or have them "
            "made up with --random 0"
        )
    try:
        path = (artifact.path / stated.file).resolve()
    except (OSError, RuntimeError, ValueError) as error:  # a link to itself, a name with a zero
        raise InputError(
            f"{artifact.path}: names inputs that cannot be found ({error}); give inputs with "
            "--inputs FILE.npz"
        ) from None
    if not os.path.isfile(path):  # noqa: PTH113 - unlike Path.is_file it raises nothing
        raise InputError(f"{path}: missing; export again, or give inputs with --inputs FILE.npz")
    if inputs_sha256(path) != stated.sha256:
        raise InputError(f"{path}: altered since {artifact.label} was exported; export again")
    return path
