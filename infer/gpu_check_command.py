"""The command `exportbench gpu-check`."""

from __future__ import annotations

import argparse
import importlib.util
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from infer import nvml, schedule, trust
from infer.artifact import check_files, open_artifact
from infer.console import give, progress
from infer.controller import Progress
from infer.gpu_check.clocks import ClockLog
from infer.gpu_check.runner import INTERRUPTED, Check, Done
from infer.gpu_check.setting import Setting
from infer.option_types import given, parse_bytes
from infer.outcome import Failure
from infer.planning import artifacts_of, device_of, threads_of
from infer.usage import INTERRUPTED as STATUS_INTERRUPTED
from infer.usage import NOT_MEASURED, OK, UsageError

OUT = Path("artifacts/gpu-check")
CLOCKS = "clocks.jsonl"
_COLOURS = {"ok": "green", "left_out": "yellow"}


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
    trust.add(parser)
    parser.add_argument("--inputs", type=Path, metavar="FILE.npz", help="test inputs for all")
    parser.add_argument(
        "--data-root", type=Path, help="folder of bloodmnist.npz, for the exporters to check with"
    )
    parser.add_argument("--device", default="auto", metavar="DEVICE", help="as of run (default: auto)")
    parser.add_argument("--threads", type=int, help="for each artifact (default: all cores)")
    parser.add_argument(
        "--memory-limit",
        type=given(parse_bytes),
        metavar="SIZE",
        help="for each artifact's process, as 20GB, on machines whose memory begins small and "
        "grows (default: nine tenths of what is free)",
    )
    parser.add_argument(
        "--budget",
        type=given(schedule.parse_duration),
        default=300.0,
        metavar="TIME",
        help="for all stages together, about (default: 5m)",
    )
    parser.add_argument("--out", type=Path, default=OUT, help=f"folder of the results ({OUT})")
    parser.add_argument("--json", metavar="FILE", help="what came of each stage; - for the terminal")
    parser.set_defaults(command=run)


def run(options: argparse.Namespace) -> int:
    """Check, and show what came of it; return the exit status.

    Raises:
        UsageError: one line for the user.
    """
    given_artifacts = [path for _, path in artifacts_of(options.artifacts)] if options.artifacts else []
    _admit(given_artifacts, options)
    device, card = device_of(options.device)
    setting = Setting(
        out=_folder(options.out),
        wanted=options.device if device == "cuda" else device,
        device=device,
        card=card,
        threads=threads_of(options),
        seconds=options.budget,
        inputs=options.inputs and options.inputs.resolve(),
        data_root=options.data_root and options.data_root.resolve(),
        memory_limit=options.memory_limit,
    )
    watched = nvml.card(card) if device == "cuda" else None
    with progress() as tell, ClockLog(watched, setting.out / CLOCKS):
        check = Check(setting, given_artifacts, lambda doing, share: tell(Progress(doing, share)))
        check.run()
    page = _write_page(setting.out)
    give([asdict(one) for one in check.done], lambda console: show(check.done, console), options.json)
    print(f"results: {setting.out}{page}", file=sys.stderr)
    statuses = {one.status for one in check.done}
    if INTERRUPTED in statuses:
        return STATUS_INTERRUPTED
    return OK if statuses <= {"ok", "left_out"} else NOT_MEASURED


def _admit(paths: list[Path], options: argparse.Namespace) -> None:
    """See that artifacts that were named may be opened, before anything is done."""
    opened = [open_artifact(path) for path in paths]
    trusted = trust.read(options.trust, [artifact.label for artifact in opened])
    for artifact in opened:
        check_files(artifact)
        try:
            trust.admit(artifact, trusted)
        except Failure as failure:
            raise UsageError(f"{artifact.path}: {failure.reason}") from None


def _folder(out: Path) -> Path:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"--out {out}: {error.strerror}") from None
    return out.resolve()


def _write_page(out: Path) -> None:
    """Have the project's study, where it is at hand, write a page of the results."""
    if importlib.util.find_spec("study") is not None:
        subprocess.run([sys.executable, "-m", "study.gpu", str(out)], stdout=subprocess.DEVNULL)


def show(done: list[Done], console: Console) -> None:
    """Print what came of each stage."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    for title in ("stage", "came to", "took", "what it finds out"):
        table.add_column(title, justify="right" if title == "took" else "left")
    for one in done:
        words = one.status.replace("_", " ")
        table.add_row(
            one.name,
            Text(words, style=_COLOURS.get(one.status, "red")),
            f"{one.seconds:.0f} s" if one.status != "left_out" else "",
            Text("\n".join(filter(None, (one.what, one.reason)))),
        )
    console.print(table)
