"""Run folders that a stranger made."""

import json
import os
from dataclasses import asdict
from types import SimpleNamespace

import pytest
from events import as_json, event

from infer.cli import choose, compare, report, show
from infer.cli.main import main
from infer.config import RunConfig
from infer.errors import StoreError, UsageError
from infer.metrics.own_metric import parse_own_metrics
from infer.records.store import RESULTS, Store
from infer.regular_file import replace_text
from infer.steps import resuming, run_folders
from infer.steps.gate import read_run as read_judged
from infer.steps.run_folders import check_costly, read_run
from infer.variant import Variant

RUN = event("run", artifacts=[["m", "model"]])


def written(folder, *lines):
    """A run's folder with lines in its records."""
    folder.mkdir(exist_ok=True)
    (folder / RESULTS).write_text("".join(f"{line}\n" for line in lines))
    return folder


def lines_of(*events):
    """The lines of events."""
    return [json.dumps(record) for record in as_json(events)]


def pipe(path):
    os.mkfifo(path)


def link(path):
    (path.parent / "private").write_text("private\n")
    path.symlink_to(path.parent / "private")


def large_integer(path):
    path.write_text('{"schema_version": ' + "1" * 5000 + "}\n{}\n")


HOSTILE = {
    "a pipe": pipe,
    "a link": link,
    "a folder": lambda path: path.mkdir(),
    "deep": lambda path: path.write_text("[" * 200_000 + "\n{}\n"),
    "deep at its end": lambda path: path.write_text("\n".join(lines_of(RUN)) + "\n" + "[" * 99_999),
    "no UTF-8": lambda path: path.write_bytes(b"\xff\xfe\n"),
    "numbers without end": large_integer,
    "no record": lambda path: path.write_text('[1]\n"a"\n'),
    "another type": lambda path: path.write_text(
        json.dumps(as_json([RUN])[0] | {"threads": {"a": []}}) + "\n"
    ),
}


@pytest.mark.parametrize("make", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("command", ["show", "report", "choose", "compare", "gate", "resume"])
def test_records_of_any_kind_end_in_a_line(tmp_path, capsys, make, command):
    folder = tmp_path / "run"
    folder.mkdir()
    make(folder / RESULTS)
    arguments = {
        "compare": ["compare", folder, folder],
        "gate": ["gate", "--baseline", "b.json", "--update", "--run", folder],
        "resume": ["run", "--resume", folder],
    }.get(command, [command, folder])

    status = main(list(map(str, arguments)))

    error = capsys.readouterr().err
    if make is HOSTILE["deep at its end"]:
        assert status in (0, 1, 2, 3, 4, 130)  # the last line is not whole, which is no error
    else:
        assert status in (2, 3), error
    assert "Traceback" not in error
    assert len(error.strip().splitlines()) <= 1 or command == "resume"
    assert "private" not in error
    if (folder / "private").exists():
        assert (folder / "private").read_text() == "private\n"


@pytest.mark.parametrize(
    "events",
    [
        [event("outcome", artifact="nobody", outcome="ok", reason="", early=False)],
        [event("parity", artifact="nobody", reference="none")],
    ],
)
def test_records_that_do_not_fit_together_end_in_a_line(tmp_path, capsys, events):
    folder = written(tmp_path / "run", *lines_of(RUN, *events))
    for arguments in (["show"], ["report"], ["choose"], ["compare", str(folder)]):
        main([*arguments, str(folder)])
        assert "Traceback" not in capsys.readouterr().err


def test_whatever_a_command_raises_at_a_run_is_told_in_a_line(tmp_path, monkeypatch):
    folder = written(tmp_path / "run", *lines_of(RUN))

    def contradicts(*_):
        raise KeyError("m")

    for module, name in ((report, "render"), (choose, "choose"), (compare, "compare_runs")):
        monkeypatch.setattr(module, name, contradicts)
    monkeypatch.setattr(show.terminal, "show", contradicts)
    for command in (report, choose, compare, show):
        options = SimpleNamespace(
            **dict.fromkeys(("run", "a", "b"), folder), runs=[folder], inputs=[], json=None,
            format="html", out=None, aim="single", at="batch 1", throughput=None, memory=None,
            install=None, size=None, start=None, no_code_on_load=False, min=[], max=[], margin=[],
            p50=None, p90=None, p95=None, p99=None,
        )  # fmt: skip
        with pytest.raises(UsageError, match="records do not fit together"):
            command.run(options)


def test_large_records_are_read_with_limits_first(tmp_path, monkeypatch):
    monkeypatch.setattr(run_folders, "_CHEAP_BYTES", 10)
    folder = written(tmp_path / "run", *lines_of(RUN))
    assert read_run(folder).summary.rows == []
    with pytest.raises(UsageError, match="not read within"):
        check_costly(folder, timeout_s=0.001)
    written(folder, "x", "{}")
    for read in (read_run, read_judged):
        with pytest.raises(UsageError, match="line 1 is not JSON"):
            read(folder)


def test_report_is_not_written_through_a_link(tmp_path):
    private = tmp_path / "private"
    private.write_text("mine")
    for name, make in (("a", lambda path: path.symlink_to(private)), ("b", os.mkfifo)):
        make(tmp_path / name)
        replace_text(tmp_path / name, "report")
        assert not (tmp_path / name).is_symlink()
        assert (tmp_path / name).read_text() == "report"
    assert private.read_text() == "mine"
    assert not list(tmp_path.glob(".*"))


class TestResume:
    """What is never taken from the records of a run."""

    @pytest.fixture
    def resume(self, tmp_path):
        """Resumes a run with given records and options; gives the plan."""

        def call(run, **options):
            folder = written(tmp_path / "run", *lines_of(run))
            store, plan = resuming.resume(folder, RunConfig(**options))
            store.close()
            return plan

        return call

    def test_interpreters_are_given_again(self, resume, tmp_path):
        wrapper = tmp_path / "python"
        wrapper.write_text(f"#!/bin/sh\ntouch {tmp_path / 'executed'}\n")
        wrapper.chmod(0o755)
        variant = Variant(python=str(wrapper), interpreter="old")
        run = event("run", artifacts=[["m (old)", "model"]], variants={"m (old)": variant})

        with pytest.raises(UsageError, match=f"give them again: --python old={wrapper}") as caught:
            resume(run)
        assert not (tmp_path / "executed").exists()
        assert "\n" not in str(caught.value)

    def test_the_line_can_be_followed(self, resume, monkeypatch, tmp_path):
        import sys

        variant = Variant(python=sys.executable, interpreter="old")
        run = event("run", artifacts=[["m (old)", "model"]], variants={"m (old)": variant})
        plan = resume(run, python=(f"old={sys.executable}",))
        assert plan.variants["m (old)"].python == sys.executable
        with pytest.raises(UsageError, match="no such interpreter"):
            resume(run, python=(f"old={sys.executable}", f"new={sys.executable}"))
        other = event(
            "run",
            artifacts=[["m (old)", "model"]],
            variants={"m (old)": Variant(python=str(tmp_path / "python"), interpreter="old")},
        )
        with pytest.raises(UsageError, match="was measured in another interpreter"):
            resume(other, python=(f"old={sys.executable}",))

    def test_trust_is_given_again(self, resume, tmp_path, monkeypatch):
        import zipfile

        monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
        with zipfile.ZipFile(tmp_path / "m.pt", "w") as archive:
            archive.writestr("m/constants.pkl", "")
            archive.writestr("m/code/a.py", "")
        run = event(
            "run", artifacts=[["m.pt", "m.pt"]], folder=str(tmp_path), trusted=["*", "m.pt"]
        )
        with pytest.raises(UsageError, match=r"say so again: --trust m\.pt$"):
            resume(run)
        assert resume(run, trust=("m.pt",)).trusted == ("m.pt",)

    def test_the_code_of_a_metric_is_that_of_the_start(self, resume, tmp_path):
        file = tmp_path / "score.py"
        file.write_text("def m(outputs, truth):\n    return 1.0\n")
        stated = f"{file}:m"
        recorded = asdict(parse_own_metrics([stated], ())[0])
        run = event("run", metrics=[recorded])
        assert [metric.name for metric in resume(run, metric=(stated,)).metrics] == ["m"]

        file.write_text("def m(outputs, truth):\n    return 2.0\n")
        with pytest.raises(UsageError, match=r"score\.py was altered since the run began"):
            resume(run, metric=(stated,))
        with pytest.raises(UsageError, match="give the metrics again"):
            resume(run, metric=(f"{stated}:lower",))

    def test_runtimes_of_plugins_are_those_that_are_installed(self, resume):
        run = event("run", artifacts=[["m", "model"]], variants={"m": Variant(runtime="evil")})
        with pytest.raises(UsageError, match="install the plug-in"):
            resume(run)

    @pytest.mark.parametrize("place", ["outputs", "logs", "inputs.npz", "outputs/m/x"])
    def test_links_are_refused(self, tmp_path, place):
        folder = written(tmp_path / "run", *lines_of(RUN))
        (tmp_path / "home").mkdir()
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        (folder / place).symlink_to(tmp_path / "home")
        with pytest.raises(UsageError, match=f"{place} is a link"):
            resuming.resume(folder, RunConfig())
        assert not list((tmp_path / "home").iterdir())

    def test_records_behind_a_link_are_not_opened_for_writing(self, tmp_path):
        real = written(tmp_path / "real", *lines_of(RUN))
        (tmp_path / "run").mkdir()
        (tmp_path / "run" / RESULTS).symlink_to(real / RESULTS)
        with pytest.raises(StoreError, match="is a link"):
            Store(tmp_path / "run", resume=True)
