"""Check which runtimes work on this machine, and which artifacts still load."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ..artifacts.artifact import Artifact
from ..errors import ArtifactError
from ..formats.registry import FORMATS, names_functions
from ..free_memory import available_bytes
from ..outcome import Failure, Outcome
from ..runtimes.registry import RUNTIMES, runtimes_for
from ..sandbox import trust
from ..sandbox.artifact_reader import check_files, describe_artifact, open_artifact
from ..system import machine as environment
from ..system.interpreters import versions
from ..tensors.signature import SERVING
from ..variant import Variant
from ..worker import messages
from ..worker.client import WorkerProcess

_SOON = timedelta(days=30)
_TIMEOUT_S = 120.0
_MEMORY_SHARE = 0.9


@dataclass(frozen=True)
class RuntimeState:
    """The state of a runtime on this machine.

    Attributes:
        name: name of the runtime.
        formats: formats that it takes.
        versions: versions of its distributions; empty if it is not installed.
        devices: devices that it sees, in its own terms.
        problem: why it does not start although it is installed.
        without_cuda: why it cannot use the card although it starts; None if it can, or if there is
            no card.
        install: the command that installs it.
    """

    name: str
    formats: tuple[str, ...]
    versions: dict[str, str]
    devices: tuple[str, ...]
    problem: str
    without_cuda: str | None
    install: str


@dataclass(frozen=True)
class ArtifactState:
    """The state of an artifact on this machine.

    Attributes:
        path: path of its folder or payload.
        format: its format; empty if not known.
        outcome: "ok" if it loads, otherwise the outcome of the failure.
        reason: why it does not load; empty if it does.
        expires: date until which its format promises to load it; empty if without limit.
        expiry: "expired", "soon", or empty if there is time.
        remedy: what to do; empty if all is well.
    """

    path: str
    format: str
    outcome: str
    reason: str = ""
    expires: str = ""
    expiry: str = ""
    remedy: str = ""


def runtime_state(name: str, scratch: Path, card: str | None = None) -> RuntimeState:
    """Start a runtime in a separate process and ask for its devices, including the card."""
    runtime = RUNTIMES[name]
    installed = versions(name)
    seen: tuple[str, ...] = ()
    problem, without_cuda = "", None
    if installed:
        nothing = Artifact(name, scratch, name, scratch)
        try:
            with _worker(nothing, name, scratch, card) as worker:
                worker.start()
                if card:
                    without_cuda = worker.has_cuda()
                seen = tuple(worker.ask(messages.Devices())["devices"])
        except (Failure, OSError) as failure:
            problem = str(failure)
    return RuntimeState(
        name, runtime.formats, installed, seen, problem, without_cuda, runtime.install
    )


def artifact_state(
    path: Path,
    label: str,
    scratch: Path,
    now: datetime | None = None,
    trusted: Collection[str] = (),
    card: str | None = None,
    able: Collection[str] = (),
) -> ArtifactState:
    """Check whether an artifact is complete, loads in a separate process, and for how long.

    Args:
        path: path of its folder or payload.
        label: what `trusted` may call it.
        scratch: folder for the files of the process.
        now: time to judge its expiry at; None for the present.
        trusted: artifacts that may execute code, as `infer.sandbox.trust` takes them.
        card: card to load it on, as CUDA_VISIBLE_DEVICES names it, if its runtime is in `able`.
        able: names of the runtimes that can use the card.
    """
    try:
        artifact = open_artifact(path, label)
        if not runtimes_for(artifact.format):
            raise ArtifactError(f"{path}: no runtime for the format '{artifact.format}'")
        check_files(artifact)
    except ArtifactError as error:
        return ArtifactState(str(path), "", Outcome.LOAD_ERROR, str(error))
    runtime = runtimes_for(artifact.format)[0]
    expires, expiry = _expiry(artifact, now or datetime.now(UTC))
    remedy = "export it again before it no longer loads" if expiry else ""
    outcome, reason = Outcome.OK, ""
    try:
        trust.require_trusted(artifact, trusted)
    except (ArtifactError, Failure) as error:
        return ArtifactState(
            str(path), artifact.format, Outcome.LOAD_ERROR, str(error), expires, expiry
        )
    try:
        card = card if runtime in able else None
        with _worker(artifact, runtime, scratch, card, _signature(artifact)) as worker:
            worker.start()
            worker.load()
    except ArtifactError as error:
        outcome, reason = Outcome.LOAD_ERROR, str(error)
    except Failure as failure:
        outcome, reason = failure.outcome, failure.reason
        if not versions(runtime):
            remedy = RUNTIMES[runtime].install
        elif outcome == Outcome.LOAD_ERROR:
            remedy = "export it again with the versions that are installed here"
    return ArtifactState(str(path), artifact.format, outcome, reason, expires, expiry, remedy)


def _signature(artifact: Artifact) -> str | None:
    """The name of a function to load the artifact with: any, if there are several."""
    if artifact.manifest or not names_functions(artifact.format):
        return None
    names = list(describe_artifact(artifact).signatures)
    return None if SERVING in names or not names else names[0] or None


def _worker(
    artifact: Artifact,
    runtime: str,
    scratch: Path,
    card: str | None,
    signature: str | None = None,
) -> WorkerProcess:
    return WorkerProcess(
        artifact,
        device=RUNTIMES[runtime].devices[-1] if card else "cpu",
        card=card,
        threads=environment.cores(),
        scratch=scratch / "worker",
        log=scratch / "worker.log",
        timeout_s=_TIMEOUT_S,
        memory_limit=int(_MEMORY_SHARE * available_bytes()),
        variant=Variant(runtime, signature=signature),
    )


def _expiry(artifact: Artifact, now: datetime) -> tuple[str, str]:
    """The date until which an artifact should load, and whether it has passed or is near."""
    stated = artifact.manifest.expires if artifact.manifest else None
    life = FORMATS[artifact.format].shelf_life if artifact.format in FORMATS else None
    if stated:
        try:
            end = datetime.fromisoformat(stated)
        except ValueError:
            return stated, ""
        end = end if end.tzinfo else end.replace(tzinfo=UTC)
    elif life and artifact.manifest is None:
        end = datetime.fromtimestamp(artifact.payload.stat().st_mtime, UTC) + life
    else:
        return "", ""
    near = "expired" if end < now else "soon" if end < now + _SOON else ""
    return end.date().isoformat(), near
