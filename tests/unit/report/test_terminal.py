"""The terminal: what fits into its width, and what it says at any."""

import io
import sys
from dataclasses import replace

import pytest
from run_records import (
    END,
    artifact,
    burst,
    measured,
    outcome,
    parity,
    preflight,
    run,
    summarize,
)

from infer.console import Terminal, TextColumn, print_table
from infer.records.agreement import MetricInterval
from infer.report import terminal

SHARED = "torch-paper-28-seed0/"
NAMES = [f"{SHARED}{name}" for name in ("torchscript", "onnx-torch", "saved-model", "broken")]


@pytest.fixture(scope="module")
def summary():
    """Four artifacts with a long label, one of which differs."""
    calls = {name: [0.01 * (i + 1)] * 3 for i, name in enumerate(NAMES)}
    singles = [
        burst(name, generation, [0.001 + i * 1e-6 for i in range(800)], turn=1, batch=1)
        for name in NAMES
        for generation in range(3)
    ]
    return summarize(
        [
            run(),
            *map(artifact, NAMES),
            *map(preflight, NAMES),
            *(parity(name, NAMES[0], 1e-6) for name in NAMES),
            *(record for name, seconds in calls.items() for record in measured(name, *seconds)),
            *singles,
            *map(outcome, NAMES[:-1]),
            outcome(NAMES[-1], "parity_fail", "an output differs"),
            END,
        ]
    )


def lines_at(width, summary):
    console = Terminal(file=io.StringIO(), width=width)
    terminal.show(summary, console)
    return console.file.getvalue().splitlines()


def tables_of(lines):
    """The lines of tables: from a title with "artifact" to the next empty one."""
    inside = False
    for line in lines:
        inside = line.startswith("artifact ") or (inside and bool(line.strip()))
        if inside and not line.startswith((SHARED, "  alone")):
            yield line


@pytest.mark.parametrize("width", [60, 80, 100, 140])
def test_tables_fit_the_width_and_rows_take_one_line(summary, width):
    lines = list(tables_of(lines_at(width, summary)))
    assert len(lines) >= 4 * 5
    assert max(map(len, lines)) <= width
    # No row is broken: each line of a table is its title or begins with a label.
    labels = tuple(name.removeprefix(SHARED) for name in NAMES)
    assert all(line.startswith(("artifact", *labels)) for line in lines)
    verdicts = [line.split()[3] for line in lines if line.startswith("broken") and "[" in line]
    assert verdicts == ["parity_fail"] * 2 or width < 80


def test_what_had_no_room_is_named_and_wider_terminals_have_it(summary):
    narrow, wide = ("\n".join(lines_at(width, summary)) for width in (70, 140))
    assert "columns that have no room here (" in narrow and "p90" in narrow.split("no room here")[1]
    assert "no room here" not in wide
    assert all(title in wide for title in ("p90", "p99", "weighted F1", "until steady"))


def test_the_answer_comes_last_and_the_whole_label_where_it_is_needed(summary):
    lines = lines_at(100, summary)
    end = lines[lines.index("In short, in brackets 95% intervals") + 1 :]
    assert [line.strip() for line in end] == [
        "torchscript is fastest in batches of 32; onnx-torch takes 2.000 [2.000, 2.000] times as "
        "long",
        "No difference was found for one sample; one of 0.0% would have shown",
        "2 of 3 agree with torchscript: largest difference 1.0e-06",
        "parity_fail: broken",
    ]
    assert f"{SHARED}broken: parity_fail: an output differs" in lines
    assert any(line.endswith(f"; artifacts: {SHARED}…") for line in lines)


@pytest.mark.parametrize("width", [60, 100])
def test_no_line_ends_in_spaces(summary, width):
    lines = lines_at(width, summary)
    assert any(line.startswith("torchscript is fastest") for line in lines)
    assert [line for line in lines if line != line.rstrip()] == []


def test_figures_that_have_no_room_are_left_out_and_never_cut():
    columns = [TextColumn(title) for title in ("artifact", "memory", "installed")]
    console = Terminal(file=io.StringIO(), width=24)
    left_out = print_table(console, columns, [["onnx", "447.5 MiB", "1,960.8 MiB"]])
    lines = console.file.getvalue().splitlines()
    assert left_out == ["installed"]
    assert "447.5 MiB" in lines[1] and max(map(len, lines)) <= 24


def test_long_names_are_broken_where_words_join_before_figures_are_left_out():
    names = [f"resnet50-imagenet-{p}-opset17-simplified-again.onnx" for p in ("fp16", "fp32")]
    names += ["模型-分类器-" * 5 + "一.onnx", "x" * 60]
    columns = [TextColumn("artifact", is_text=True), TextColumn("p95", detail=1)]
    console = Terminal(file=io.StringIO(), width=54)
    assert print_table(console, columns, [[name, "1.23 ms"] for name in names]) == []
    lines = console.file.getvalue().splitlines()
    assert [line.split("  ")[0] for line in lines] == [
        *("artifact", "resnet50-imagenet-fp16-opset17-simplified-", "again.onnx"),
        *("resnet50-imagenet-fp32-opset17-simplified-", "again.onnx"),
        *("模型-分类器-模型-分类器-模型-分类器-模型-", "分类器-模型-分类器-一.onnx"),
        *("x" * 44, "x" * 16),
    ]


def test_few_notices_are_said_again_at_the_end_and_many_counted(summary):
    def last_lines(*notices):
        return "\n".join(lines_at(100, replace(summary, notices=notices))).split("In short")[1]

    assert "  *** made-up inputs" in last_lines("made-up inputs")
    assert "  *** 3 notices at the top" in last_lines("a", "b", "c")


def test_nothing_is_said_by_colour_alone(summary, monkeypatch):
    def written(**options):
        console = Terminal(file=io.StringIO(), width=100, force_terminal=True, **options)
        terminal.show(summary, console)
        return console.file.getvalue()

    assert "\x1b[1;31m" in written(color_system="standard")
    monkeypatch.setenv("NO_COLOR", "1")
    assert ";31m" not in written(color_system="standard")


def test_the_width_of_output_without_a_terminal(monkeypatch):
    monkeypatch.delenv("COLUMNS", raising=False)
    for stream in ("stdin", "stderr"):
        monkeypatch.setattr(sys, stream, io.StringIO())
    assert Terminal(file=io.StringIO()).width == 100
    monkeypatch.setenv("COLUMNS", "77")
    assert Terminal(file=io.StringIO()).width == 77


def test_narrow_outputs_leave_out_further_metrics(summary):
    interval = MetricInterval(False, True, 0.5, 0.7, -0.02, -0.03, -0.01)
    names = ("mean_iou", "mean_dice", "hausdorff")
    rows = [
        replace(
            row, metrics=dict.fromkeys(names, 0.6), metric_intervals=dict.fromkeys(names, interval)
        )
        for row in summary.rows
    ]
    narrow, wide = ("\n".join(lines_at(width, replace(summary, rows=rows))) for width in (80, 260))
    table = narrow.split("largest difference")[1].split("no room here (")
    assert "mean_iou" in table[0]
    assert all(name not in table[0] and name in table[1] for name in names[1:])
    assert all(name in wide for name in names)


def test_long_words_are_folded_and_nothing_is_lost():
    console = Terminal(file=io.StringIO(), width=40)
    columns = [TextColumn("artifact", is_text=True), TextColumn("time"), TextColumn("why", True)]
    left_out = print_table(console, columns, [["x" * 60, "1.00 ms", "a cause of many words " * 3]])
    text = console.file.getvalue()
    assert left_out == []
    assert max(map(len, text.splitlines())) <= 40
    assert text.count("x") == 60 and text.count("words") == 3 and "1.00 ms" in text


def test_short_notes_are_shown_and_long_ones_counted():
    long_note = "a note that needs more than a line " * 4
    given = [{"notes": ["image: uint8 scaled by 1/255"]}, {"notes": [long_note]}, {"notes": []}]
    names = NAMES[:3]
    loads = [{"load": {"seconds": 0.2, "signature": {}, **note}} for note in (given[0], *given[:2])]
    records = [
        run(),
        *map(artifact, names),
        *(preflight(name, **load) for name, load in zip(names, loads, strict=True)),
        *(burst(name, 0, [0.01]) for name in names),
        *map(outcome, names),
        END,
    ]
    lines = lines_at(100, summarize(records))
    assert "all but saved-model: image: uint8 scaled by 1/255" in lines
    assert not any(long_note.strip() in line for line in lines)
    assert any(line.startswith("in the report: ") and "1 longer note" in line for line in lines)
