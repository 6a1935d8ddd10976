"""`exportbench gate`: measure, judge by a baseline, and say so in every form that is asked for."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import takewhile
from pathlib import Path
from typing import Any

from rich.console import Console

from ..artifacts.artifact import open_artifact
from ..artifacts.discovery import find
from ..errors import ArtifactError, MeasurementError, UsageError
from ..exit_status import FAILED, INTERRUPTED, NOT_SURE, OK
from ..gating import report
from ..gating.baseline import Baseline
from ..gating.baseline_file import read_baseline, render_baseline
from ..gating.evaluation import evaluate, new_baseline
from ..gating.gate_input import GateInput, gate_input
from ..gating.margins import DEFAULTS, MEANING, check_margin
from ..gating.result import GateResult, Verdict
from ..measure.plan import Plan
from ..records.store import Record, Store, read_records
from . import run as run_command

# How long artifacts are measured beside the former ones, unless told otherwise.
_BUDGET_S = 300.0
# A difference as large as the margin shows surely when the interval is half as wide to a side.
_RESOLVE_SHARE = 0.5

# Measures the plan that options make, altered by a function.
Measure = Callable[[argparse.Namespace, Callable[[Plan], Plan]], Store]


def add(actions: Any) -> None:
    """Add the command to the others; it takes all options of `run`."""
    parser: argparse.ArgumentParser = actions.add_parser(
        "gate",
        parents=[run_command.options_parser()],
        help="hold artifacts against a committed baseline",
        description="Measure artifacts, or take a run that was measured (--run), and hold "
        "outcome, parity, accuracy, latency, memory and size of each against a baseline. Exit "
        "status: 0 passed, 1 failed, 2 wrong usage or input, 3 could not be measured, "
        "4 not sure: what was measured allows both.",
        epilog="example: exportbench gate model.onnx --inputs test.npz --baseline baseline.json "
        "--against former/",
    )
    group = parser.add_argument_group("the gate")
    group.add_argument(
        "--baseline", type=Path, required=True, metavar="FILE", help="JSON that is committed"
    )
    group.add_argument(
        "--update", action="store_true", help="take what this run finds into the baseline"
    )
    group.add_argument(
        "--against",
        nargs="+",
        action="extend",
        type=Path,
        default=[],
        metavar="FORMER",
        help="the former artifacts, or folders of them: measured in the same run, they are what "
        "latency is judged by; without them time is not judged",
    )
    group.add_argument(
        "--margin",
        dest="margins",
        nargs="+",
        action="extend",
        default=[],
        metavar="CHECK=VALUE",
        help="how much worse is allowed, or 'off': "
        + "; ".join(
            f"{name}: {MEANING[name]} (default: {DEFAULTS[name]})" for name in DEFAULTS
        ).replace("%", "%%"),
    )
    group.add_argument(
        "--run", dest="judged", type=Path, metavar="RUN", help="judge this run; measure nothing"
    )
    group.add_argument(
        "--strict", action="store_true", help="status 4 too where something cannot be judged"
    )
    group.add_argument("--markdown", type=Path, metavar="FILE", help="for a pull request")
    group.add_argument("--junit", type=Path, metavar="FILE", help="as JUnit's XML")
    parser.set_defaults(command=run)


def run(options: argparse.Namespace) -> int:
    """Run the command; return its exit status.

    Raises:
        UsageError, InputError, BaselineError, MeasurementError: one line for the user.
    """
    for option in ("json", "markdown", "junit"):
        path = getattr(options, option)
        if path and str(path) != "-":
            _write(Path(path), "", option)
    first = options.update and not options.baseline.exists()
    result = judged(options, _measure_and_say)
    text = json.dumps(report.as_json(result), indent=2) + "\n"
    if options.json and options.json != "-":
        _write(Path(options.json), text, "json")
    if options.markdown:
        _write(options.markdown, report.as_markdown(result), "markdown")
    if options.junit:
        _write(options.junit, report.as_junit(result), "junit")
    if options.json == "-":
        print(text, end="")
    else:
        console = Console()
        if not console.is_terminal:
            console.width = max(console.width, 160)
        report.show(result, console, remedies=not options.update)
    if options.update:
        print(f"taken into the baseline: {options.baseline}", file=sys.stderr)
        return _accepted(result, first=first)
    return status(result)


def _measure_and_say(options: argparse.Namespace, alter: Callable[[Plan], Plan]) -> Store:
    store = run_command.measure_options(options, alter)
    print(f"results: {store.folder}", file=sys.stderr)
    return store


def _accepted(result: GateResult, *, first: bool) -> int:
    """The exit status of an update: that an artifact no longer runs is seldom meant."""
    failed = result.failed_to_run(also_as_before=first)
    for check in failed:
        print(
            f"*** {check.artifact} did not run to its end, which the baseline takes as it is: "
            f"{check.detail}; if it is not meant, mend it and --update again",
            file=sys.stderr,
        )
    return FAILED if failed else OK


def status(result: GateResult) -> int:
    """The exit status of a result."""
    verdict = result.verdict
    return {Verdict.PASSED: OK, Verdict.FAILED: FAILED}.get(verdict, NOT_SURE)


def judged(
    options: argparse.Namespace, measure: Measure = run_command.measure_options
) -> GateResult:
    """Measure, and judge by the baseline, which is written anew where that is asked for.

    Raises:
        UsageError, BaselineError, MeasurementError: one line for the user.
    """
    margins = _margins(options.margins)
    if options.update and not options.baseline.absolute().parent.is_dir():
        raise UsageError(f"--baseline {options.baseline}: there is no such folder")
    if options.resume:
        raise UsageError(
            "gate: go on with 'exportbench run --resume RUN', and judge the run with --run RUN"
        )
    before = None
    if not options.update or options.baseline.exists():
        before = read_baseline(options.baseline)
    if options.judged:
        if options.artifacts or options.against:
            raise UsageError("--run RUN judges what the run has measured: name no artifacts")
        records = _read(options.judged)
    else:
        store = measure(
            _with_end(options, before, margins),
            lambda plan: _trusting(_paired(plan, options), before),
        )
        records = store.records
    found = gate_input(records)
    if found.interrupted:
        raise MeasurementError(
            "the run was cut off: nothing is judged; go on with 'exportbench run --resume RUN', "
            "and judge it with --run RUN",
            INTERRUPTED,
        )
    baseline = before
    if options.update:
        if not any(entry.outcome.was_measured for entry in found.entries.values()):
            label, entry = next(iter(found.entries.items()))
            raise MeasurementError(
                f"nothing ran to its end, so that the baseline is left as it is; {label}: "
                f"{entry.outcome}, {entry.reason}"
            )
        baseline = new_baseline(found, before)
        _write(options.baseline, render_baseline(baseline), "baseline")
    assert baseline
    result = evaluate(
        replace(found, unreadable=_unread(options.artifacts, before, found)),
        before or baseline,
        margins,
    )
    return replace(result, strict=options.strict)


def _unread(roots: Sequence[Path], baseline: Baseline | None, found: GateInput) -> dict[str, str]:
    """What is where an artifact of the baseline should be, and is none."""
    gone = baseline.artifacts.keys() - found.entries.keys() if baseline else set()
    result = {}
    for label, path in ((label, root / label) for label in gone for root in roots):
        if path.exists():
            try:
                open_artifact(path)
            except ArtifactError as error:
                result[label] = str(error)
    return result


def _read(folder: Path) -> list[Record]:
    try:
        records = read_records(folder)
    except ValueError as error:
        raise UsageError(f"--run {error}") from None
    if not any(record["kind"] == "run" for record in records):
        raise UsageError(f"--run {folder}: holds no run")
    return records


def _margins(texts: Sequence[str]) -> dict[str, str]:
    result = {}
    for text in texts:
        name, _, value = text.partition("=")
        try:
            check_margin(name, value)
        except ValueError as error:
            raise UsageError(f"--margin {text}: {error}") from None
        result[name] = value
    return result


def _with_end(
    options: argparse.Namespace, baseline: Baseline | None, margins: Mapping[str, str]
) -> argparse.Namespace:
    """The options, with an end of the run that lets latency be judged, unless they have one."""
    if not options.against or options.budget or options.resolve or options.protocol != "quick":
        return options
    shares = (baseline or Baseline({})).latency_margins(margins)
    values = vars(options) | {"budget": _BUDGET_S}
    if shares:
        values["resolve"] = min(_RESOLVE_SHARE * min(shares), 0.5)
    return argparse.Namespace(**values)


def _trusting(plan: Plan, baseline: Baseline | None) -> Plan:
    """The plan with trust in the artifacts that the baseline was made from, by their hashes."""
    entries = baseline.artifacts.values() if baseline else ()
    return replace(
        plan, trusted=(*plan.trusted, *(entry.sha256 for entry in entries if entry.sha256))
    )


def _paired(plan: Plan, options: argparse.Namespace) -> Plan:
    """The plan with the former artifacts, each beside its successor."""
    if not options.against:
        return plan
    former = match_former(list(dict.fromkeys(path for _, path in plan.artifacts)), options.against)
    if not former:
        names = ", ".join(dict.fromkeys(path.name for _, path in plan.artifacts))
        raise UsageError(f"--against {' '.join(map(str, options.against))}: holds none of {names}")
    artifacts, pairs, setups = list(plan.artifacts), {}, dict(plan.setups)
    unsupported = dict(plan.unsupported)
    for label, path in plan.artifacts:
        if path in former:
            pairs[label] = f"{label} (former)"
            artifacts.append((pairs[label], former[path]))
            if label in setups:
                setups[pairs[label]] = setups[label]
            if label in unsupported:
                unsupported[pairs[label]] = unsupported[label]
    return replace(
        plan, artifacts=tuple(artifacts), pairs=pairs, setups=setups, unsupported=unsupported
    )


def match_former(paths: Sequence[Path], against: Sequence[Path]) -> dict[Path, Path]:
    """The former artifact of each artifact, by path, for those that have one.

    It is the one of the same name whose path is the most alike, from its end. One artifact and one
    former one belong together whatever their names.

    Raises:
        UsageError: nothing is where the former artifacts should be.
    """
    candidates: list[Path] = []
    for root in against:
        if not root.exists():
            raise UsageError(f"--against {root}: there is no such file or folder")
        if root.is_dir() and not _is_artifact(root):
            named = dict.fromkeys(root / path.name for path in paths)
            candidates += list(find(root)) or [path for path in named if path.exists()]
        else:
            candidates.append(root)
    if len(paths) == len(candidates) == 1:
        return {paths[0]: candidates[0]}
    best = {}
    for path in paths:
        shared = {other: _shared(path, other) for other in candidates}
        most = max(shared.values(), default=0)
        alike = [other for other, count in shared.items() if count == most]
        if most and len(alike) == 1:
            best[path] = alike[0], most
    # Of two that would have the same former artifact, it is that of the one whose path is nearer.
    return {
        path: other
        for path, (other, most) in best.items()
        if not any(o == other and n >= most for p, (o, n) in best.items() if p != path)
    }


def _shared(path: Path, other: Path) -> int:
    """How many last parts two paths share."""
    pairs = zip(reversed(path.absolute().parts), reversed(other.absolute().parts), strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


def _is_artifact(path: Path) -> bool:
    try:
        open_artifact(path)
    except ArtifactError:
        return False
    return True


def _write(path: Path, text: str, option: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"--{option} {path}: {error.strerror}") from None
