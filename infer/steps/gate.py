"""A gate in steps: read the baseline, plan, measure or read a run, evaluate."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from ..codec import DecodeError
from ..config import GateConfig, RunConfig
from ..errors import ArtifactError, BaselineError, MeasurementError, OptionError, UsageError
from ..escaping import shell_word
from ..exit_status import INTERRUPTED
from ..gating.baseline import Baseline
from ..gating.baseline_file import read_baseline, render_baseline
from ..gating.evaluation import evaluate
from ..gating.gate_input import GateInput, gate_input
from ..gating.margins import check_names
from ..gating.result import GateResult
from ..gating.update import much_worse, new_baseline
from ..measure.plan import Plan
from ..metrics.own_metric import METRICS
from ..records.events import AnyEvent
from ..records.run_events import RunStarted
from ..records.store import read_events
from ..results.recorded_run import records_of
from ..results.reproduction import resume_command
from ..sandbox import trust
from ..sandbox.artifact_reader import open_artifact
from .former_artifacts import pair_with_former
from .measuring import measure, new_run
from .metric_options import read_own_metrics
from .planning import plan_run
from .run_folders import check_costly

# How long artifacts are measured beside the former ones by default.
_BUDGET_S = 300.0
# A difference as large as the margin is certain when the interval's half-width is half the margin.
_RESOLVE_SHARE = 0.5


def run_gate(config: GateConfig, command: Sequence[str]) -> GateResult:
    """Run all steps of a gate.

    Args:
        config: config of the gate.
        command: the command line, for the records.

    Raises:
        UsageError, InputError, BaselineError, MeasurementError: one line for the user.
    """
    baseline = current_baseline(config)
    if config.judged:
        folder, events = config.judged, read_run(config.judged)
    else:
        plan = plan_gate(config, baseline)
        store = new_run(config.run.out)
        measure(plan, store, command)
        folder, events = store.folder, store.events
    return evaluate_gate(config, baseline, events, folder)


def current_baseline(config: GateConfig) -> Baseline | None:
    """Read the current baseline; None if the first one is to be written.

    Raises:
        UsageError: the options exclude each other, or the baseline cannot be written.
        BaselineError: it is missing, damaged or empty.
    """
    path = config.baseline
    if config.accept is not None and not (config.update and config.accept.strip()):
        raise OptionError("accept", config.accept, "give the reason, with --update")
    if config.drop and not config.update:
        raise OptionError("drop", " ".join(config.drop), "give it with --update")
    if config.update and not path.absolute().parent.is_dir():
        raise OptionError("baseline", path, "there is no such folder")
    if config.judged and (config.run.artifacts or config.against):
        raise OptionError(
            "judged", config.judged, "judged as it was measured: name no artifacts", flag="run"
        )
    baseline = None if config.update and not path.exists() else read_baseline(path)
    known = baseline.artifacts if baseline else {}
    for label in config.drop:
        if label not in known:
            raise OptionError("drop", label, f"not in the baseline ({', '.join(known) or 'empty'})")
    if not config.judged:
        _check_margins(config, baseline, (metric.name for metric in read_own_metrics(config.run)))
    if not known and not config.update:
        raise BaselineError(
            f"{path}: holds no artifact, so that nothing can be held against it; write it with "
            "--update"
        )
    return baseline


def _check_margins(config: GateConfig, baseline: Baseline | None, measured: Iterable[str]) -> None:
    """Check that margins are of what is judged.

    Args:
        config: config of the gate.
        baseline: the current baseline.
        measured: names of the user's own metrics, or of those of the run.

    Raises:
        UsageError, BaselineError: one is of nothing.
    """
    entries = baseline.artifacts.values() if baseline else ()
    metrics = {*METRICS, *measured, *(name for entry in entries for name in entry.metrics)}
    try:
        check_names(config.margins, metrics)
    except ValueError as error:
        raise UsageError(f"--margin: {error}") from None
    of_file = [baseline.margins, *baseline.artifact_margins.values()] if baseline else []
    try:
        check_names([name for margins in of_file for name in margins], metrics)
    except ValueError as error:
        raise BaselineError(f"{config.baseline}: margins: {error}") from None


def plan_gate(config: GateConfig, baseline: Baseline | None) -> Plan:
    """Plan the measurement: the artifacts and, beside them, the former ones.

    The artifacts that the baseline was made from are trusted, by their hashes.

    Raises:
        UsageError, InputError: one line for the user.
    """
    plan = plan_run(_with_end(config, baseline))
    if config.against:
        plan = pair_with_former(plan, config.against)
    entries = baseline.artifacts.values() if baseline else ()
    hashes = trust.hashes(entry.sha256 for entry in entries)
    return replace(plan, trusted=(*plan.trusted, *hashes))


def read_run(folder: Path) -> list[AnyEvent]:
    """Read the records of a previous run.

    Raises:
        UsageError: the folder holds no run.
    """
    try:
        check_costly(folder)
        events = read_events(folder)
    except (ValueError, UsageError) as error:
        raise OptionError("judged", folder, str(error), flag="run") from None
    if not any(isinstance(event, RunStarted) for event in events):
        raise OptionError("judged", folder, "holds no run", flag="run")
    return events


def evaluate_gate(
    config: GateConfig, baseline: Baseline | None, events: list[AnyEvent], folder: Path
) -> GateResult:
    """Judge a run by the baseline, and update the baseline if requested.

    Args:
        config: config of the gate.
        baseline: the current baseline; None if the first one is to be written.
        events: records of the run.
        folder: folder of the run.

    Raises:
        UsageError: the baseline cannot be written.
        MeasurementError: the run was interrupted, has no results for a baseline, or is damaged.
    """
    with records_of(config.judged):
        try:
            run = gate_input(events)
        except DecodeError as error:
            raise MeasurementError(f"the records of the run are damaged: {error}") from None
    if config.judged:
        _check_margins(
            config, baseline, (n for entry in run.entries.values() for n in entry.metrics)
        )
    if run.interrupted:
        raise MeasurementError(
            "the run was cut off: nothing is judged; judge it with --run "
            f"{shell_word(str(folder))}, after: {resume_command(folder)}",
            INTERRUPTED,
        )
    worse: Mapping[str, str] = {}
    if config.update:
        worse = _update(config, run, baseline)
    run = replace(run, unreadable=_unreadable(config.run.artifacts, baseline, run))
    result = evaluate(run, baseline or new_baseline(run, None), config.margins)
    refused = tuple(f"{label}: {reason}" for label, reason in worse.items())
    return replace(result, strict=config.strict, refused=refused)


def _update(config: GateConfig, run: GateInput, before: Baseline | None) -> Mapping[str, str]:
    """Write the baseline, unless artifacts are much worse; return why, by label."""
    path = config.baseline
    if not any(entry.outcome.was_measured for entry in run.entries.values()):
        label, entry = next(iter(run.entries.items()))
        raise MeasurementError(
            f"nothing ran to its end, so that the baseline is left as it is; {label}: "
            f"{entry.outcome}, {entry.reason}"
        )
    worse = much_worse(run, before, config.margins) if before else {}
    if worse and config.accept is None:
        return worse
    accepted = dict.fromkeys(worse, str(config.accept))
    try:
        new = new_baseline(run, before, accepted, config.drop)
        path.write_text(render_baseline(new), encoding="utf-8")
    except OSError as error:
        raise OptionError("baseline", path, str(error.strerror)) from None
    return {}


def _unreadable(
    roots: Sequence[Path], baseline: Baseline | None, run: GateInput
) -> Mapping[str, str]:
    """Find the problems of files in the places of the baseline's artifacts."""
    gone = baseline.artifacts.keys() - run.entries.keys() if baseline else set()
    errors = {}
    for label, path in ((label, root / label) for label in gone for root in roots):
        if path.exists():
            try:
                open_artifact(path)
            except ArtifactError as error:
                errors[label] = str(error)
    return errors


def _with_end(config: GateConfig, baseline: Baseline | None) -> RunConfig:
    """Add a stopping rule to the config that lets latency be judged, unless it has one."""
    run = config.run
    if not config.against or run.budget or run.resolve or run.protocol != "quick":
        return run
    shares = (baseline or Baseline({})).latency_margins(config.margins)
    resolve = min(_RESOLVE_SHARE * min(shares), 0.5) if shares else None
    return replace(run, budget=_BUDGET_S, resolve=resolve)
