"""Runs of the command line for tests of situations, as short as a run can be."""

from __future__ import annotations

import contextlib
import io
import json
import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

from infer.cli import main
from infer.measure.session import Run

# One generation of processes, one burst of one call.
SHORT = ("--budget", "0.1s", "--scenario", "single", "--turns", "1", "--burst", "0.001s")


@dataclass(frozen=True)
class CaseRun:
    """A finished run.

    Attributes:
        status: exit status.
        text: what the command printed.
        summary: the results, as `--json` writes them.
        report: the Markdown report.
    """

    status: int
    text: str
    summary: dict[str, Any]
    report: str

    def outcome(self, label: str) -> str:
        """The outcome of an artifact."""
        return str(self._row(label)["outcome"])

    def reason(self, label: str) -> str:
        """Why it is not `ok`, which is one line."""
        reason = str(self._row(label)["reason"])
        assert "\n" not in reason
        return reason

    def notes(self, label: str) -> str:
        """The notes of an artifact."""
        return "; ".join(self._row(label)["notes"])

    def accuracy(self, label: str) -> float:
        """The share of right labels."""
        return float(self._row(label)["metrics"]["accuracy"])

    def command(self, label: str) -> str:
        """The command that measures an artifact again."""
        return str(self._row(label)["command"])

    def _row(self, label: str) -> dict[str, Any]:
        return next(row for row in self.summary["rows"] if row["artifact"] == label)


def run_case(folder: Path, *arguments: object) -> CaseRun:
    """Run `exportbench run` in a folder with the shortest protocol.

    Args:
        folder: folder of the models and inputs; paths are relative to it.
        arguments: artifacts and options.
    """
    printed = io.StringIO()
    # The peak rates of the machine take seconds, and no verdict depends on them.
    without_rates = mock.patch.object(Run, "_measure_roofline")
    with contextlib.chdir(folder), contextlib.redirect_stdout(printed), without_rates:
        options = ("--device", "cpu", "--threads", "1", "--trust", "--json", "summary.json")
        status = main.main(["run", *map(str, arguments), *SHORT, *options])
    report = max(folder.glob("artifacts/runs/*/report.md"), default=None)
    return CaseRun(
        status,
        printed.getvalue(),
        json.loads((folder / "summary.json").read_text()),
        report.read_text() if report else "",
    )


def advised(text: str, option: str) -> list[str]:
    """The values that a message gives an option, as a shell reads them."""
    values = re.search(rf"{option} (.+?)(?=, (?:and|or) |; |$)", text)
    assert values, text
    return [option, *shlex.split(values[1])]


@dataclass(frozen=True)
class CaseGate:
    """A finished gate.

    Attributes:
        status: exit status.
        text: what the command printed.
        checks: the checks, as `--json` writes them.
    """

    status: int
    text: str
    checks: list[dict[str, Any]]

    def verdict(self, kind: str) -> str:
        """The verdict of the check of this kind."""
        return str(self.check(kind)["verdict"])

    def detail(self, kind: str) -> str:
        """What the check of this kind found."""
        return str(self.check(kind)["detail"])

    def check(self, kind: str) -> dict[str, Any]:
        """The check of this kind."""
        return next(check for check in self.checks if check["kind"] == kind)


def gate_case(folder: Path, *arguments: object, update: bool = True) -> CaseGate:
    """Run `exportbench gate` in a folder with the shortest protocol.

    Args:
        folder: folder of the models and inputs; paths are relative to it.
        arguments: artifacts and options.
        update: whether the baseline `baseline.json` is written.
    """
    printed = io.StringIO()
    without_rates = mock.patch.object(Run, "_measure_roofline")
    with contextlib.chdir(folder), contextlib.redirect_stdout(printed), without_rates:
        options = ["--device", "cpu", "--threads", "1", "--trust", "--json", "gate.json"]
        options += ["--baseline", "baseline.json", *(["--update"] if update else [])]
        status = main.main(["gate", *map(str, arguments), *SHORT, *options])
    result = json.loads((folder / "gate.json").read_text())
    return CaseGate(status, printed.getvalue(), result["checks"])


def printed_by(folder: Path, *words: object) -> tuple[int, str]:
    """Run a command in a folder, as it is typed; the exit status, and all that it prints."""
    printed = io.StringIO()
    without_rates = mock.patch.object(Run, "_measure_roofline")
    with (
        contextlib.chdir(folder),
        contextlib.redirect_stdout(printed),
        contextlib.redirect_stderr(printed),
        without_rates,
    ):
        try:
            status = main.main([*map(str, words)])
        except SystemExit as end:
            status = int(end.code or 0)
    return status, printed.getvalue()
