"""From the options of `run` to the plan of a run."""

from __future__ import annotations

import argparse
import importlib.util
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil

from ..artifacts.artifact import open_artifact
from ..artifacts.discovery import artifacts_at, discover, label_paths
from ..errors import ArtifactError, UsageError
from ..formats.registry import FORMATS, names_functions
from ..inputs.loading import read_inputs
from ..measure import devices
from ..measure.plan import Plan
from ..records.protocol import DEFAULT_SCENARIOS, PROTOCOLS, UNTIL, Protocol
from ..runtimes.registry import runtimes_for
from ..sandbox import trust
from ..system import machine
from ..system.interpreters import parse_interpreters, python_of
from . import input_options

ARTIFACTS = Path("artifacts")
RUNS = "runs"
# How long a run may take that only a resolution would end.
LONGEST_S = 3600.0


def plan_of(options: argparse.Namespace) -> Plan:
    """What the options of a command ask to be measured.

    Raises:
        UsageError, InputError: one line for the user.
    """
    artifacts = artifacts_of(options.artifacts)
    if options.inputs:
        read_inputs(options.inputs)
    trusted = trust.read(options.trust, [label for label, _ in artifacts])
    artifacts, setups = _with_variants(artifacts, options)
    labels = [label for label, _ in artifacts]
    if options.reference and options.reference not in labels:
        raise UsageError(f"--reference {options.reference}: choose one of {', '.join(labels)}")
    stated = input_options.read(options, labels)
    protocol = _protocol(PROTOCOLS[options.protocol], options)
    threads = threads_of(options)
    choice = devices.choose(options.device, uses_of(artifacts, setups))
    return Plan(
        artifacts=artifacts,
        inputs=options.inputs,
        protocol=protocol,
        device=choice.device,
        card=choice.card,
        unsupported=choice.unsupported,
        notices=choice.notices,
        threads=threads,
        timeout_s=options.timeout,
        memory_limit=options.memory_limit or int(0.9 * psutil.virtual_memory().available),
        tolerance=options.tolerance,
        reference=options.reference,
        seed=options.seed,
        setups=setups,
        random=stated.random,
        wishes=stated.wishes,
        ignored=stated.ignored,
        absolute=stated.absolute,
        trusted=trusted,
        tf32=options.tf32,
    )


def threads_of(options: argparse.Namespace) -> int:
    """Threads that are asked for: all cores unless told otherwise.

    Raises:
        UsageError: more than the machine gives.
    """
    threads = int(options.threads or machine.cores())
    if threads > machine.cores():
        raise UsageError(f"--threads {threads}: this machine gives {machine.cores()} cores")
    return threads


def artifacts_of(paths: list[Path]) -> tuple[tuple[str, Path], ...]:
    """Label and path of each artifact at or below the paths, or of all below `artifacts/`.

    Raises:
        UsageError: there are none.
    """
    if not paths:
        if not _found(ARTIFACTS):
            _export_pretrained()
        paths = _found(ARTIFACTS)
    expanded: list[Path] = []
    for path in paths:
        for found in artifacts_at(path):
            if found not in expanded:
                expanded.append(found)
    return tuple((label, path) for path, label in label_paths(expanded))


def _found(root: Path) -> list[Path]:
    return [path for path in discover(root) if RUNS not in path.relative_to(root).parts]


def _export_pretrained() -> None:
    """Have the project's exporters, where they are at hand, export the pretrained weights."""
    if importlib.util.find_spec("export") is None:
        raise UsageError("no artifact named, and none below artifacts/")
    print("No artifacts below artifacts/: exporting the pretrained weights", file=sys.stderr)
    done = subprocess.run([sys.executable, "-m", "export"])
    if not _found(ARTIFACTS):
        raise UsageError(f"no artifact could be exported (status {done.returncode})")


def _with_variants(
    artifacts: tuple[tuple[str, Path], ...], options: argparse.Namespace
) -> tuple[tuple[tuple[str, Path], ...], dict[str, dict[str, Any]]]:
    """The artifacts and beside each its variants, with the setups of these by label."""
    tried = []
    for text in options.tried:
        match = re.fullmatch(r"([\w-]+):([\w-]+)=([\w-]+)", text)
        if not match or match[1] not in FORMATS:
            raise UsageError(
                f"--try {text}: say FORMAT:SETTING=VALUE, with a format of {', '.join(FORMATS)}"
            )
        if match[2] == "runtime" and match[3] not in runtimes_for(match[1]):
            raise UsageError(f"--try {text}: choose one of {', '.join(runtimes_for(match[1]))}")
        tried.append((match[1], match[2], match[3]))
    pythons = parse_interpreters(options.python)
    result: list[tuple[str, Path]] = []
    setups: dict[str, dict[str, Any]] = {}
    signatures = _signatures(options.signature, [label for label, _ in artifacts])
    for label, path in artifacts:
        own = _format_of(path)
        common: dict[str, Any] = {}
        if options.runtime in runtimes_for(own):
            common["runtime"] = options.runtime
        if label in signatures or (None in signatures and names_functions(own)):
            common["signature"] = signatures.get(label, signatures.get(None))
        elsewhere = [p for p in pythons if p.format in (None, own)]
        if not (elsewhere and _runtime_is_missing(own)):
            result.append((label, path))
            if common:
                setups[label] = common
        setups |= {f"{label} ({python.name})": common | python.setup for python in elsewhere}
        if options.defaults:
            setups[f"{label} (defaults)"] = common | {"bare": True}
        for format_name, setting, value in tried:
            if own == format_name:
                changed = (
                    {setting: value} if setting == "runtime" else {"settings": {setting: value}}
                )
                setups[f"{label} ({setting}={value})"] = common | changed
        result += [(name, path) for name in setups if name.startswith(f"{label} (")]
    return tuple(result), setups


def uses_of(
    artifacts: tuple[tuple[str, Path], ...], setups: dict[str, dict[str, Any]]
) -> dict[str, devices.RuntimeEnvironment]:
    """The runtime of each artifact that has one, and the interpreter that it is in."""
    found = {}
    for label, path in artifacts:
        setup = setups.get(label, {})
        runtimes = runtimes_for(_format_of(path))
        if runtimes:
            runtime = setup.get("runtime", runtimes[0])
            found[label] = devices.RuntimeEnvironment(runtime, setup.get("python"))
    return found


def _signatures(texts: list[str], labels: list[str]) -> dict[str | None, str]:
    """Names of functions by the label of the artifact; None for all others."""
    found: dict[str | None, str] = {}
    for text in texts:
        label, given, name = text.partition("=")
        if given and label not in labels:
            raise UsageError(f"--signature {text}: no such artifact, choose of {', '.join(labels)}")
        found[label if given else None] = name if given else text
    return found


def _format_of(path: Path) -> str:
    try:
        return open_artifact(path).format
    except ArtifactError:
        return ""  # the run says what is wrong with it


def _runtime_is_missing(format_name: str) -> bool:
    runtimes = runtimes_for(format_name)
    return bool(runtimes) and python_of(runtimes[0]) is None


def _protocol(named: Protocol, options: argparse.Namespace) -> Protocol:
    if named.name == "quick" and (options.budget or options.resolve):
        named = UNTIL
    return replace(
        with_end(named, options),
        batch=options.batch,
        scenarios=tuple(dict.fromkeys(options.scenario or DEFAULT_SCENARIOS)),
        bursts=options.turns or named.bursts,
        burst_s=options.burst or named.burst_s,
    )


def with_end(protocol: Protocol, options: argparse.Namespace) -> Protocol:
    """The protocol with another end, where one is asked for."""
    if not (options.budget or options.resolve):
        return protocol
    return replace(
        protocol,
        name=UNTIL.name if protocol.name == "quick" else protocol.name,
        generations=None,
        budget_s=options.budget or LONGEST_S,
        resolve=options.resolve,
    )
