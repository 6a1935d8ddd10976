"""The command that measures one artifact of a run alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from ..artifacts.discovery import label_paths
from ..escaping import shell_word
from ..metrics.own_metric import own_metric_text
from ..metrics.tasks import task_texts
from ..records.artifact_events import ArtifactOpened
from ..records.protocol import DEFAULT_SCENARIOS, DEFAULT_TIMEOUT_S
from ..records.run_events import RunStarted
from ..tensors.rules import EVERY
from ..variant import TUNED

# How this program is started: the installed command, or the package in a checkout.
_INSTALLED, _CHECKOUT = ["exportbench"], ["python", "-m", "infer"]
PROGRAM = _CHECKOUT if __name__.partition(".")[0] == "infer" else _INSTALLED


def resume_command(folder: Path) -> str:
    """The command that goes on with the run in a folder, for a shell."""
    return " ".join(map(shell_word, (*PROGRAM, "run", "--resume", str(folder))))


def bisect_command(
    artifact: ArtifactOpened, reference: ArtifactOpened, run: RunStarted, samples: int
) -> str:
    """The command that compares the tensors inside two ONNX files, for a shell."""
    command = [*PROGRAM, "bisect", reference.path, artifact.path]
    paths = reference.path, artifact.path
    labels = [label for _, label in _labelled(paths)]
    command += ["--inputs", run.inputs] if run.inputs is not None else []
    known = zip((reference, artifact), labels, strict=True)
    command += _input_output_options(run, {opened.artifact: label for opened, label in known})
    command += ["--samples", str(samples)] if run.random is None else []
    return " ".join(map(shell_word, command))


def command_of(
    artifact: ArtifactOpened, run: RunStarted, reference: ArtifactOpened | None = None
) -> str:
    """The command that measures one artifact alone, or beside the reference that it is unlike.

    Args:
        artifact: the artifact.
        run: the run that measured it.
        reference: the artifact that its outputs were compared with, if that is to be shown.
    """
    protocol, variant = run.protocol, run.variants.get(artifact.artifact, TUNED)
    paths = dict.fromkeys([*([reference.path] if reference else []), artifact.path])
    labels = {path: label for (_, label), path in zip(_labelled(paths), paths, strict=True)}
    command = [*PROGRAM, "run", *paths]
    if reference:
        command += ["--reference", labels[reference.path]]
    command += ["--protocol", protocol.name] if protocol.budget_s is None else []
    command += ["--defaults"] if variant.untuned else []
    command += ["--tf32"] if run.tf32 else []
    if variant.python is not None:
        command += ["--python", f"{artifact.format}:{variant.interpreter}={variant.python}"]
    command += ["--runtime", variant.runtime] if variant.runtime is not None else []
    command += ["--signature", variant.signature] if variant.signature is not None else []
    for name, setting in variant.settings.items():
        command += ["--set", f"{artifact.format}:{name}={setting}"]
    for option, value in (
        ("inputs", run.inputs),
        ("tolerance", run.tolerance),
        ("budget", protocol.budget_s),
        ("resolve", protocol.resolve),
        ("batch", protocol.batch),
        ("device", _device_option(run)),
        ("threads", run.threads),
        ("timeout", None if run.timeout_s == DEFAULT_TIMEOUT_S else run.timeout_s),
    ):
        if value is not None:
            command += [f"--{option}", str(value)]
    new_labels = {artifact.artifact: EVERY}  # alone, it is every artifact
    if reference and len(paths) == 2:
        new_labels = {source.artifact: labels[source.path] for source in (reference, artifact)}
    command += _input_output_options(run, new_labels)
    hashes = [source.sha256 for source in (reference, artifact) if source and source.sha256]
    if run.trusted and hashes:
        command += ["--trust", *dict.fromkeys(hashes)]
    if protocol.scenarios != DEFAULT_SCENARIOS:
        command += ["--scenario", *protocol.scenarios]
    return " ".join(map(shell_word, command))


def _device_option(run: RunStarted) -> str:
    """The device option, with the card if there are several."""
    several = len(run.environment.gpus) > 1
    return f"cuda:{run.card}" if several and run.card else run.device


def _labelled(paths: Iterable[str]) -> Iterator[tuple[Path, str]]:
    return label_paths([Path(path) for path in paths])


def _input_output_options(run: RunStarted, labels: Mapping[str, str]) -> list[str]:
    """The options about inputs and outputs.

    Args:
        run: the run.
        labels: of the artifacts that are measured again, what they are called then.
    """
    labels = {EVERY: EVERY, **labels}
    options: list[str] = []
    random, input_options = run.random, run.input_options
    if random:
        options += ["--random", str(random.seed), "--samples", str(random.samples)]
    listed = {
        "map": [
            replace(rule, artifact=labels[rule.artifact]).text
            for rule in input_options.rules
            if rule.artifact in labels
        ],
        "dim": [
            ("" if labels[artifact] == EVERY else f"{labels[artifact]}:") + f"{name}={size}"
            for artifact, sizes in {
                EVERY: input_options.dims,
                **input_options.artifact_dims,
            }.items()
            if artifact in labels
            for name, size in sizes.items()
        ],
        "range": [f"{n}={low:g}:{high:g}" for n, (low, high) in input_options.ranges.items()],
        "loop": [
            replace(loop, artifact=labels[loop.artifact]).text
            for loop in input_options.loops
            if loop.artifact in labels
        ],
        "whole": list(input_options.whole),
        "ignore": list(run.ignored),
        "compare": [
            *(f"{name}=abs" for name in run.absolute),
            *(row_set.text for row_set in run.row_sets),
        ],
        "rows": [
            replace(column, artifact=labels[column.artifact]).text
            for column in run.sample_columns
            if column.artifact in labels
        ],
        "allow": [f"{name}={share:g}" for name, share in run.allowed.items()],
    }
    for option, values in listed.items():
        options += [f"--{option}", *values] if values else []
    options += ["--task", *task_texts(run.task)] if run.task else []
    own = [own_metric_text(metric) for metric in run.metrics]
    options += ["--metric", *own] if own else []
    options += ["--independent"] if input_options.independent else []
    return options
