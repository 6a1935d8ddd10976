"""The pytest plugin: every artifact and every check of the gate as a test.

    pytest --artifact-dir exported/ --artifact-baseline baseline.json

The artifacts are measured once, when the first of these tests is run. pytest imports this module in
every project where exportbench is installed, so it imports nothing before it is needed.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from .api import LoadedModel
    from .config import GateConfig
    from .gating.result import Check, GateResult, Verdict


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    group = parser.getgroup("exportbench", "exported models (exportbench)")
    group.addoption(
        "--artifact-dir",
        action="append",
        metavar="DIR",
        help="an artifact or a folder of artifacts to hold against the baseline; can be repeated",
    )
    group.addoption("--artifact-baseline", metavar="FILE", help="what to hold them against")
    group.addoption(
        "--artifact-options",
        metavar="TEXT",
        help="options of 'exportbench gate', as one text: '--inputs test.npz --batch 8'",
    )
    parser.addini("artifact_options", "as --artifact-options", default="")


def pytest_configure(config: pytest.Config) -> None:
    """Refuse invalid combinations of options."""
    folders, baseline = config.getoption("artifact_dir"), config.getoption("artifact_baseline")
    if bool(folders) != bool(baseline):
        raise pytest.UsageError("--artifact-dir and --artifact-baseline go together")
    if folders and config.getoption("numprocesses", None):
        raise pytest.UsageError(
            "--artifact-dir measures time: run it without -n, apart from other tests"
        )
    if folders:
        from .supported_systems import obstacle

        if reason := obstacle():
            raise pytest.UsageError(reason)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(
    session: pytest.Session, config: pytest.Config, items: list[pytest.Item]
) -> None:
    """Add the tests of the artifacts after those of the project."""
    folders = config.getoption("artifact_dir")
    if not folders:
        return
    gate = _Gate(config, folders)
    root = _Artifacts.from_parent(session, name="artifacts", nodeid="artifacts", gate=gate)
    # As pytest does for the tests that it finds itself, so that they are counted.
    report = config.hook.pytest_make_collect_report(collector=root)
    config.hook.pytest_collectreport(report=report)
    items += report.result


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Print the remedies."""
    gate = config.stash.get(_GATE, None)
    if gate is None or gate.result is None:
        return
    from .escaping import terminal
    from .gating import report as gate_report

    terminalreporter.section("exported models")
    for line in (gate_report.headline(gate.result), *gate.result.notices, *gate.result.remedies):
        terminalreporter.line(terminal(line))


@pytest.fixture
def exported_model() -> Iterator[Callable[..., LoadedModel]]:
    """Load artifacts in worker processes that end with the test.

    `exported_model(path).run(inputs)` gives the outputs by name; the options are those of
    `exportbench.load`.
    """
    from . import load

    with ExitStack() as stack:

        def opened(path: str | Path, **options: Any) -> LoadedModel:
            return stack.enter_context(load(path, **options))

        yield opened


class _Gate:
    """Measures and judges the artifacts on first use."""

    def __init__(self, config: pytest.Config, folders: list[str]) -> None:
        self.config = _config(config, folders)
        self._command = ["pytest", *folders]
        self.result: GateResult | None = None
        self.failures: tuple[Verdict, ...] = ()
        self._error: Exception | None = None
        self.names = self._labels()
        config.stash[_GATE] = self

    def checks(self, artifact: str, kind: str) -> list[Check]:
        """The gate's checks of one kind for an artifact."""
        from .errors import ExportbenchError, MeasurementError
        from .exit_status import INTERRUPTED
        from .steps.gate import run_gate

        if self._error:
            raise self._error
        if self.result is None:
            try:
                self.result = run_gate(self.config, self._command)
            except MeasurementError as error:
                if error.status == INTERRUPTED:
                    raise KeyboardInterrupt from None
                self._error = _Failed(str(error))
            except (ExportbenchError, OSError) as error:
                self._error = _Failed(str(error))
            if self.result and self.result.refused:
                self._error = _Failed("much worse than the baseline: " + self.result.refused[0])
            if self._error:
                raise self._error
        assert self.result
        self.failures = self.result.failures
        return [c for c in self.result.checks if c.artifact == artifact and c.kind.group == kind]

    def _labels(self) -> list[str]:
        """Labels of the artifacts in the folders and in the baseline."""
        from .errors import ExportbenchError
        from .gating.baseline_file import read_baseline
        from .steps.planning import plan_run

        try:
            there = [label for label, _ in plan_run(self.config.run).artifacts]
            known = read_baseline(self.config.baseline).artifacts
        except (ExportbenchError, OSError) as error:
            raise pytest.UsageError(_lines(str(error))) from None
        return list(dict.fromkeys((*there, *known)))


_GATE = pytest.StashKey[_Gate]()


def _config(config: pytest.Config, folders: list[str]) -> GateConfig:
    from .arguments.run_options import parse_gate_config
    from .errors import UsageError

    text = config.getoption("artifact_options")
    if text is None:
        text = config.getini("artifact_options")
    baseline = ("--baseline", config.getoption("artifact_baseline"))
    try:
        # The folders come first, since options such as --against take all words after them.
        return parse_gate_config([*folders, *baseline, *shlex.split(text)])
    except ValueError:
        raise pytest.UsageError(
            f"--artifact-options {text!r}: not options of exportbench gate"
        ) from None
    except UsageError as error:
        raise pytest.UsageError(_lines(str(error))) from None


class _Failed(Exception):  # noqa: N818 - a test's failure, in words
    """A check that failed."""


class _Artifacts(pytest.Collector):
    """The collector of the tests of all artifacts."""

    def __init__(self, *, gate: _Gate, **arguments: Any) -> None:
        super().__init__(**arguments)
        self._gate = gate

    def collect(self) -> list[pytest.Item]:
        """Make a test for each artifact and each kind of check."""
        from .escaping import printable
        from .gating.result import CheckKind

        artifacts = [
            _Artifact.from_parent(self, name=printable(label), label=label)
            for label in self._gate.names
        ]
        return [
            _CheckItem.from_parent(artifact, name=kind, gate=self._gate)
            for artifact in artifacts
            for kind in dict.fromkeys(kind.group for kind in CheckKind)
        ]


class _Artifact(pytest.Collector):
    """The parent node of the tests of one artifact."""

    def __init__(self, *, label: str, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.label = label

    def collect(self) -> list[pytest.Item]:
        """Nothing: its tests are collected for all artifacts together."""
        return []


class _CheckItem(pytest.Item):
    """One kind of check of one artifact."""

    def __init__(self, *, gate: _Gate, **arguments: Any) -> None:
        super().__init__(**arguments)
        self._gate = gate

    def runtest(self) -> None:
        """Fail or skip according to the gate's verdicts."""
        from .escaping import printable
        from .gating.result import Verdict

        assert isinstance(self.parent, _Artifact)
        checks = self._gate.checks(self.parent.label, self.name)
        bad = [c for c in checks if c.verdict in self._gate.failures]
        if bad:
            raise _Failed("\n".join(map(_told, bad)))
        unknown = [c for c in checks if c.verdict in (Verdict.NOT_JUDGED, Verdict.OFF)]
        if unknown or not checks:
            reason = "; ".join(c.detail for c in unknown) or "there is nothing to judge"
            pytest.skip(printable(reason))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """The gate's message, without a traceback."""
        if isinstance(excinfo.value, _Failed):
            return _lines(str(excinfo.value))
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, None, str]:
        """Its name in reports."""
        assert self.parent
        return self.path, None, f"{self.parent.name}: {self.name}"


def _told(check: Check) -> str:
    from .escaping import printable

    lines = [f"{check.artifact}, {check.name}: {check.verdict}", f"  {check.detail}"]
    if check.remedy:
        lines.append(f"  what to do: {check.remedy}")
    return _lines("\n".join(map(printable, lines)))


def _lines(text: str) -> str:
    """Lines for a terminal or the log of a CI job, each with text that may be a stranger's."""
    from .escaping import terminal

    return "\n".join(map(terminal, text.split("\n")))
