"""The tables of commands at 100 columns, of artifacts with long labels."""

import io

import pytest

from infer.cli import bisect, choose, compare, doctor, overhead, self_test
from infer.cli.main import main
from infer.console import Terminal
from infer.diagnostics.bisect.comparing import TensorComparison
from infer.diagnostics.bisect.search import Bisection
from infer.diagnostics.doctor import ArtifactState as LoadState
from infer.diagnostics.doctor import RuntimeState
from infer.diagnostics.overhead import Overhead
from infer.diagnostics.self_test.verdicts import Verdicts
from infer.gating import report as gate_report
from infer.gating.result import (
    AccuracyFigures,
    ArtifactState,
    Check,
    CheckKind,
    GateResult,
    GrowthFigures,
    LatencyFigures,
    OutcomeFigures,
    ParityFigures,
    Verdict,
)
from infer.gating.setup import Setup
from infer.measure.devices import DeviceChoice
from infer.outcome import Failure, Outcome
from infer.results import recommendation
from infer.results.comparison import Comparison, Difference, Speed
from infer.results.recommendation import Choice
from infer.stats.ratios import Ratio

SHARED = "torch-paper-28-seed0/"
NAMES = [f"{SHARED}{name}" for name in ("torchscript", "onnx-torch", "torch-export-by-hand")]
RATIO = Ratio(12.345, 11.111, 13.579, 16)


def shown(show, *arguments, width=100):
    console = Terminal(file=io.StringIO(), width=width)
    show(*arguments, console)
    return console.file.getvalue().splitlines()


def fits(lines, *beginnings):
    """The lines of tables, of which there is one for each beginning, and which fit."""
    rows = [line for line in lines if line.startswith(beginnings)]
    assert [line.split()[0] for line in rows] == [b.split()[0] for b in beginnings]
    assert max(map(len, rows)) <= 100
    return rows


def test_two_runs():
    changes = (RATIO, Ratio(1.0, 0.99, 1.01, 16), Ratio(1.0, None, None, 1))
    speeds = [
        Speed(name, "base", "batch 128", RATIO, RATIO, change, 0.0123, 0.0124)
        for name, change in zip(NAMES, changes, strict=True)
    ]
    differences = (Difference(NAMES[0], "sha256", "0" * 12, "1" * 12),)
    result = Comparison("A", "B", ("a", "b"), (), differences, tuple(speeds), ())
    lines = shown(compare.show, result)
    rows = fits(lines, *(name.removeprefix(SHARED) + " " for name in NAMES))
    assert [row.split()[1] for row in rows] == ["differ", "agree", "unknown"]
    assert all("12.35 [11.11, 13.58]" in row for row in rows)
    assert (
        f"batch 128: times over that of base; artifacts: {SHARED}…: "
        "1 of 3 ratios agree, torchscript differs, 1 cannot be told"
    ) in lines


def test_the_overhead():
    overheads = [Overhead(name, 128, 0.0009996, 1.2e-6, -3e-7, 3e-6) for name in NAMES]
    failures = {"broken": Failure(Outcome.CRASH, "killed")}
    lines = shown(overhead.show, overheads, failures, DeviceChoice("cpu"))
    rows = fits(lines, *(name.removeprefix(SHARED) + " " for name in NAMES))
    assert "1.00 ms" in rows[0] and "-300 ns to +3.00 µs" in rows[0]
    assert lines[0] == f"artifacts: {SHARED}…" and "broken: crash: killed" in lines


def test_the_self_test():
    title = "simulated card, as on a cpu, 12 generations"
    verdicts = Verdicts(
        title, 2000, 1993, (0.993, 0.999), 0.0826, 8, 2000, 0.0117, {"2%": (2000, 2000)}
    )
    lines = shown(self_test.show, [verdicts])
    (row,) = [line for line in lines if line.startswith("simulated ca")]
    assert len(row) <= 100
    assert "99.7% [99.3%, 99.9%]" in row and row.split()[-3:] == ["100%", "-", "-"]
    assert all(line == line.rstrip() for line in lines)
    assert "by --json: columns that have no room here (of, bias)" in lines


def test_a_bisection():
    tensor = TensorComparison(
        f"/model/encoder/layer.{'0' * 40}/output",
        "n",
        "Add",
        "x" * 50,
        "order",
        (4, 3, 224, 224),
        0.1234,
        1e-6,
        "how",
        passed=False,
    )
    lines = shown(bisect.show, Bisection("good.onnx", "bad.onnx", True, [tensor], first=tensor))
    table = lines[next(i for i, line in enumerate(lines) if line.startswith("good.onnx  ")) :]
    assert max(map(len, table)) <= 100
    assert "".join(table).count("x") >= 2 * 50  # folded, and not cut off


def test_a_choice():
    command = "go on with: exportbench run --resume artifacts/runs/20260101-120000 --budget 10m"
    verdicts = (
        recommendation.Verdict(NAMES[0], recommendation.FITS, (), (), ""),
        recommendation.Verdict(
            NAMES[1], recommendation.FALLS_OUT, ("p95 6 ms, over 5 ms",), (), ""
        ),
        recommendation.Verdict(NAMES[2], recommendation.UNKNOWN, ("no p99", command), (), ""),
    )
    lines = shown(choose.show, Choice(None, None, verdicts, ()))
    assert lines == [
        "none fits",
        f"artifacts: {SHARED}…",
        "torchscript           fits",
        "onnx-torch            falls out    p95 6 ms, over 5 ms",
        "torch-export-by-hand  cannot tell  no p99",
        f"                                   {command}",
    ]


@pytest.mark.parametrize("width", [80, 100, 140])
def test_a_gate(width):
    def checks(name, latency):
        measured = OutcomeFigures(ArtifactState.MEASURED, Outcome.OK)
        return [
            Check(name, CheckKind.OUTCOME, Verdict.PASSED, "", figures=measured),
            Check(name, CheckKind.PARITY, Verdict.PASSED, "", figures=ParityFigures(1e-6, 1e-4)),
            Check(
                name,
                CheckKind.ACCURACY,
                Verdict.PASSED,
                "",
                figures=AccuracyFigures(0.9, 0.9, 0.0, -0.001, 0.001, 0.01, 3421),
            ),
            *(
                Check(
                    name,
                    CheckKind.LATENCY,
                    latency,
                    "slower",
                    figures=LatencyFigures(1.31, 1.25, 1.37, 1.1, 9),
                    workload=workload,
                )
                for workload in ("batch 128", "batch 1")
            ),
            Check(name, CheckKind.MEMORY, Verdict.PASSED, "", figures=GrowthFigures(2, 2, 0.1)),
            Check(name, CheckKind.SIZE, Verdict.PASSED, "", figures=GrowthFigures(2, 2, 0.1)),
        ]

    result = GateResult(
        tuple(checks(NAMES[0], Verdict.PASSED) + checks(NAMES[1], Verdict.FAILED)),
        (),
        Setup(),
    )
    lines = shown(gate_report.show, result, width=width)
    assert lines[0].startswith("Gate failed: ") and lines[0].endswith(f"artifacts: {SHARED}…")
    rows = [line for line in lines if line.startswith(("torchscript ", "onnx-torch "))]
    assert len(rows) == 2 and max(map(len, rows)) <= width
    # What failed is there at every width, and what is not is named.
    assert rows[1].count("✗ x 1.31 [1.25, 1.37]") == 2
    hidden = [line for line in lines if line.startswith("no room for checks that passed")]
    assert bool(hidden) == (width < 140)
    which = "latency, batch 128 and latency, batch 1"
    assert f"{NAMES[1]}, {which}: failed: slower" in lines


def test_a_gate_says_once_what_is_so_of_many_checks():
    def check(name, workload, verdict=Verdict.NOT_JUDGED, detail="no former artifact"):
        figures = LatencyFigures(1.31, None, None, 1.1, 9)
        return Check(name, CheckKind.LATENCY, verdict, detail, figures=figures, workload=workload)

    checks = [check(name, batch) for name in "abcde" for batch in ("batch 128", "batch 1")]
    checks += [check("f", "batch 1"), check("g", "batch 1", Verdict.FAILED, "slower")]
    lines = shown(gate_report.show, GateResult(tuple(checks), (), Setup()), width=140)
    assert [line for line in lines if ": not judged: " in line or ": failed: " in line] == [
        "g, latency, batch 1: failed: slower",
        "a, b, c, 2 more, latency, batch 128: not judged: no former artifact",
        "a, b, c, 3 more, latency, batch 1: not judged: no former artifact",
    ]
    lines = shown(gate_report.show, GateResult(tuple(checks[:4]), (), Setup()), width=140)
    assert "a, b, latency, batch 128 and latency, batch 1: not judged: no former artifact" in lines


def test_the_artifacts_of_a_doctor_leave_out_what_they_share():
    folder = "/home/me/models/exported/"
    states = [LoadState(f"{folder}{name}", "onnx", "ok") for name in NAMES]
    states[1] = LoadState(f"{folder}{NAMES[1]}", "onnx", "load_error", "cut short")
    runtime = RuntimeState("onnx", ("onnx",), {"onnxruntime": "1.0"}, ("CPU",), "", None, "")
    machine = {"python": "3", "processor": "P", "cores": 2, "memory_bytes": 2**30, "gpus": []}

    def show(console):
        doctor.show(machine, [runtime], states, console)

    lines = shown(show, width=80)
    fits(lines, "torchscript", "onnx-torch", "torch-export-by-hand")
    assert f"artifacts: {folder}{SHARED}…" in lines
    assert f"{folder}{NAMES[1]}: cut short" in lines
    assert [line for line in lines if line != line.rstrip()] == []


def test_examples_of_the_help_are_in_one_line_each(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    for command, line in (
        ("run", "  exportbench run a.onnx b.onnx --inputs test.npz --task segmentation"),
        ("choose", "example: exportbench choose artifacts/runs/20260101-120000 --p95 5ms --memory"),
    ):
        with pytest.raises(SystemExit):
            main([command, "--help"])
        text = capsys.readouterr().out
        assert any(shown.startswith(line) for shown in text.splitlines())
        assert ("how much is measured:" in text) == (command == "run")


@pytest.mark.parametrize("command", ["run", "gate", "choose", "self-test", "profile", "report"])
def test_help_shows_a_percent_sign_as_one(command, capsys):
    with pytest.raises(SystemExit):
        main([command, "--help"])
    assert "%%" not in capsys.readouterr().out
