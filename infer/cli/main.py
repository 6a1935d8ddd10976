"""Command line of the inference runner: `exportbench`, or `python -m infer`."""

from __future__ import annotations

import argparse
import sys
from typing import Any, NoReturn

from .. import __version__, plugins
from ..errors import ExportbenchError
from ..exit_status import INTERRUPTED, NOT_MEASURED, WRONG_USAGE
from ..stderr import print_line
from . import (
    bisect,
    choose,
    compare,
    doctor,
    gate,
    gpu_check,
    inspect,
    overhead,
    profile,
    report,
    run,
    self_test,
    show,
)

# In the order of the help.
_COMMANDS = (
    run,
    gate,
    show,
    report,
    choose,
    compare,
    inspect,
    doctor,
    bisect,
    profile,
    self_test,
    overhead,
    gpu_check,
)


def main(arguments: list[str] | None = None) -> int:
    """Run a subcommand; return the exit status."""
    arguments = sys.argv[1:] if arguments is None else arguments
    options = _parser().parse_args(arguments)
    options.command_line = arguments
    for plugin in plugins.register():
        if plugin.problem:
            print_line(f"warning: {plugin.refusal}")
    try:
        status: int = options.command(options)
        return status
    except ExportbenchError as error:
        print_line(f"error: {error}")
        return error.status
    except OSError as error:
        print_line(f"error: {error}")
        return NOT_MEASURED
    except KeyboardInterrupt:
        print_line("error: interrupted")
        return INTERRUPTED


class _Help(argparse.HelpFormatter):
    """Help whose examples are left for the terminal to wrap, so that they can be copied."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        return text if text.startswith("example") else super()._fill_text(text, width, indent)


class _Parser(argparse.ArgumentParser):
    """An argument parser that reports errors in one line."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"formatter_class": _Help} | options)

    def error(self, message: str) -> NoReturn:
        """Print the error and end the program."""
        print_line(f"error: {message} (see {self.prog} --help)")
        self.exit(WRONG_USAGE)


def _parser() -> argparse.ArgumentParser:
    plugins.register()  # names of plug-ins are choices of options
    parser = _Parser(
        prog="exportbench", description="Compare exported models: speed, agreement and accuracy."
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    actions = parser.add_subparsers(dest="action", required=True)
    for command in _COMMANDS:
        command.add(actions)
    return parser
