"""Command line of the inference runner: `exportbench`, or `python -m infer`."""

from __future__ import annotations

import argparse
import importlib.util
import json
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from infer import __version__, environment, markdown, terminal
from infer.artifact import discover, label_paths
from infer.controller import Plan, Run
from infer.inputs import InputError, read_inputs
from infer.outcome import Outcome
from infer.protocol import PROTOCOLS
from infer.results import Store, read_records
from infer.summary import Summary, summarize

ARTIFACTS = Path("artifacts")
RUNS = "runs"
OK, PARITY_FAILED, WRONG_USAGE, NOT_MEASURED, INTERRUPTED = 0, 1, 2, 3, 130
_PARITY_OUTCOMES = {Outcome.PARITY_FAIL, Outcome.NON_FINITE}


class UsageError(Exception):
    """Wrong usage or input: one line for the user."""


def main(arguments: list[str] | None = None) -> int:
    """Run a subcommand; return the exit status."""
    arguments = sys.argv[1:] if arguments is None else arguments
    options = _parser().parse_args(arguments)
    try:
        if options.action == "run":
            return _run(options, arguments)
        return _show(options)
    except (UsageError, InputError) as error:
        print(f"error: {error}", file=sys.stderr)
        return WRONG_USAGE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
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
        metavar="FILE.npz",
        help="arrays by input name, and 'labels' if there are (default: what the artifacts name)",
    )
    run.add_argument(
        "--protocol", choices=PROTOCOLS, default="quick", help="how much (default: quick)"
    )
    run.add_argument(
        "--device",
        choices=("auto", "cpu", "cuda"),
        default="auto",
        help="auto: GPU if there is one",
    )
    run.add_argument("--threads", type=_positive, help="for each artifact (default: all cores)")
    run.add_argument(
        "--timeout", type=float, default=300.0, metavar="S", help="for one answer (default: 300)"
    )
    run.add_argument(
        "--tolerance", type=float, help="largest difference that passes (default: by precision)"
    )
    run.add_argument("--reference", help="artifact to compare with (default: the training's own)")
    run.add_argument("--seed", type=int, default=0, help="of the order in each round")
    run.add_argument("--out", type=Path, default=ARTIFACTS / RUNS, help="folder of the runs")
    run.add_argument(
        "--json", metavar="FILE", help="write the results as JSON too; - for standard output"
    )

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
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a positive number")
    return value


def _run(options: argparse.Namespace, arguments: list[str]) -> int:
    artifacts = _artifacts(options.artifacts)
    if options.inputs:
        read_inputs(options.inputs)
    threads = options.threads or environment.cores()
    if threads > environment.cores():
        raise UsageError(f"--threads {threads}: this machine gives {environment.cores()} cores")
    labels = [label for label, _ in artifacts]
    if options.reference and options.reference not in labels:
        raise UsageError(f"--reference {options.reference}: choose one of {', '.join(labels)}")
    device = options.device
    if device == "auto":
        device = "cuda" if environment.gpus() else "cpu"
    plan = Plan(
        artifacts=artifacts,
        inputs=options.inputs,
        protocol=PROTOCOLS[options.protocol],
        device=device,
        threads=threads,
        timeout_s=options.timeout,
        tolerance=options.tolerance,
        reference=options.reference,
        seed=options.seed,
    )
    if options.json and options.json != "-":
        _write_json(Path(options.json), "")  # an error now rather than after the measurement
    store = _new_run(options.out)
    try:
        _measure(plan, store, arguments)
    finally:
        store.close()
    summary = summarize(store.records)
    (store.folder / "report.md").write_text(markdown.render(summary))
    _give(summary, options.json)
    print(f"results: {store.folder}", file=sys.stderr)
    return _status(summary)


def _measure(plan: Plan, store: Store, arguments: list[str]) -> None:
    console = Console(stderr=True)
    columns = (
        BarColumn(bar_width=24),
        TimeElapsedColumn(),
        TextColumn("elapsed,"),
        TimeRemainingColumn(),
        TextColumn("left  {task.description}"),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("", total=plan.protocol.rounds * len(plan.artifacts))

        def tell(what: str, advance: int) -> None:
            if what:
                progress.update(task, description=what)
            progress.advance(task, advance)

        Run(plan, store, tell).run(arguments)


def _artifacts(paths: list[Path]) -> tuple[tuple[str, Path], ...]:
    if not paths:
        if not _found(ARTIFACTS):
            _export_pretrained()
        paths = _found(ARTIFACTS)
    expanded: list[Path] = []
    for path in paths:
        below = _found(path) if path.is_dir() else []
        for found in below or [path]:
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


def _new_run(root: Path) -> Store:
    name = time.strftime("%Y%m%d-%H%M%S")
    for suffix in ("", *(f"-{index}" for index in range(1, 100))):
        try:
            return Store(root / f"{name}{suffix}")
        except FileExistsError:
            continue
        except OSError as error:
            raise UsageError(f"--out {root}: {error.strerror}") from None
    raise UsageError(f"--out {root}: too many runs in this second")


def _show(options: argparse.Namespace) -> int:
    try:
        summary = summarize(read_records(options.run))
    except (ValueError, StopIteration) as error:
        raise UsageError(str(error) or f"{options.run}: holds no run") from None
    _give(summary, options.json)
    return _status(summary)


def _give(summary: Summary, json_file: str | None) -> None:
    text = json.dumps(asdict(summary), indent=2) + "\n"
    if json_file == "-":
        print(text, end="")
        return
    if json_file:
        _write_json(Path(json_file), text)
    console = Console()
    if not console.is_terminal:
        console.width = max(console.width, 140)
    terminal.show(summary, console)


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
    return PARITY_FAILED if outcomes & _PARITY_OUTCOMES else OK
