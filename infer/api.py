"""The Python functions for what the command line does.

They raise, with one line for the user:

    exportbench.errors.UsageError         a wrong option, or nothing to measure
    exportbench.errors.MeasurementError   a run that came to no end
    exportbench.errors.ArtifactError      an artifact that is missing, altered or not understood
    exportbench.errors.InputError         inputs that cannot be read or do not fit
    exportbench.errors.BaselineError      a baseline that is missing or damaged
    exportbench.outcome.Failure           an artifact that failed: `outcome` and `reason`
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from . import plugins
from .config import GateConfig, RunConfig
from .errors import ArtifactError, OptionError, UsageError
from .gating.result import GateResult
from .loaded_model import Arrays, LoadedModel
from .measure import devices
from .parity.comparing import compare as compare_outputs
from .records.protocol import DEFAULT_TIMEOUT_S
from .results.summary import Summary
from .runtimes.registry import runtimes_for
from .sandbox import trust as trusting
from .sandbox.artifact_reader import check_files, open_artifact
from .steps.gate import run_gate
from .steps.measuring import measure, new_run
from .steps.planning import plan_run
from .system import machine
from .system.interpreters import parse_interpreters
from .system.visible_cards import parse_device
from .variant import TUNED

__all__ = ["LoadedModel", "compare", "gate", "load", "run"]

PathLike = str | Path


def load(
    path: PathLike,
    *,
    device: str = "cpu",
    threads: int | None = None,
    timeout_s: float = DEFAULT_TIMEOUT_S,
    memory_limit: int | None = None,
    python: PathLike | None = None,
    trust: bool | str | Sequence[str] = False,
    independent: bool = False,
) -> LoadedModel:
    """Load an artifact in a worker process.

    Args:
        path: the folder of a manifest, or a payload.
        device: "cpu", "cuda", "cuda:N" for the card of that number, or "cuda:UUID".
        threads: number of threads for the arithmetic of a call; None for all cores.
        timeout_s: seconds that an answer may take.
        memory_limit: bytes that the process may hold.
        python: another interpreter, with its own runtime and NumPy.
        trust: whether to open it although it can execute code, or the SHA-256 to open it with.
        independent: whether each call begins from the state after loading.

    Raises:
        UsageError: the interpreter cannot run a worker, or the card does not exist.
        ArtifactError: the artifact is missing, altered or of no known format.
        Failure: its runtime is not installed, or refuses it; or it can execute code and is not
            trusted.
    """
    plugins.register()
    artifact = open_artifact(Path(path))
    if not runtimes_for(artifact.format):
        raise ArtifactError(f"{path}: no runtime for the format '{artifact.format}'")
    check_files(artifact)
    trusting.require_trusted(artifact, trusting.read(trusting.from_python(trust), [artifact.label]))
    variant = parse_interpreters([f"other={python}"])[0].variant() if python else TUNED
    place, card = _place(device, artifact.format)
    return LoadedModel(
        artifact,
        independent=independent,
        device=place,
        card=card,
        threads=threads or machine.cores(),
        timeout_s=timeout_s,
        memory_limit=memory_limit,
        variant=variant,
    )


def _place(device: str, format_name: str) -> tuple[str, str | None]:
    try:
        if parse_device(device) == "auto":
            raise ValueError("auto is for runs: say cpu, cuda, or cuda:N for one of the cards")
    except ValueError as error:
        raise UsageError(f"device={device!r}: {error}") from None
    return devices.device_and_card(device, runtimes_for(format_name)[0])


def run(
    artifacts: PathLike | Sequence[PathLike],
    *,
    inputs: PathLike | None = None,
    budget: str | float | None = None,
    resolve: str | float | None = None,
    batch: int = 128,
    device: str = "auto",
    threads: int | None = None,
    out: PathLike = "artifacts/runs",
    **options: Any,
) -> Summary:
    """Measure artifacts and compare them, as `exportbench run` does.

    Args:
        artifacts: artifacts, payloads, or folders of artifacts.
        inputs: an `.npz` file of arrays by input name, or what else `--inputs` takes
            (docs/inputs.md); None for the files that the artifacts name.
        budget: how long to measure: seconds, or "10m".
        resolve: how narrow the intervals must be: a share, or "3%".
        batch: samples in a batch.
        device: "auto", "cpu", "cuda", "cuda:N" for the card of that number, or "cuda:UUID".
        threads: number of threads for each artifact; None for all cores.
        out: the folder of the runs, in which this run gets a folder.
        options: the other options of the command, by their names with underscores.

    Raises:
        UsageError: an option does not exist, or its value is invalid.
        MeasurementError: the run could not be finished.
    """
    config = RunConfig.from_keywords(
        artifacts=artifacts,
        inputs=inputs,
        budget=budget,
        resolve=resolve,
        batch=batch,
        device=device,
        threads=threads,
        out=out,
        **options,
    )
    with _errors_for_python():
        plan = plan_run(config)
        return measure(plan, new_run(config.out), [f"{__package__}.run"])


def compare(outputs: Arrays, reference: Arrays, *, tolerance: float = 1e-4) -> dict[str, Any]:
    """Compare the outputs of two artifacts for the same inputs.

    Args:
        outputs: outputs by name, each N x anything, or one array.
        reference: outputs of the artifact to compare with, in the same form.
        tolerance: the largest absolute difference that passes.

    Returns:
        `passed`, `largest_difference`, `largest_relative_difference` and, for classifiers,
        `equal_labels`, the share of samples with the same label.

    Raises:
        Failure: the names or shapes differ.
    """
    mine, theirs = (
        dict(value) if isinstance(value, Mapping) else {"output": value}
        for value in (outputs, reference)
    )
    return compare_outputs(mine, theirs, tolerance)


def gate(
    artifacts: PathLike | Sequence[PathLike] = (),
    *,
    baseline: PathLike,
    against: PathLike | Sequence[PathLike] = (),
    margins: Mapping[str, str] | None = None,
    update: bool = False,
    judged: PathLike | None = None,
    **options: Any,
) -> GateResult:
    """Judge artifacts by a baseline, as `exportbench gate` does.

    Args:
        artifacts: artifacts to measure.
        baseline: the baseline file.
        against: former artifacts, or folders of them, for comparing times.
        margins: how much worse an artifact may be, as {"latency": "10%"}.
        update: whether to write the results to the baseline, unless they are much worse; `accept`
            takes a reason to write these too, `drop` labels of artifacts to take out.
        judged: the folder of a run to judge, instead of measuring.
        options: the options of `run`, and the other options of the command.

    Returns:
        The checks; its `verdict` is "passed", "failed", "not sure" or "not judged", and `refused`
        says why nothing was written to the baseline.
    """
    config = GateConfig.from_keywords(
        artifacts=artifacts,
        baseline=baseline,
        against=against,
        margins=margins,
        update=update,
        judged=judged,
        **options,
    )
    with _errors_for_python():
        return run_gate(config, [f"{__package__}.gate"])


@contextmanager
def _errors_for_python() -> Iterator[None]:
    """Make errors in options name the keyword instead of the command-line option."""
    try:
        yield
    except OptionError as error:
        raise UsageError(error.for_python) from None
