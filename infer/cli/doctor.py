"""The command `exportbench doctor`: what runs here, and which artifacts still load."""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Collection
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
from rich.console import Console
from rich.table import Table
from rich.text import Text

from .. import plugins
from ..artifacts.artifact import Artifact, open_artifact
from ..artifacts.discovery import find
from ..artifacts.integrity import check_files
from ..errors import ArtifactError
from ..exit_status import NOT_MEASURED, OK
from ..formats.registry import FORMATS, names_functions
from ..measure import devices
from ..outcome import Failure, Outcome
from ..runtimes.registry import RUNTIMES, runtime_names, runtimes_for
from ..sandbox import reader_process, trust
from ..system import machine as environment
from ..system import nvml
from ..system.interpreters import versions
from ..tensors.signature import SERVING
from ..worker.client import WorkerProcess
from . import trust_option
from .console import emit

_SOON = timedelta(days=30)
_TIMEOUT_S = 120.0
_MEMORY_SHARE = 0.9


@dataclass(frozen=True)
class RuntimeState:
    """A runtime on this machine.

    Attributes:
        name: as in `infer.runtimes`.
        formats: that it takes.
        versions: of its distributions; empty where it is not installed.
        devices: that it sees, in its own words.
        problem: why it does not start, although it is installed.
        without_cuda: why it cannot use the card, although it starts; None where it can, and where
            there is no card.
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
    """An artifact on this machine.

    Attributes:
        path: of its folder or payload.
        format: empty where it is not known.
        outcome: "ok" if it loads, or why not.
        reason: in words; empty if it loads.
        expires: date until which its format promises to load, where it has an end.
        expiry: "expired", "soon", or empty where there is time.
        remedy: what to do; empty if all is well.
    """

    path: str
    format: str
    outcome: str
    reason: str = ""
    expires: str = ""
    expiry: str = ""
    remedy: str = ""


def add(actions: Any) -> None:
    """Add the command to the others."""
    parser: argparse.ArgumentParser = actions.add_parser(
        "doctor",
        help="say what runs here, and which artifacts still load",
        description="Say which runtimes are installed, with versions and devices, which artifacts "
        "below a folder load (each in a process of its own), which are about to expire, what is "
        "missing and how to get it. Exit status 3 if an artifact does not load.",
        epilog="example: exportbench doctor artifacts/ --json -",
    )
    parser.add_argument(
        "folder",
        nargs="?",
        type=Path,
        metavar="FOLDER",
        help="folder of artifacts (default: artifacts/, if there is one)",
    )
    trust_option.add(parser)
    parser.add_argument("--json", metavar="FILE", help="write it as JSON; - for the terminal")
    parser.set_defaults(command=run)


def run(options: argparse.Namespace) -> int:
    """Look, and show what was found; return the exit status.

    Raises:
        ArtifactError: the folder is missing.
        UsageError: what is to be trusted is not there.
    """
    folder = options.folder or Path("artifacts")
    if options.folder and not folder.exists():
        raise ArtifactError(f"{folder}: no such folder")
    with tempfile.TemporaryDirectory(prefix="exportbench-") as scratch:
        card = _card()
        runtimes = [runtime_state(name, Path(scratch), card) for name in runtime_names()]
        able = {one.name for one in runtimes if one.versions and one.without_cuda is None}
        paths = list(find(folder))
        trusted = trust.read(options.trust, [path.name for path in paths])
        artifacts = [
            artifact_state(path, Path(scratch), trusted=trusted, card=card, able=able)
            for path in paths
        ]
    value: dict[str, Any] = {
        "environment": environment.describe(),
        "runtimes": [asdict(one) for one in runtimes],
        "plugins": [asdict(plugin) for plugin in plugins.register()],
        "artifacts": [asdict(one) for one in artifacts],
    }
    bad = any(one.outcome != Outcome.OK for one in artifacts)
    emit(
        value,
        lambda console: _show(value["environment"], runtimes, artifacts, console),
        options.json,
    )
    return NOT_MEASURED if bad else OK


def _card() -> str | None:
    """The card that a run would take, as CUDA_VISIBLE_DEVICES names it."""
    there = devices.visible(nvml.cards(), os.environ.get("CUDA_VISIBLE_DEVICES"))
    return next((card.visible_as for card in there if not card.unusable), None)


def runtime_state(name: str, scratch: Path, card: str | None = None) -> RuntimeState:
    """Start a runtime in a process of its own and ask for its devices, the card among them."""
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
                seen = tuple(worker.ask("devices")["devices"])
        except (Failure, OSError) as failure:
            problem = str(failure)
    return RuntimeState(
        name, runtime.formats, installed, seen, problem, without_cuda, runtime.install
    )


def artifact_state(
    path: Path,
    scratch: Path,
    now: datetime | None = None,
    trusted: Collection[str] = (),
    card: str | None = None,
    able: Collection[str] = (),
) -> ArtifactState:
    """Whether an artifact is whole, loads in a process of its own, and for how long.

    Args:
        path: of its folder or payload.
        scratch: folder for what the process writes.
        now: for its age; the present where it is None.
        trusted: artifacts that may execute code, as `infer.sandbox.trust` takes them.
        card: that it is loaded on, as CUDA_VISIBLE_DEVICES names it, if its runtime is
        able: to use it; names of runtimes.
    """
    try:
        artifact = open_artifact(path)
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
        trust.admit(artifact, trusted)
    except (ArtifactError, Failure) as error:
        return ArtifactState(
            str(path), artifact.format, Outcome.LOAD_ERROR, str(error), expires, expiry
        )
    try:
        card = card if runtime in able else None
        with _worker(artifact, runtime, scratch, card, _signature(artifact)) as worker:
            worker.start()
            worker.ask("load")
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
    """A function to load an artifact for: any, where there are several."""
    if artifact.manifest or not names_functions(artifact.format):
        return None
    names = list(reader_process.describe(artifact.format, artifact.payload).signatures)
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
        memory_limit=int(_MEMORY_SHARE * psutil.virtual_memory().available),
        setup={"runtime": runtime, "signature": signature},
    )


def _expiry(artifact: Artifact, now: datetime) -> tuple[str, str]:
    """Date until which an artifact should load, and how near that is."""
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


def _of_card(gpu: dict[str, Any]) -> str:
    """What is known of a card, in a line."""
    mode, memory = gpu["compute_mode"], gpu["memory_bytes"]
    facts = [
        f"GPU {gpu['index']}: {gpu['name']}",
        gpu["uuid"],
        f"{memory / 2**30:.0f} GiB" if memory else None,
        f"driver {gpu['driver']}" if gpu["driver"] else None,
        f"CUDA {gpu['cuda']}" if gpu["cuda"] else None,
        "MIG mode without an instance" if gpu["mig"] is None else None,
        f"compute mode {mode}" if mode not in (None, "default") else None,
        "clocks set by the user" if gpu["user_clocks"] else None,
    ]
    return ", ".join(fact for fact in facts if fact)


def _of_cuda(runtime: RuntimeState) -> Text:
    if not runtime.versions or runtime.problem:
        return Text("-")
    return Text("no", style="yellow") if runtime.without_cuda else Text("yes", style="green")


def _show_plugins(console: Console) -> None:
    """Formats, runtimes and more of other packages, and where they come from."""
    installed = plugins.register()
    if not installed:
        return
    console.print()
    table = Table(box=None, pad_edge=False, header_style="dim")
    for title in ("plug-in", "", "from", "file"):
        table.add_column(title, overflow="fold")
    for plugin in installed:
        table.add_row(
            plugin.name,
            plugin.kind,
            f"{plugin.distribution} {plugin.version}",
            Text(plugin.file, style="yellow" if plugin.problem else ""),
        )
    console.print(table)
    for plugin in installed:
        if plugin.problem:
            console.print(Text(plugin.refusal, style="yellow"), soft_wrap=True)


def _show(
    machine: dict[str, Any],
    runtimes: list[RuntimeState],
    artifacts: list[ArtifactState],
    console: Console,
) -> None:
    console.print(
        Text(
            f"Python {machine['python']}, {machine['processor']}, {machine['cores']} cores, "
            f"{machine['memory_bytes'] / 2**30:.0f} GiB{'' if machine['gpus'] else ', no GPU'}",
            style="dim",
        )
    )
    for gpu in machine["gpus"]:
        console.print(Text(_of_card(gpu), style="dim"), soft_wrap=True)
    console.print()
    table = Table(box=None, pad_edge=False, header_style="dim")
    cuda = ("CUDA",) if machine["gpus"] else ()
    for title in ("runtime", "takes", "version", *cuda, "devices"):
        table.add_column(title)
    for runtime in runtimes:
        version = ", ".join(f"{n} {v}" for n, v in runtime.versions.items())
        table.add_row(
            runtime.name,
            ", ".join(runtime.formats),
            Text(version or "not installed", style="" if version else "yellow"),
            *((_of_cuda(runtime),) if cuda else ()),
            Text(runtime.problem or ", ".join(runtime.devices) or runtime.install),
        )
    console.print(table)
    _show_plugins(console)
    for reason in dict.fromkeys(runtime.without_cuda for runtime in runtimes):
        if reason:
            console.print(Text(reason, style="yellow"), soft_wrap=True)
    console.print()
    if not artifacts:
        console.print("no artifacts found")
        return
    table = Table(box=None, pad_edge=False, header_style="dim")
    for title in ("artifact", "format", "loads", "until"):
        table.add_column(title, overflow="fold")
    for one in artifacts:
        style = "green" if one.outcome == Outcome.OK else "red"
        until = Text(f"{one.expires} {one.expiry}".strip(), style="yellow" if one.expiry else "")
        table.add_row(Text(one.path), one.format, Text(one.outcome, style=style), until)
    console.print(table)
    for one in artifacts:
        if one.reason or one.remedy:
            text = ": ".join(part for part in (one.path, one.reason) if part)
            console.print(Text(text, style="red" if one.reason else "yellow"), soft_wrap=True)
            if one.remedy:
                console.print(Text(f"  {one.remedy}", style="dim"), soft_wrap=True)
