"""The command `exportbench gpu-check`."""

from __future__ import annotations

import argparse
import importlib.util
import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from ..arguments import common_options
from ..arguments.types import argument_type
from ..artifacts.artifact import Artifact
from ..artifacts.discovery import label_paths
from ..console import BAD, TextColumn, lines_of, one_line, print_table
from ..diagnostics.gpu_check.clocks import ClockLog
from ..diagnostics.gpu_check.runner import INTERRUPTED, Check, Done
from ..diagnostics.gpu_check.setting import Setting
from ..diagnostics.gpu_check.stages import STAGES
from ..errors import UsageError
from ..exit_status import INTERRUPTED as STATUS_INTERRUPTED
from ..exit_status import NOT_MEASURED, OK
from ..inputs.loading import read_inputs
from ..measure import devices
from ..measure.progress import Progress
from ..outcome import Failure
from ..quantities import parse_bytes
from ..runtimes.registry import runtime_names, runtimes_for
from ..sandbox import trust
from ..sandbox.artifact_reader import check_files, open_artifact
from ..stderr import print_line
from ..steps.planning import find_artifacts, thread_count
from ..steps.progress_bar import progress
from ..steps.source_inputs import stored_inputs
from ..system import nvml
from .console import emit

OUT = Path("artifacts/gpu-check")
CLOCKS = "clocks.jsonl"
_WELL = ("ok", "left_out")


def add(actions: Any) -> None:
    """Add the command to the others."""
    parser: argparse.ArgumentParser = actions.add_parser(
        "gpu-check",
        help="find out all that a machine's card has to tell",
        description="Look at the card, start CUDA in and outside of the sandbox, export the "
        "pretrained weights, measure and compare them at 28 and 64 pixels, compare byte copies, "
        "provoke failures. Each stage has its time, a process of its own and a JSON file; one that "
        "fails stops no other. Without a card the stages that need none are done. Exit status 3 if "
        "a stage failed.",
        epilog="example: exportbench gpu-check --budget 5m --out checked",
    )
    parser.add_argument(
        "artifacts",
        nargs="*",
        type=Path,
        metavar="ARTIFACT",
        help="to measure in place of the pretrained weights in every format",
    )
    common_options.add_trust(parser)
    parser.add_argument(
        "--inputs", type=Path, metavar="FILE", help="test inputs for all that they fit"
    )
    parser.add_argument(
        "--data-root",
        type=Path,
        help="folder of bloodmnist.npz, to export with real images in place of drawn ones",
    )
    common_options.add_device(parser)
    common_options.add_threads(parser)
    parser.add_argument(
        "--memory-limit",
        type=argument_type(parse_bytes),
        metavar="SIZE",
        help="for each artifact's process, as 20GB, on machines whose memory begins small and "
        "grows (default: nine tenths of what is free)",
    )
    common_options.add_budget(parser, 300.0, "all stages together, about")
    parser.add_argument(
        "--only",
        nargs="+",
        action="extend",
        choices=STAGES,
        metavar="STAGE",
        help=f"the stages to do, of {', '.join(STAGES)} (default: all)",
    )
    parser.add_argument("--out", type=Path, default=OUT, help=f"folder of the results ({OUT})")
    common_options.add_json(parser)
    parser.set_defaults(command=run)


def run(options: argparse.Namespace) -> int:
    """Run the checks, and show their results; return the exit status.

    Raises:
        UsageError: one line for the user.
    """
    with stored_inputs(options.inputs) as options.inputs:
        return _check(options)


def _check(options: argparse.Namespace) -> int:
    paths = [path for _, path in find_artifacts(options.artifacts)] if options.artifacts else []
    opened = _admitted(paths, options)
    if options.inputs:
        read_inputs(options.inputs)
    choice = devices.choose(options.device, _uses(opened))
    for notice in choice.notices:
        print_line(notice)
    setting = Setting(
        out=_folder(options.out),
        wanted=options.device if options.device.startswith("cuda") else choice.device,
        device=choice.device,
        card=choice.card,
        threads=thread_count(options.threads),
        seconds=options.budget,
        inputs=options.inputs and options.inputs.resolve(),
        data_root=_data_root(options.data_root),
        memory_limit=options.memory_limit,
    )
    card = nvml.find(setting.card) if setting.card else None
    with progress() as tell, ClockLog(card, setting.out / CLOCKS):
        check = Check(
            setting, paths, lambda doing, share: tell(Progress(doing, share)), options.only
        )
        check.run()
    _write_page(setting.out)
    emit(
        [asdict(stage) for stage in check.done],
        lambda console: show(check.done, console),
        options.json,
    )
    print_line(f"results: {setting.out}")
    statuses = {stage.status for stage in check.done}
    if INTERRUPTED in statuses:
        return STATUS_INTERRUPTED
    return OK if statuses <= {"ok", "left_out"} else NOT_MEASURED


def _admitted(paths: list[Path], options: argparse.Namespace) -> list[Artifact]:
    """Open the artifacts that the user named, if they are trusted."""
    opened = [open_artifact(path, label) for path, label in label_paths(paths)]
    trusted = trust.read(options.trust, [artifact.label for artifact in opened])
    for artifact in opened:
        check_files(artifact)
        try:
            trust.require_trusted(artifact, trusted)
        except Failure as failure:
            raise UsageError(f"{artifact.path}: {failure.reason}") from None
    return opened


def _uses(artifacts: list[Artifact]) -> dict[str, devices.RuntimeEnvironment]:
    """The runtimes of the artifacts, or of all formats if the user named none."""
    names = [
        runtimes_for(artifact.format)[0] for artifact in artifacts if runtimes_for(artifact.format)
    ]
    names = names or runtime_names()
    return {name: devices.RuntimeEnvironment(name) for name in names}


def _data_root(given_root: Path | None) -> Path | None:
    """The data folder of the option, or of the environment variable for training and exporting."""
    root = given_root or os.environ.get("EXPORTBENCH_DATA_ROOT")
    return Path(root).resolve() if root else None


def _folder(out: Path) -> Path:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"--out {out}: {error.strerror}") from None
    return out.resolve()


def _write_page(out: Path) -> None:
    """Let the project's study, if it is installed, write a page of the results."""
    if importlib.util.find_spec("study") is not None:
        subprocess.run([sys.executable, "-m", "study.gpu", str(out)], stdout=subprocess.DEVNULL)


def show(done: list[Done], console: Console) -> None:
    """Print the result of each stage."""
    columns = [
        TextColumn("stage", is_text=True),
        TextColumn("came to", is_text=True),
        TextColumn("took"),
        TextColumn("what it finds out", is_text=True),
    ]
    rows: list[list[Text | str]] = [
        [
            stage.name,
            one_line(stage.status.replace("_", " "), style="" if stage.status in _WELL else BAD),
            f"{stage.seconds:.0f} s" if stage.status != "left_out" else "",
            lines_of(stage.what, stage.reason),
        ]
        for stage in done
    ]
    print_table(console, columns, rows)
