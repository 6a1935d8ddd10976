"""What is only shown ends no run, and an error at one artifact ends none of the others."""

import pytest

import infer
from infer.measure import judged_outputs, parity_stage, preflight, session
from infer.outcome import Outcome
from infer.report import page
from infer.results import notices, recorded_run, summarizing
from infer.steps import measuring
from infer.system import machine
from infer.worker import messages
from infer.worker.client import WorkerProcess

SMALL = {
    "inputs": "inputs.npz",
    "device": "cpu",
    "threads": 1,
    "batch": 4,
    "scenario": ["batch"],
    "turns": 1,
    "burst": 0.01,
    "budget": 1,
    "out": "runs",
}


@pytest.fixture
def folder(tmp_path, monkeypatch, fake_artifact, inputs_file):
    inputs_file(tmp_path / "inputs.npz")
    for name in ("one", "other"):
        fake_artifact(tmp_path / "exported", name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def broken(*arguments, **keywords):
    raise LookupError("broken for the test")


def test_a_run_is_whole_though_everything_that_is_only_shown_fails(folder, monkeypatch, capsys):
    asked = WorkerProcess.ask

    def ask(worker, request):
        return broken() if isinstance(request, messages.Footprint) else asked(worker, request)

    monkeypatch.setattr(WorkerProcess, "ask", ask)
    for module, name in (
        (session, "unused_arrays"),
        (parity_stage, "uninformative_outputs"),
        (notices, "drift_notices"),
        (summarizing, "roofline_s"),
        (measuring.markdown, "render"),
        (machine.nvml, "cards"),
        (machine.platform, "platform"),
    ):
        monkeypatch.setattr(module, name, broken)

    summary = infer.run("exported", **SMALL)

    assert [row.outcome for row in summary.rows] == [Outcome.OK, Outcome.OK]
    assert all(row.timings for row in summary.rows)
    unknown = [notice for notice in summary.notices if notice.startswith("UNKNOWN")]
    assert any("one: the installed size" in notice for notice in unknown), unknown
    assert any("LookupError: broken for the test" in notice for notice in unknown)
    assert any(notice.startswith("NOTICES MISSING") for notice in summary.notices)
    assert "report.md is missing (LookupError" in capsys.readouterr().err
    (log,) = folder.glob("runs/*/logs/controller.log")
    assert "in broken" in log.read_text()


@pytest.mark.parametrize("part", ["read_samples", "batch_plot", "_ratio_plot"])
def test_a_page_lacks_only_the_part_that_cannot_be_made(folder, monkeypatch, part):
    infer.run("exported", **SMALL)
    (run,) = folder.glob("runs/*")
    monkeypatch.setattr(page, part, broken)

    made = page.page_of(recorded_run.read_run(run))

    (section,) = made.sections
    assert any("LookupError: broken for the test" in note for note in section.notes)
    assert section.rows


@pytest.mark.parametrize(
    ("module", "name"), [(preflight, "check_classes"), (judged_outputs, "compare")]
)
def test_an_error_of_ours_at_one_artifact_leaves_the_others(folder, monkeypatch, module, name):
    real = getattr(module, name)
    came = []

    def once_broken(*arguments, **keywords):
        came.append(1)
        return broken() if len(came) == 1 else real(*arguments, **keywords)

    monkeypatch.setattr(module, name, once_broken)

    summary = infer.run("exported", **SMALL)

    outcomes = sorted(str(row.outcome) for row in summary.rows)
    assert outcomes == ["ok", "unsupported"]
    (row,) = (row for row in summary.rows if row.outcome == Outcome.UNSUPPORTED)
    assert "exportbench cannot measure it: LookupError: broken for the test" in row.reason
    assert "controller.log" in row.reason
    assert "\n" not in row.reason


@pytest.mark.parametrize(("hold_s", "times"), [(60.0, 1), (0.0, 2)])
def test_peak_rates_are_measured_again_at_the_end_of_a_longer_run(
    folder, monkeypatch, hold_s, times
):
    measured = []
    monkeypatch.setattr(session.Run, "_measure_roofline", lambda run: measured.append(run))
    monkeypatch.setattr(session, "_RATES_HOLD_S", hold_s)

    infer.run("exported", **SMALL)

    assert len(measured) == times
