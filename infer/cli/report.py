"""The command `exportbench report`: write a run as a page, or its tables in other forms."""

from __future__ import annotations

import argparse
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from ..errors import UsageError
from ..exit_status import OK
from ..regular_file import replace_text
from ..report import csv, latex, markdown
from ..results.recorded_run import RecordedRun, records_of
from ..stderr import print_line
from ..steps.run_folders import read_run
from ..steps.source_inputs import stored_inputs

HTML, MARKDOWN, CSV, LATEX = "html", "markdown", "csv", "latex"
FORMATS = (HTML, MARKDOWN, CSV, LATEX)
NAME = "report.html"


def add(actions: Any) -> None:
    """Add the command to the others."""
    parser: argparse.ArgumentParser = actions.add_parser(
        "report",
        help="write a run as a page, or as tables",
        description="Write a run as one HTML file that needs no network, or as tables in "
        "Markdown, CSV or LaTeX. Of several runs, the page has one after the other, and how the "
        "cost grows with the size of the inputs where that is what they differ in. Exit status: 0 "
        "written, 2 wrong usage.",
        epilog="example: exportbench report artifacts/runs/20260101-120000 --out report.html",
    )
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="folder of a run")
    parser.add_argument(
        "--format", choices=FORMATS, default=HTML, help=f"of the report (default: {HTML})"
    )
    parser.add_argument(
        "--out",
        metavar="FILE",
        help=f"where to write it; - for standard output (default: {NAME} in the folder of the "
        "first run, and standard output for tables)",
    )
    parser.add_argument(
        "--inputs",
        nargs="+",
        type=Path,
        default=[],
        metavar="FILE",
        help="the inputs of the runs, for pictures of samples and figures by class; what a run's "
        "records name is not opened",
    )
    parser.set_defaults(command=run)


def run(options: argparse.Namespace) -> int:
    """Write the report; return the exit status.

    Raises:
        UsageError: the folder holds no run, or the file cannot be written.
    """
    with ExitStack() as opened:
        inputs = [opened.enter_context(stored_inputs(path)) for path in options.inputs]
        with records_of(*options.runs):
            runs = [read_run(folder, inputs) for folder in options.runs]
            text = render(runs, options.format)
    out = options.out or (str(options.runs[0] / NAME) if options.format == HTML else "-")
    if out == "-":
        sys.stdout.reconfigure(encoding="utf-8")  # type: ignore[union-attr]
        sys.stdout.write(text)
        return OK
    try:
        if options.out:
            Path(out).write_text(text, encoding="utf-8")
        else:  # in a folder that may be a stranger's
            replace_text(Path(out), text)
    except OSError as error:
        raise UsageError(f"--out {out}: {error.strerror}") from None
    print_line(f"report: {out}")
    return OK


def render(runs: list[RecordedRun], form: str) -> str:
    """Render runs as text in one of `FORMATS`."""
    if form == HTML:
        from ..report import html  # only this form needs Jinja

        return html.render(runs)
    if form == CSV:
        names = [run.name for run in runs]
        labels = [str(r.folder) if names.count(r.name) > 1 else r.name for r in runs]
        return csv.render({name: r.summary for name, r in zip(labels, runs, strict=True)})
    each = markdown.render if form == MARKDOWN else latex.render
    return "\n".join(each(run.summary) for run in runs)
