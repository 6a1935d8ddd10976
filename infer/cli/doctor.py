"""The command `exportbench doctor`: what runs here, and which artifacts still load."""

from __future__ import annotations

import argparse
import os
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from .. import plugins
from ..arguments import common_options
from ..artifacts.discovery import label_paths
from ..console import BAD, TextColumn, one_line, print_table
from ..diagnostics.doctor import ArtifactState, RuntimeState, artifact_state, runtime_state
from ..errors import ArtifactError
from ..exit_status import NOT_MEASURED, OK
from ..outcome import Outcome
from ..results.short_labels import ShortLabels
from ..runtimes.registry import runtime_names
from ..sandbox import trust
from ..sandbox.artifact_reader import find
from ..system import machine as environment
from ..system import nvml
from ..system.visible_cards import visible
from .console import emit


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
    common_options.add_trust(parser)
    common_options.add_json(parser)
    parser.set_defaults(command=run)


def run(options: argparse.Namespace) -> int:
    """Examine runtimes and artifacts, and show the results; return the exit status.

    Raises:
        ArtifactError: the folder is missing.
        UsageError: a value of --trust is neither a hash nor an artifact.
    """
    folder = options.folder or Path("artifacts")
    if options.folder and not folder.exists():
        raise ArtifactError(f"{folder}: no such folder")
    with tempfile.TemporaryDirectory(prefix="exportbench-") as scratch:
        card = _card()
        runtimes = [runtime_state(name, Path(scratch), card) for name in runtime_names()]
        able = {
            runtime.name
            for runtime in runtimes
            if runtime.versions and runtime.without_cuda is None
        }
        labelled = list(label_paths(find(folder)))
        trusted = trust.read(options.trust, [label for _, label in labelled])
        artifacts = [
            artifact_state(path, label, Path(scratch), trusted=trusted, card=card, able=able)
            for path, label in labelled
        ]
    value: dict[str, Any] = {
        "environment": environment.describe(),
        "runtimes": [asdict(runtime) for runtime in runtimes],
        "plugins": [asdict(plugin) for plugin in plugins.register()],
        "artifacts": [asdict(artifact) for artifact in artifacts],
    }
    bad = any(artifact.outcome != Outcome.OK for artifact in artifacts)
    emit(
        value,
        lambda console: show(value["environment"], runtimes, artifacts, console),
        options.json,
    )
    return NOT_MEASURED if bad else OK


def _card() -> str | None:
    """The card that a run would take, as CUDA_VISIBLE_DEVICES names it."""
    cards = visible(nvml.cards(), os.environ.get("CUDA_VISIBLE_DEVICES"))
    return next((card.visible_as for card in cards if not card.unusable), None)


def _card_text(gpu: dict[str, Any]) -> str:
    """Describe a card in one line."""
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


def _cuda_cell(runtime: RuntimeState) -> Text:
    if not runtime.versions or runtime.problem:
        return one_line("-")
    return one_line("no", style=BAD) if runtime.without_cuda else one_line("yes")


def _show_plugins(console: Console) -> None:
    """Print the plug-ins, and the packages that they come from."""
    installed = plugins.register()
    if not installed:
        return
    console.print()
    rows: list[list[Text | str]] = [
        [
            plugin.name,
            plugin.kind,
            f"{plugin.distribution} {plugin.version}",
            one_line(plugin.file, style=BAD if plugin.problem else ""),
        ]
        for plugin in installed
    ]
    titles = ("plug-in", "", "from", "file")
    print_table(console, [TextColumn(title, is_text=True) for title in titles], rows)
    for plugin in installed:
        if plugin.problem:
            console.print(one_line(plugin.refusal, style=BAD), soft_wrap=True)


def show(
    machine: dict[str, Any],
    runtimes: list[RuntimeState],
    artifacts: list[ArtifactState],
    console: Console,
) -> None:
    """Print the states of runtimes and artifacts."""
    console.print(
        one_line(
            f"Python {machine['python']}, {machine['processor']}, {machine['cores']} cores, "
            f"{machine['memory_bytes'] / 2**30:.0f} GiB{'' if machine['gpus'] else ', no GPU'}",
            style="dim",
        )
    )
    for gpu in machine["gpus"]:
        console.print(one_line(_card_text(gpu), style="dim"), soft_wrap=True)
    console.print()
    cuda = ("CUDA",) if machine["gpus"] else ()
    rows: list[list[Text | str]] = []
    for runtime in runtimes:
        version = ", ".join(f"{n} {v}" for n, v in runtime.versions.items())
        rows.append(
            [
                runtime.name,
                ", ".join(runtime.formats),
                version or "not installed",
                *((_cuda_cell(runtime),) if cuda else ()),
                runtime.problem or ", ".join(runtime.devices) or runtime.install,
            ]
        )
    titles = ("runtime", "takes", "version", *cuda, "devices")
    print_table(console, [TextColumn(title, is_text=True) for title in titles], rows)
    _show_plugins(console)
    for reason in dict.fromkeys(runtime.without_cuda for runtime in runtimes):
        if reason:
            console.print(one_line(reason, style=BAD), soft_wrap=True)
    console.print()
    if not artifacts:
        console.print("no artifacts found")
        return
    labels = ShortLabels.of([artifact.path for artifact in artifacts])
    if labels.pattern:
        console.print(one_line(f"artifacts: {labels.pattern}", style="dim"), soft_wrap=True)
    artifact_rows: list[list[Text | str]] = [
        [
            labels[artifact.path],
            artifact.format,
            one_line(artifact.outcome, style="" if artifact.outcome == Outcome.OK else BAD),
            f"{artifact.expires} {artifact.expiry}".strip(),
        ]
        for artifact in artifacts
    ]
    titles = ("artifact", "format", "loads", "until")
    print_table(console, [TextColumn(title, is_text=True) for title in titles], artifact_rows)
    for artifact in artifacts:
        if artifact.reason or artifact.remedy:
            text = ": ".join(part for part in (artifact.path, artifact.reason) if part)
            console.print(one_line(text, style=BAD if artifact.reason else ""), soft_wrap=True)
            if artifact.remedy:
                console.print(one_line(f"  {artifact.remedy}", style="dim"), soft_wrap=True)
