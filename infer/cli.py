"""Command line of the inference runner: `exportbench`, or `python -m infer`."""

from __future__ import annotations

import argparse
import importlib.util
import json
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

import psutil
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from infer import (
    __version__,
    bisect_command,
    doctor_command,
    environment,
    gate_command,
    input_options,
    inspect_command,
    markdown,
    overhead,
    schedule,
    selftest_command,
    terminal,
)
from infer.artifact import ArtifactError, discover, label_paths, open_artifact
from infer.baseline import BaselineError
from infer.controller import Progress as Standing
from infer.controller import Run
from infer.finding import named
from infer.inputs import InputError, read_inputs
from infer.interpreters import parse_interpreters
from infer.outcome import Failure, Outcome
from infer.plan import Plan
from infer.protocol import (
    DEFAULT_SCENARIOS,
    DEFAULT_TIMEOUT_S,
    PROTOCOLS,
    SCENARIOS,
    UNTIL,
    Protocol,
)
from infer.results import Store, StoreError, read_records
from infer.runtimes import RUNTIMES, WITH_SIGNATURES, takers
from infer.summary import Summary, summarize
from infer.usage import (
    FAILED,
    INTERRUPTED,
    NOT_MEASURED,
    OK,
    WRONG_USAGE,
    MeasurementError,
    UsageError,
)

ARTIFACTS = Path("artifacts")
RUNS = "runs"
# How long a run may take that only a resolution would end.
_LONGEST_S = 3600.0
# Columns of a table that goes to a file.
_WIDE = 140
_LOOKS = {"inspect": inspect_command.run, "doctor": doctor_command.run}
_PARITY_OUTCOMES = {Outcome.PARITY_FAIL, Outcome.NON_FINITE}


def main(arguments: list[str] | None = None) -> int:
    """Run a subcommand; return the exit status."""
    arguments = sys.argv[1:] if arguments is None else arguments
    options = _parser().parse_args(arguments)
    try:
        if options.action == "run":
            return _run(options, arguments)
        if options.action == "self-test":
            return _self_test(options)
        if options.action == "overhead":
            return _overhead(options)
        if options.action == "gate":
            return gate_command.run(options, partial(_measure_and_say, command=arguments))
        if options.action == "bisect":
            return bisect_command.run(options)
        if options.action in _LOOKS:
            value, show, status = _LOOKS[options.action](options)
            _give(value, show, options.json)
            return status
        return _show(options)
    except (UsageError, InputError, ArtifactError, BaselineError) as error:
        print(f"error: {error}", file=sys.stderr)
        return WRONG_USAGE
    except MeasurementError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.status
    except OSError as error:
        print(f"error: {error}", file=sys.stderr)
        return NOT_MEASURED
    except KeyboardInterrupt:
        print("error: interrupted", file=sys.stderr)
        return INTERRUPTED


class _Parser(argparse.ArgumentParser):
    """Says in one line what is wrong."""

    def error(self, message: str) -> NoReturn:
        """End the program."""
        self.exit(WRONG_USAGE, f"error: {message} (see {self.prog} --help)\n")


def options_of(action: str, *arguments: str) -> argparse.Namespace:
    """The options of a command, those that are not among the arguments as they are by default."""
    return _parser().parse_args([action, *arguments])


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="exportbench", description="Compare exported models: speed, agreement and accuracy."
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    actions = parser.add_subparsers(dest="action", required=True)

    run = actions.add_parser(
        "run",
        help="measure artifacts and compare them",
        description="Measure each artifact in processes of its own and compare them. "
        "Exit status: 0 all well, 1 outputs differ, 2 wrong usage or input, "
        "3 an artifact could not be measured.",
        epilog="example: exportbench run model.onnx saved_model/ --inputs test.npz --json -",
    )
    run.add_argument(
        "artifacts",
        nargs="*",
        type=Path,
        metavar="ARTIFACT",
        help="artifact, payload, or a folder of artifacts (default: all below artifacts/)",
    )
    run.add_argument(
        "--inputs",
        type=Path,
        metavar="FILE",
        help=".npz of arrays by input name, and 'labels' if there are, or .npy of the one input "
        "(default: what the artifacts name)",
    )
    input_options.add(run)
    run.add_argument(
        "--protocol", choices=PROTOCOLS, default="quick", help="how much (default: quick)"
    )
    run.add_argument(
        "--budget",
        type=_given(schedule.parse_duration),
        metavar="TIME",
        help="measure for so long instead, as 10m or 90s",
    )
    run.add_argument(
        "--resolve",
        type=_given(schedule.parse_share),
        metavar="SHARE",
        help="measure until every interval is as narrow as this, as 3%% (of the ratio, either "
        f"side; at most {schedule.duration(_LONGEST_S)} unless --budget says otherwise)",
    )
    run.add_argument(
        "--scenario",
        nargs="+",
        action="extend",
        choices=SCENARIOS,
        help="what is timed: "
        + "; ".join(f"{name}: {what}" for name, what in SCENARIOS.items())
        + f" (default: {' '.join(DEFAULT_SCENARIOS)})",
    )
    run.add_argument(
        "--turns", type=_positive, metavar="N", help="bursts of each kind in a process"
    )
    run.add_argument(
        "--burst",
        type=_given(schedule.parse_duration),
        metavar="TIME",
        help="how long the calls of a burst take together, as 0.2s",
    )
    run.add_argument(
        "--batch", type=_positive, default=128, help="samples in a batch (default: 128)"
    )
    run.add_argument(
        "--device",
        choices=("auto", "cpu", "cuda"),
        default="auto",
        help="auto: GPU if there is one",
    )
    run.add_argument("--threads", type=_positive, help="for each artifact (default: all cores)")
    run.add_argument(
        "--timeout",
        type=_given(schedule.parse_duration),
        default=DEFAULT_TIMEOUT_S,
        metavar="TIME",
        help="for one answer (default: 5m)",
    )
    run.add_argument(
        "--memory-limit",
        type=_given(parse_bytes),
        metavar="SIZE",
        help="for each artifact's process, as 2GB (default: nine tenths of what is free)",
    )
    run.add_argument(
        "--tolerance", type=float, help="largest difference that passes (default: by precision)"
    )
    run.add_argument("--reference", help="artifact to compare with (default: the training's own)")
    run.add_argument("--seed", type=int, default=0, help="of the order in each round")
    run.add_argument(
        "--defaults",
        action="store_true",
        help="beside every artifact, measure it with its runtime left as it comes",
    )
    run.add_argument(
        "--try",
        dest="tried",
        nargs="+",
        action="extend",
        default=[],
        metavar="FORMAT:SETTING=VALUE",
        help="beside every artifact of a format, measure it with a setting of its runtime, as "
        "onnx:spinning=off (docs/runtimes.md)",
    )
    run.add_argument(
        "--python",
        nargs="+",
        action="extend",
        default=[],
        metavar="[FORMAT:]NAME=PATH",
        help="beside every artifact (of a format), measure it in another Python interpreter with "
        "a runtime of its own, as old=/venv/bin/python (docs/runtimes.md)",
    )
    run.add_argument(
        "--runtime",
        choices=[name for name in RUNTIMES if name != "fake"],
        help="run the artifacts that it takes in this one instead of their usual one, as openvino "
        "for ONNX files (to have both: --try onnx:runtime=openvino)",
    )
    run.add_argument(
        "--signature",
        nargs="+",
        action="extend",
        default=[],
        metavar="[LABEL=]NAME",
        help="function to call in files that have several (exportbench inspect lists them)",
    )
    run.add_argument(
        "--resume",
        type=Path,
        metavar="RUN",
        help="go on with a run that was cut off, or make it longer with --budget or --resolve",
    )
    run.add_argument("--out", type=Path, default=ARTIFACTS / RUNS, help="folder of the runs")
    run.add_argument(
        "--json", metavar="FILE", help="write the results as JSON too; - for standard output"
    )
    gate_command.add(actions, run)

    self_test = actions.add_parser(
        "self-test",
        help="measure how often the tool is wrong on this machine",
        description="Compare an artifact with byte copies of itself, and with copies that do 2, 5 "
        "and 10 %% more work: first in simulation, then on this machine.",
        epilog="example: exportbench self-test --budget 10m",
    )
    self_test.add_argument(
        "artifact", nargs="?", type=Path, metavar="ARTIFACT", help="copy this one instead"
    )
    self_test.add_argument("--inputs", type=Path, metavar="FILE.npz", help="for ARTIFACT")
    self_test.add_argument(
        "--budget",
        type=_given(schedule.parse_duration),
        default=600.0,
        metavar="TIME",
        help="for all of the measuring (default: 10m)",
    )
    self_test.add_argument(
        "--batch", type=_positive, nargs="+", default=[1], help="samples a call (default: 1)"
    )
    self_test.add_argument(
        "--simulated", type=_positive, default=2000, help="simulated runs (default: 2000)"
    )
    self_test.add_argument("--threads", type=_positive, help="for each (default: all cores)")
    self_test.add_argument("--seed", type=int, default=0, help="of the simulation")
    self_test.add_argument(
        "--json", metavar="FILE", help="write the figures as JSON; - for the terminal"
    )

    overhead_parser = actions.add_parser(
        "overhead",
        help="measure what the harness adds to a call",
        description="Time calls as the harness does and in a bare loop of the same runtime, in "
        f"turn. Exit status 1 if the harness surely adds more than {overhead.LIMIT_SHARE:.0%}% of "
        f"a call and more than {overhead.LIMIT_S * 1e6:.0f} µs.",
        epilog="example: exportbench overhead model.onnx --inputs test.npz --batch 1 128",
    )
    overhead_parser.add_argument("artifacts", nargs="+", type=Path, metavar="ARTIFACT")
    overhead_parser.add_argument("--inputs", type=Path, required=True, metavar="FILE.npz")
    overhead_parser.add_argument(
        "--batch", type=_positive, nargs="+", default=[1, 128], help="default: 1 128"
    )
    overhead_parser.add_argument("--rounds", type=_positive, default=overhead.ROUNDS)
    overhead_parser.add_argument("--threads", type=_positive, help="default: all cores")
    overhead_parser.add_argument("--json", metavar="FILE", help="as JSON; - for the terminal")

    bisect_command.add(actions)
    inspect_command.add(actions)
    doctor_command.add(actions)

    show = actions.add_parser(
        "show",
        help="show a finished run again",
        description="Show the tables of a run again.",
        epilog="example: exportbench show artifacts/runs/20260101-120000 --json -",
    )
    show.add_argument("run", type=Path, metavar="RUN", help="folder of the run")
    show.add_argument(
        "--json", metavar="FILE", help="write the results as JSON; - for the terminal"
    )
    return parser


def _positive(text: str) -> int:
    if not re.fullmatch(r"[1-9]\d{0,8}", text, re.ASCII):
        raise argparse.ArgumentTypeError(f"{text} is not a positive number")
    return int(text)


def _given(parse: Callable[[str], float]) -> Callable[[str], float]:
    """A parser of options whose errors argparse shows."""

    def of(text: str) -> float:
        try:
            return parse(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return of


def parse_bytes(text: str) -> int:
    """Bytes of "2GB", "512MiB" or a plain number of bytes.

    Raises:
        ValueError: it is none of these, or not positive.
    """
    match = re.fullmatch(
        r"(\d{1,15}(?:\.\d{1,15})?)\s*(?:([kmgt])(i?))?b?", text.strip().lower(), re.ASCII
    )
    size = 0
    if match:
        power = " kmgt".index(match[2] or " ")
        size = int(float(match[1]) * (1024 if match[3] else 1000) ** power)
    if size < 1:
        raise ValueError(f"{text!r} is no size such as 2GB or 512MiB")
    return size


def _run(options: argparse.Namespace, arguments: list[str]) -> int:
    plan = None if options.resume else plan_of(options)
    _try_json(options.json)
    if plan is None:
        store, plan = _old_run(options)
    else:
        store = new_run(options.out)
    summary = measure(plan, store, arguments)
    _give(asdict(summary), lambda console: terminal.show(summary, console), options.json)
    print(f"results: {store.folder}", file=sys.stderr)
    return _status(summary)


def measure(plan: Plan, store: Store, command: list[str]) -> Summary:
    """Measure what a plan says, and write the report beside the results.

    Raises:
        InputError: the inputs cannot be read.
        MeasurementError: the results cannot be written, or it was interrupted twice.
    """
    try:
        with _progress() as tell:
            Run(plan, store, tell).run(command)
        summary = summarize(store.records)
        (store.folder / "report.md").write_text(markdown.render(summary))
    except OSError as error:
        raise MeasurementError(f"{_what(error)}; {_remedy(store)}") from None
    except KeyboardInterrupt:  # again, while the run was being ended
        raise MeasurementError(f"interrupted; {_remedy(store)}", INTERRUPTED) from None
    finally:
        store.close()
    return summary


def measure_options(
    options: argparse.Namespace, alter: Callable[[Plan], Plan], command: list[str]
) -> Store:
    """Measure the plan that options make, altered; return what was recorded."""
    plan = alter(plan_of(options))
    store = new_run(options.out)
    measure(plan, store, command)
    return store


def _measure_and_say(
    options: argparse.Namespace, alter: Callable[[Plan], Plan], command: list[str]
) -> Store:
    store = measure_options(options, alter, command)
    print(f"results: {store.folder}", file=sys.stderr)
    return store


def _remedy(store: Store) -> str:
    if not store.records:
        return "nothing was measured"
    return f"what was measured is in {store.folder}; go on with --resume {store.folder}"


def _what(error: OSError) -> str:
    if not error.strerror:
        return str(error)
    return f"{error.filename}: {error.strerror}" if error.filename else error.strerror


def _self_test(options: argparse.Namespace) -> int:
    if bool(options.artifact) != bool(options.inputs):
        raise UsageError("self-test: an ARTIFACT of your own goes with --inputs")
    _try_json(options.json)
    try:
        with _progress() as tell:
            found = selftest_command.verdicts(options, _threads(options), tell)
    except ArtifactError as error:
        raise UsageError(str(error)) from None
    _give(
        [asdict(one) for one in found],
        lambda console: selftest_command.show(found, console),
        options.json,
    )
    return OK


def _overhead(options: argparse.Namespace) -> int:
    read_inputs(options.inputs)
    _try_json(options.json)
    found: list[overhead.Overhead] = []
    failures: dict[str, Failure] = {}
    with _progress() as tell:
        artifacts = _artifacts(options.artifacts)
        for number, (label, path) in enumerate(artifacts):
            for batch in options.batch:
                tell(Standing(f"{label}, batch {batch}", number / len(artifacts)))
                try:
                    found.append(
                        overhead.measure(
                            open_artifact(path, label),
                            options.inputs,
                            batch,
                            _threads(options),
                            options.rounds,
                        )
                    )
                except Failure as failure:
                    failures[label] = failure
                except ArtifactError as error:
                    failures[label] = Failure(Outcome.LOAD_ERROR, str(error))
    _give(
        [asdict(one) | {"allowed_s": one.allowed_s} for one in found],
        lambda console: overhead.show(found, failures, console),
        options.json,
    )
    if any(one.low_s > one.allowed_s for one in found):
        return FAILED
    return NOT_MEASURED if failures else OK


def _threads(options: argparse.Namespace) -> int:
    threads = int(options.threads or environment.cores())
    if threads > environment.cores():
        raise UsageError(f"--threads {threads}: this machine gives {environment.cores()} cores")
    return threads


def plan_of(options: argparse.Namespace) -> Plan:
    """What the options of a command ask to be measured.

    Raises:
        UsageError, InputError: one line for the user.
    """
    artifacts = _artifacts(options.artifacts)
    if options.inputs:
        read_inputs(options.inputs)
    artifacts, setups = _with_variants(artifacts, options)
    labels = [label for label, _ in artifacts]
    if options.reference and options.reference not in labels:
        raise UsageError(f"--reference {options.reference}: choose one of {', '.join(labels)}")
    device = options.device
    if device == "auto":
        device = "cuda" if environment.gpus() else "cpu"
    stated = input_options.read(options, labels)
    return Plan(
        artifacts=artifacts,
        inputs=options.inputs,
        protocol=_protocol(PROTOCOLS[options.protocol], options),
        device=device,
        threads=_threads(options),
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
    )


def _with_variants(
    artifacts: tuple[tuple[str, Path], ...], options: argparse.Namespace
) -> tuple[tuple[tuple[str, Path], ...], dict[str, dict[str, Any]]]:
    """The artifacts and beside each its variants, with the setups of these by label."""
    tried = []
    for text in options.tried:
        match = re.fullmatch(r"([\w-]+):([\w-]+)=([\w-]+)", text)
        if not match or match[1] not in RUNTIMES:
            raise UsageError(
                f"--try {text}: say FORMAT:SETTING=VALUE, with a format of {', '.join(RUNTIMES)}"
            )
        if match[2] == "runtime" and match[3] not in takers(match[1]):
            raise UsageError(f"--try {text}: choose one of {', '.join(takers(match[1]))}")
        tried.append((match[1], match[2], match[3]))
    pythons = parse_interpreters(options.python)
    result: list[tuple[str, Path]] = []
    setups: dict[str, dict[str, Any]] = {}
    signatures = _signatures(options.signature, [label for label, _ in artifacts])
    for label, path in artifacts:
        own = _format_of(path)
        common: dict[str, Any] = {}
        if options.runtime in takers(own):
            common["runtime"] = options.runtime
        if label in signatures or (None in signatures and own in WITH_SIGNATURES):
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
    runtimes = takers(format_name)
    package = RUNTIMES[runtimes[0]].package if runtimes else None
    return package is not None and importlib.util.find_spec(package) is None


def _protocol(named: Protocol, options: argparse.Namespace) -> Protocol:
    if named.name == "quick" and (options.budget or options.resolve):
        named = UNTIL
    return replace(
        _with_end(named, options),
        batch=options.batch,
        scenarios=tuple(dict.fromkeys(options.scenario or DEFAULT_SCENARIOS)),
        bursts=options.turns or named.bursts,
        burst_s=options.burst or named.burst_s,
    )


def _with_end(protocol: Protocol, options: argparse.Namespace) -> Protocol:
    """The protocol with another end, where one is asked for."""
    if not (options.budget or options.resolve):
        return protocol
    return replace(
        protocol,
        name=UNTIL.name if protocol.name == "quick" else protocol.name,
        generations=None,
        budget_s=options.budget or _LONGEST_S,
        resolve=options.resolve,
    )


def _old_run(options: argparse.Namespace) -> tuple[Store, Plan]:
    """Take up a run with the end that was last asked for, now or then."""
    defaults = vars(_parser().parse_args(["run"]))
    given = {name for name, value in vars(options).items() if value != defaults[name]}
    if given - {"resume", "budget", "resolve", "json"}:
        raise UsageError(
            "--resume goes on with the artifacts and options that the run has; beside it there "
            "may be --budget, --resolve and --json"
        )
    try:
        store = Store(options.resume, resume=True)
    except (StoreError, OSError) as error:
        raise UsageError(f"--resume {error}") from None
    try:
        begun = [record for record in store.records if record["kind"] in ("run", "resume")]
        plan = Plan.of(begun[0] | {"protocol": begun[-1]["protocol"]})
    except (IndexError, KeyError, TypeError):
        store.close()
        raise UsageError(f"--resume {options.resume}: holds no run") from None
    return store, replace(plan, protocol=_with_end(plan.protocol, options))


@contextmanager
def _progress() -> Iterator[Callable[[Standing], None]]:
    """Shows on a terminal how far a run has come."""
    console = Console(stderr=True)
    columns = (
        BarColumn(bar_width=24),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeElapsedColumn(),
        TextColumn("elapsed,"),
        TimeRemainingColumn(),
        TextColumn("left  {task.description}"),
    )
    with Progress(
        *columns,
        console=console,
        disable=not console.is_terminal,
        refresh_per_second=2,  # it is drawn while others are timed
    ) as progress:
        task = progress.add_task("", total=1.0)

        def tell(standing: Standing) -> None:
            progress.update(task, description=standing.doing, completed=standing.share)

        yield tell


def _artifacts(paths: list[Path]) -> tuple[tuple[str, Path], ...]:
    if not paths:
        if not _found(ARTIFACTS):
            _export_pretrained()
        paths = _found(ARTIFACTS)
    expanded: list[Path] = []
    for path in paths:
        for found in named(path):
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


def new_run(root: Path) -> Store:
    """The store of a new run, in a folder of its own below `root`.

    Raises:
        UsageError: there can be none.
    """
    name = time.strftime("%Y%m%d-%H%M%S")
    for suffix in ("", *(f"-{index}" for index in range(1, 100))):
        try:
            return Store(root / f"{name}{suffix}")
        except (FileExistsError, StoreError):
            continue
        except OSError as error:
            raise UsageError(f"--out {root}: {error.strerror}") from None
    raise UsageError(f"--out {root}: too many runs in this second")


def _show(options: argparse.Namespace) -> int:
    try:
        summary = summarize(read_records(options.run))
    except (ValueError, StopIteration) as error:
        raise UsageError(str(error) or f"{options.run}: holds no run") from None
    _give(asdict(summary), lambda console: terminal.show(summary, console), options.json)
    return _status(summary)


def _give(value: Any, show: Callable[[Console], None], json_file: str | None) -> None:
    """Show results, as JSON where that is for the terminal, and write them where it is asked."""
    text = json.dumps(value, indent=2) + "\n"
    if json_file == "-":
        print(text, end="")
        return
    if json_file:
        _write_json(Path(json_file), text)
    console = Console()
    if not console.is_terminal:
        console.width = max(console.width, _WIDE)
    show(console)


def _try_json(json_file: str | None) -> None:
    """Have an error now rather than after the measurement."""
    if json_file and json_file != "-":
        _write_json(Path(json_file), "")


def _write_json(path: Path, text: str) -> None:
    try:
        path.write_text(text)
    except OSError as error:
        raise UsageError(f"--json {path}: {error.strerror}") from None


def _status(summary: Summary) -> int:
    if summary.interrupted:
        return INTERRUPTED
    outcomes = {row.outcome for row in summary.rows}
    if outcomes - {Outcome.OK} - _PARITY_OUTCOMES:
        return NOT_MEASURED
    return FAILED if outcomes & _PARITY_OUTCOMES else OK
