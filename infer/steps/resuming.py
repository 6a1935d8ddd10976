"""Go on with a recorded run: its plan, less what is never taken from a file.

A run's folder may come from a stranger. What it says can name artifacts and options, which are
measured in the sandbox; it can neither name a program to execute nor say what is trusted.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path

from ..config import RunConfig
from ..errors import ArtifactError, StoreError, UsageError
from ..escaping import shell_word
from ..measure import devices
from ..measure.output_saving import require_packages
from ..measure.plan import Plan
from ..metrics.own_metric import OwnMetric, own_metric_text
from ..outcome import Failure
from ..records.artifact_events import OutcomeReached
from ..records.run_events import RunResumed, RunStarted
from ..records.store import Store
from ..regular_file import NoRegularFileError, refuse_links
from ..results.summary import run_of
from ..runtimes.registry import RUNTIMES
from ..sandbox import trust
from ..sandbox.isolation import HOME
from ..system.interpreters import parse_interpreters
from ..variant import Variant
from .metric_options import read_own_metrics
from .planning import with_end
from .run_folders import check_costly
from .source_inputs import check_source_of_resumed


def resume(folder: Path, config: RunConfig) -> tuple[Store, Plan]:
    """Open a run to go on with.

    Args:
        folder: the folder of the run.
        config: the options of this command: what is trusted, interpreters, and when to stop.

    Raises:
        UsageError: the folder holds no run, another program writes to it, or what is never taken
            from a file has to be given again; one line.
    """
    given_again = RunConfig(trust=config.trust, python=config.python, metric=config.metric)
    if replace(config, budget=None, resolve=None) != given_again:
        raise UsageError(
            "--resume goes on with the artifacts and options that the run has; beside it there "
            "may be --budget, --resolve, --trust, --python, --metric and --json"
        )
    try:
        check_costly(folder)
        refuse_links(folder, HOME)
        store = Store(folder, resume=True)
    except NoRegularFileError as error:
        raise UsageError(f"--resume {folder}: {error}") from None
    except (StoreError, OSError) as error:
        raise UsageError(f"--resume {error}") from None
    try:
        return store, _plan(folder, store, config)
    except BaseException:
        store.close()
        raise


def _plan(folder: Path, store: Store, config: RunConfig) -> Plan:
    try:
        first = run_of(store.events)
    except ValueError:
        raise UsageError(f"--resume {folder}: holds no run") from None
    resumed = store.of_type(RunResumed)
    protocol = resumed[-1].protocol if resumed else first.protocol
    plan = replace(Plan.from_run(first), protocol=protocol, trusted=(), variants={})
    plan = replace(plan, variants=_variants(folder, first, config.python))
    require_packages(plan.save_outputs)
    check_source_of_resumed(plan.inputs, folder)
    plan = replace(plan, metrics=_metrics(folder, first, config))
    labels = [label for label, _ in plan.artifacts]
    ended = {label for label, event in store.latest(OutcomeReached).items() if event.early}
    trusted = trust.with_variants(trust.read(config.trust, labels), plan.artifacts, plan.artifacts)
    plan = replace(plan, trusted=trusted)
    _require_trust(folder, plan, [label for label in labels if label not in ended])
    devices.check_card(plan.card)
    return replace(plan, protocol=with_end(plan.protocol, config.budget, config.resolve))


def _metrics(folder: Path, run: RunStarted, config: RunConfig) -> tuple[OwnMetric, ...]:
    """The metrics of the user's own, which this command must name as the run's did."""
    given = read_own_metrics(config)
    for mine, recorded in zip(given, run.metrics, strict=False):
        if mine != recorded and mine == replace(recorded, sha256=mine.sha256):
            raise UsageError(
                f"--resume {folder}: {mine.file} was altered since the run began, and one run has "
                f"one {mine.name}; take the former file, or start a new run"
            )
    if given != run.metrics:
        options = " ".join(shell_word(own_metric_text(metric)) for metric in run.metrics)
        raise UsageError(
            f"--resume {folder}: which code is executed is never taken from a file; "
            + (
                f"give the metrics again: --metric {options}"
                if options
                else "the run has no --metric"
            )
        )
    return given


def _variants(folder: Path, run: RunStarted, texts: Sequence[str]) -> dict[str, Variant]:
    """The variants of a run, in the interpreters of this command."""
    recorded = {
        (variant.interpreter or "", variant.python)
        for variant in run.variants.values()
        if variant.python is not None
    }
    if recorded and not texts:
        options = " ".join(shell_word(f"{name}={path}") for name, path in sorted(recorded))
        raise UsageError(
            f"--resume {folder}: which programs are executed is never taken from a file; the run "
            f"names other interpreters, so look whether they are yours and give them again: "
            f"--python {options}"
        )
    # One name may stand for an interpreter of each format.
    given = {
        (interpreter.name, str(interpreter.path))
        for interpreter in parse_interpreters(texts, distinct=False)
    }
    for name in {name for name, _ in given} - {name for name, _ in recorded}:
        raise UsageError(f"--resume {folder}: --python {name}: the run has no such interpreter")
    return {
        label: replace(variant, python=_python(folder, label, variant, given))
        for label, variant in run.variants.items()
        if _is_known(folder, label, variant)
    }


def _python(
    folder: Path, label: str, variant: Variant, given: Collection[tuple[str, str]]
) -> str | None:
    """The interpreter of a variant: that of this command, which must be where the run's was."""
    if variant.python is None:
        return None
    if (variant.interpreter or "", variant.python) not in given:
        path = shell_word(f"{variant.interpreter}={variant.python}")
        raise UsageError(
            f"--resume {folder}: {label} was measured in another interpreter; if that is yours, "
            f"give it again: --python {path}"
        )
    return variant.python


def _is_known(folder: Path, label: str, variant: Variant) -> bool:
    if variant.runtime is not None and variant.runtime not in RUNTIMES:
        raise UsageError(
            f"--resume {folder}: {label} was measured with the runtime '{variant.runtime}', which "
            "is not known here; install the plug-in that brings it"
        )
    return True


def _require_trust(folder: Path, plan: Plan, labels: Sequence[str]) -> None:
    """Check that artifacts which can execute code are trusted, before one is recorded as failed."""
    refused = []
    for label in labels:
        try:
            artifact = plan.opened.open(dict(plan.artifacts)[label], label)
            trust.require_trusted(artifact, plan.trusted)
        except ArtifactError:
            pass  # the run will report the problem
        except Failure:
            refused.append(label)
    if refused:
        raise UsageError(
            f"--resume {folder}: what is trusted is never taken from a file, and loading these "
            "artifacts can execute code; if you trust those who made them, say so again: --trust "
            + " ".join(map(shell_word, refused))
        )
