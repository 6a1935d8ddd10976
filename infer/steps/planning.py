"""Make the plan of a run from its config."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from ..artifacts.discovery import discover, label_paths
from ..config import ARTIFACTS, RUNS, RunConfig
from ..errors import ArtifactError, OptionError, UsageError
from ..formats.registry import FORMATS, has_methods, names_functions
from ..free_memory import available_bytes
from ..inputs.input_output_options import read_input_output_options
from ..inputs.loading import check_inputs
from ..measure import devices
from ..measure.output_saving import require_packages
from ..measure.plan import Plan
from ..records.protocol import DEFAULT_SCENARIOS, PROTOCOLS, UNTIL, Protocol
from ..runtimes.registry import runtimes_for
from ..sandbox import trust
from ..sandbox.artifact_reader import OpenedArtifacts, artifacts_at
from ..sources.source import source_of
from ..stderr import print_line
from ..system import machine
from ..system.interpreters import parse_interpreters, python_of
from ..variant import TUNED, Variant
from .metric_options import read_own_metrics, read_task
from .option_checks import check_options

# The longest duration of a run that would otherwise end only at its resolution.
LONGEST_S = 3600.0


def plan_run(config: RunConfig) -> Plan:
    """Make the plan for a config.

    Raises:
        UsageError, InputError: one line for the user.
    """
    require_packages(config.save_outputs)
    artifacts = find_artifacts(config.artifacts)
    if config.inputs and source_of(config.inputs) is None:
        check_inputs(config.inputs)
    trusted = trust.read(config.trust, [label for label, _ in artifacts])
    opened = OpenedArtifacts()
    named = artifacts
    artifacts, variants = _with_variants(named, config, opened)
    trusted = trust.with_variants(trusted, named, artifacts)
    labels = [label for label, _ in artifacts]
    if config.reference and config.reference not in labels:
        raise OptionError("reference", config.reference, f"choose one of {', '.join(labels)}")
    stated = read_input_output_options(config, labels)
    protocol = _protocol(config)
    threads = thread_count(config.threads)
    choice = devices.choose(config.device, runtime_environments(artifacts, variants, opened))
    plan = Plan(
        artifacts=artifacts,
        inputs=config.inputs,
        protocol=protocol,
        device=choice.device,
        card=choice.card,
        unsupported=choice.unsupported,
        notices=choice.notices,
        threads=threads,
        timeout_s=config.timeout,
        memory_limit=config.memory_limit or int(0.9 * available_bytes()),
        tolerance=config.tolerance,
        reference=config.reference,
        seed=config.seed,
        variants=variants,
        random=stated.random,
        input_options=stated.input_options,
        ignored=stated.ignored,
        absolute=stated.absolute,
        row_sets=stated.row_sets,
        sample_columns=stated.sample_columns,
        allowed=stated.allowed,
        task=read_task(config),
        metrics=read_own_metrics(config),
        trusted=trusted,
        tf32=config.tf32,
        why=config.why,
        save_outputs=config.save_outputs,
        opened=opened,
    )
    check_options(plan)
    return plan


def thread_count(threads: int | None) -> int:
    """Number of threads to measure with: by default all cores.

    Raises:
        UsageError: it exceeds the number of cores.
    """
    cores = machine.cores()
    if threads and threads > cores:
        raise OptionError("threads", threads, f"this machine gives {cores} cores")
    return threads or cores


def find_artifacts(paths: Sequence[Path]) -> tuple[tuple[str, Path], ...]:
    """Find label and path of each artifact at or below the paths, or below `artifacts/`.

    Raises:
        UsageError: there are none.
    """
    if not paths:
        if not _artifacts_below(ARTIFACTS):
            _export_pretrained()
        paths = _artifacts_below(ARTIFACTS)
    expanded: list[Path] = []
    for path in paths:
        for artifact in artifacts_at(path):
            if artifact not in expanded:
                expanded.append(artifact)
    return tuple((label, path) for path, label in label_paths(expanded))


def _artifacts_below(root: Path) -> list[Path]:
    return [path for path in discover(root) if RUNS not in path.relative_to(root).parts]


def _export_pretrained() -> None:
    """Let the project's exporters, if they are installed, export the pretrained weights."""
    if importlib.util.find_spec("export") is None:
        raise UsageError("no artifact named, and none below artifacts/")
    print_line("No artifacts below artifacts/: exporting the pretrained weights")
    done = subprocess.run([sys.executable, "-m", "export"])
    if not _artifacts_below(ARTIFACTS):
        raise UsageError(f"no artifact could be exported (status {done.returncode})")


def _settings(values: tuple[str, ...], keyword: str, flag: str) -> list[tuple[str, str, str]]:
    """Parse values of --try or --set: format, setting and value of each."""
    settings = []
    for text in values:
        match = re.fullmatch(r"([\w-]+):([\w-]+)=([\w-]+)", text)
        if not match or match[1] not in FORMATS:
            names = ", ".join(FORMATS)
            raise OptionError(
                keyword, text, f"say FORMAT:SETTING=VALUE, with a format of {names}", flag=flag
            )
        if match[2] == "runtime" and match[3] not in runtimes_for(match[1]):
            names = ", ".join(runtimes_for(match[1]))
            raise OptionError(keyword, text, f"choose one of {names}", flag=flag)
        settings.append((match[1], match[2], match[3]))
    return settings


def _with_setting(variant: Variant, setting: str, value: str) -> Variant:
    """A variant with a setting of its runtime, or with another runtime."""
    if setting == "runtime":
        return replace(variant, runtime=value)
    return replace(variant, settings={**variant.settings, setting: value})


def _with_variants(
    artifacts: tuple[tuple[str, Path], ...], config: RunConfig, opened: OpenedArtifacts
) -> tuple[tuple[tuple[str, Path], ...], dict[str, Variant]]:
    """The artifacts and beside each those that are run otherwise, with all variants by label."""
    tried = _settings(config.tried, "tried", "try")
    changed = _settings(config.settings, "settings", "set")
    pythons = parse_interpreters(config.python)
    result: list[tuple[str, Path]] = []
    variants: dict[str, Variant] = {}
    signatures = _signatures(config.signature, artifacts, opened)
    for label, path in artifacts:
        format_name = _format_of(path, opened)
        common = Variant(config.runtime if config.runtime in runtimes_for(format_name) else None)
        for changed_format, setting, value in changed:
            if changed_format == format_name:
                common = _with_setting(common, setting, value)
        if label in signatures or (None in signatures and names_functions(format_name)):
            common = replace(common, signature=signatures.get(label, signatures.get(None)))
        elsewhere = [p for p in pythons if p.format in (None, format_name)]
        beside: dict[str, Variant] = {}
        if not (elsewhere and _runtime_is_missing(format_name)):
            result.append((label, path))
            if common != TUNED:
                variants[label] = common
        beside |= {f"{label} ({python.name})": python.variant(common) for python in elsewhere}
        if config.defaults:
            beside[f"{label} (defaults)"] = replace(common, untuned=True)
        for tried_format, setting, value in tried:
            if tried_format == format_name:
                beside[f"{label} ({setting}={value})"] = _with_setting(common, setting, value)
        result += [(name, path) for name in beside]
        variants |= beside
    require_distinct(result)
    return tuple(result), variants


def require_distinct(artifacts: Sequence[tuple[str, Path]]) -> None:
    """Check that no file is called as the variant of another artifact is.

    Raises:
        UsageError: two paths would have one label.
    """
    paths = dict(artifacts)
    for label, path in artifacts:
        if paths[label] != path:
            raise UsageError(
                f"{path} and {paths[label]} would both be called '{label}' in this run: rename one"
            )


def runtime_environments(
    artifacts: tuple[tuple[str, Path], ...],
    variants: Mapping[str, Variant],
    opened: OpenedArtifacts | None = None,
) -> dict[str, devices.RuntimeEnvironment]:
    """Find the runtime of each artifact that has one, and the runtime's interpreter."""
    opened = opened or OpenedArtifacts()
    environments = {}
    for label, path in artifacts:
        variant = variants.get(label, TUNED)
        runtimes = runtimes_for(_format_of(path, opened))
        if runtimes:
            runtime = variant.runtime or runtimes[0]
            environments[label] = devices.RuntimeEnvironment(runtime, variant.python)
    return environments


def _signatures(
    texts: Sequence[str], artifacts: Sequence[tuple[str, Path]], opened: OpenedArtifacts
) -> dict[str | None, str]:
    """Parse names of functions by label of the artifact; None stands for all others."""
    formats = {label: _format_of(path, opened) for label, path in artifacts}
    signatures: dict[str | None, str] = {}
    for text in texts:
        label, given, name = text.partition("=")
        if given and label not in formats:
            known = ", ".join(formats)
            raise OptionError("signature", text, f"no such artifact, choose of {known}")
        meant = [formats[label]] if given else list(formats.values())
        is_taken = any(map(names_functions, meant)) or (given and has_methods(formats[label]))
        # A format that is not known is told of where the artifact is opened.
        if all(meant) and not is_taken:
            raise OptionError(
                "signature",
                text,
                f"files of {' and '.join(sorted(set(meant)))} have no functions by name",
            )
        signatures[label if given else None] = name if given else text
    return signatures


def _format_of(path: Path, opened: OpenedArtifacts) -> str:
    try:
        return opened.open(path).format
    except ArtifactError:
        return ""  # the run will report the problem


def _runtime_is_missing(format_name: str) -> bool:
    runtimes = runtimes_for(format_name)
    return bool(runtimes) and python_of(runtimes[0]) is None


def _protocol(config: RunConfig) -> Protocol:
    named = PROTOCOLS[config.protocol]
    if named.name == "quick" and (config.budget or config.resolve):
        named = UNTIL
    return replace(
        with_end(named, config.budget, config.resolve),
        batch=config.batch,
        scenarios=tuple(dict.fromkeys(config.scenario or DEFAULT_SCENARIOS)),
        bursts=config.turns or named.bursts,
        burst_s=config.burst or named.burst_s,
    )


def with_end(protocol: Protocol, budget_s: float | None, resolve: float | None) -> Protocol:
    """Replace the stopping rule of a protocol, if another is requested."""
    if not (budget_s or resolve):
        return protocol
    return replace(
        protocol,
        name=UNTIL.name if protocol.name == "quick" else protocol.name,
        generations=None,
        budget_s=budget_s or LONGEST_S,
        resolve=resolve,
    )
