"""The command `exportbench profile`."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from rich.console import Console

from ..arguments import common_options
from ..arguments.run_options import add_profile_options, profile_config
from ..codec import to_json
from ..console import one_line, print_wrapped
from ..errors import UsageError
from ..exit_status import NOT_MEASURED, OK
from ..measure.progress import Progress
from ..profiling.findings import findings
from ..profiling.layers import paired
from ..profiling.trace import trace_of
from ..report import html, profile_tables, terminal
from ..report.profile_part import profile_part
from ..steps.profiling import Profiles, profile_artifacts
from ..steps.progress_bar import progress
from .console import emit, try_json


def add(actions: Any) -> None:
    """Add the command to the others."""
    parser: argparse.ArgumentParser = actions.add_parser(
        "profile",
        help="say where the time of calls goes, by operator and layer",
        description="Call each artifact under its runtime's own profiler, in a process of its own, "
        "and show the time by operator and by layer, side by side. Exit status 3 if an artifact "
        "cannot be run.",
        epilog="example: exportbench profile model.onnx saved_model/ --trace trace.json",
    )
    add_profile_options(parser)
    parser.add_argument(
        "--trace",
        type=Path,
        metavar="FILE",
        help="write one call of each as a trace, for ui.perfetto.dev or chrome://tracing",
    )
    parser.add_argument("--html", type=Path, metavar="FILE", help="write a page with charts")
    common_options.add_json(parser)
    parser.set_defaults(command=run)


def run(options: argparse.Namespace) -> int:
    """Profile and report; return the exit status.

    Raises:
        UsageError, InputError: one line for the user.
    """
    config = profile_config(options)
    try_json(options.json)
    files = {"--trace": options.trace, "--html": options.html}
    for flag, path in files.items():
        _write(flag, path, "")
    with progress() as tell:
        result = profile_artifacts(config, lambda doing, share: tell(Progress(doing, share)))
    _write("--trace", options.trace, json.dumps(trace_of(result.profiles)) + "\n")
    if options.html:
        part = profile_part(result.profiles, result.rates.get("flops_per_s"))
        _write("--html", options.html, html.render_profile(part, _conditions(result)))
    emit(described(result), lambda console: show(result, console), options.json)
    return OK if all(profile.plain_s for profile in result.profiles) else NOT_MEASURED


def described(result: Profiles) -> dict[str, Any]:
    """Profiles for JSON."""
    flops_per_s = result.rates.get("flops_per_s")
    recorded = [profile for profile in result.profiles if profile.profiler]
    return {
        "device": result.device,
        "threads": result.threads,
        "rates": result.rates,
        "profiles": [
            {
                **to_json(profile),
                "seconds": {kind.value: value for kind, value in profile.seconds.items()},
                "overhead_s": profile.overhead_s,
                "unnamed_s": profile.unnamed_s,
                "profiler_overhead": profile.profiler_overhead,
            }
            for profile in result.profiles
        ],
        "layers": [
            {
                profile.artifact: to_json(layer)
                for profile, layer in zip(recorded, row.layers, strict=True)
            }
            for row in paired(recorded)
        ],
        "findings": findings(result.profiles, flops_per_s),
    }


def show(result: Profiles, console: Console) -> None:
    """Print the tables, and what they say in words."""
    texts = profile_tables.profile_texts(result.profiles, result.rates.get("flops_per_s"))
    for notice in result.notices:
        print_wrapped(console, one_line(notice, style="yellow"))
    for sentence in texts.findings:
        print_wrapped(console, one_line(sentence, style="bold"))
    left_out: list[str] = []
    for table in texts.tables:
        left_out += terminal.print_report_table(table, console)
    for line in texts.problems:
        print_wrapped(console, one_line(line, style="yellow"))
    console.print()
    console.print(one_line(_conditions(result), style="dim"))
    for line in texts.legend:
        print_wrapped(console, one_line(line, style="dim"))
    if left_out:
        text = f"on the page of --html: columns that have no room here ({', '.join(left_out)})"
        print_wrapped(console, one_line(text, style="dim"))


def _conditions(result: Profiles) -> str:
    return f"on {result.device} with {result.threads} threads"


def _write(flag: str, path: Path | None, text: str) -> None:
    """Write a file that an option names, if it is given."""
    if path is None:
        return
    try:
        path.write_text(text)
    except OSError as error:
        raise UsageError(f"{flag} {path}: {error.strerror}") from None
