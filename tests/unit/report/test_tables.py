"""Tables before they are drawn: what cells hold, and what renderers decide by."""

import io
import re
from types import SimpleNamespace

import pytest
from jinja2 import Environment, FileSystemLoader

from infer.console import Terminal
from infer.records.agreement import AccuracyDifference
from infer.report import terminal
from infer.report.agreement_tables import agreement_table
from infer.report.cost_table import cost_table
from infer.report.html import TEMPLATES
from infer.report.speed_tables import speed_table, sweep_table
from infer.report.table import Cell, Column, Kind, Table
from infer.results.summary import ArtifactResult, Timing
from infer.stats.ratios import Ratio
from infer.workload import Workload

POINT = "batch 1"


def result(name, **values):
    unknown = dict.fromkeys(
        ("format", "framework", "weights", "weights_sha256", "weights_framework", "bytes")
    )
    known = {"path": name, "shapes": "", "outcome": "ok", "reason": "", "command": ""}
    return ArtifactResult(artifact=name, **(unknown | known | values))


def timing(call_s, ratio=None):
    return Timing(call_s, 1 / call_s, ratio, {}, 10, 4, True, None, workload=Workload(1))


def summary(*rows):
    return SimpleNamespace(
        rows=rows,
        speed_references=dict.fromkeys((row.artifact for row in rows), rows[0].artifact),
        workloads={POINT: Workload(1)},
    )


def column(table, key):
    index = [column.key for column in table.columns].index(key)
    return [row[index] for row in table.rows]


def test_cells_hold_what_was_measured_and_not_what_is_shown():
    rows = [
        result("reference", timings={POINT: timing(1.0)}),
        result("other", timings={POINT: timing(0.9704, Ratio(0.9704, 0.95, 0.99, 4))}),
        result("another", timings={POINT: timing(0.9696, Ratio(0.9696, 0.94, 0.98, 4))}),
    ]
    ratios = column(speed_table(POINT, rows, summary(*rows)), "ratio")
    assert ratios[0].text == "1"
    assert [cell.number for cell in ratios] == [1.0, 0.9704, 0.9696]
    # They are shown as equal, and sort as they are.
    assert ratios[1].text.split()[0] == ratios[2].text.split()[0] == "0.970"


def test_sizes_and_times_of_all_units_have_one_scale():
    rows = [
        result("small", import_s=0.002, bytes=2**20),
        result("large", import_s=1.5, bytes=2**31),
    ]
    table = cost_table(rows, summary(*rows))
    assert [c.number for c in column(table, "start_s")] == [0.002, 1.5]
    assert [c.number for c in column(table, "size_bytes")] == [2**20, 2**31]


def test_a_sweep_sorts_by_its_best_throughput():
    def swept(name, *rates):
        timings = {
            f"batch {b}": Timing(1.0, rate, None, {}, 1, 1, True, None, workload=Workload(b))
            for b, rate in zip((1, 8), rates, strict=True)
        }
        return result(name, best_batch=8, timings=timings)

    rows = [swept("a", 900.0, 1000.0), swept("b", 500.0, 2000.0)]
    cells = column(sweep_table(rows, summary(*rows)), "samples_per_s")
    assert [cell.text for cell in cells] == ["1: 900  8: 1,000", "1: 500  8: 2,000"]
    assert [cell.number for cell in cells] == [1000.0, 2000.0]


def test_a_column_is_left_out_where_nothing_was_measured():
    rows = [result("a", import_s=0.0, first_call_s=1.0), result("b", import_s=0.5)]
    keys = [column.key for column in cost_table(rows, summary(*rows)).columns]
    assert keys == ["artifact", "start_s", "first_call_s"]  # nothing is not zero


def test_accuracies_are_compared_where_there_are_two():
    def keys(*rows):
        return {column.key for column in agreement_table(rows).columns}

    difference = AccuracyDifference(value=-0.01, low=-0.02, high=0.0, gained=0, lost=1, samples=100)
    reference = result("a", reference="a", accuracy_difference=difference)
    metrics = dict.fromkeys(("accuracy", "macro_f1", "weighted_f1"), 0.9)
    other = result("b", reference="a", accuracy_difference=difference, metrics=metrics)
    assert not {"accuracy_difference", "surely_keeps"} & keys(reference)
    assert {"accuracy_difference", "surely_keeps"} <= keys(reference, other)
    # Where no artifact is a classifier, nothing of one is shown.
    assert keys(result("a", reference="a")) == {"artifact", "outcome", "largest_difference"}


@pytest.mark.parametrize("name", ["ok", "slower one", "parity_fail"])
def test_only_what_goes_wrong_has_a_colour(name):
    faster = Ratio(0.5, 0.4, 0.6, 4)
    rows = [
        result(name, timings={POINT: timing(1.0, faster)}),
        result("broken", timings={POINT: timing(0.5, faster)}, outcome="parity_fail"),
        result("b", timings={POINT: timing(2.0)}),
    ]
    whole = summary(*rows)
    whole.speed_references = dict.fromkeys((name, "broken", "b"), "b")
    console = Terminal(file=io.StringIO(), force_terminal=True, color_system="standard", width=200)
    terminal.print_report_table(speed_table(POINT, rows, whole), console)
    red = re.findall(r"\x1b\[1;31m(.*?)\x1b\[0m", console.file.getvalue())
    assert [text.strip() for text in red] == ["parity_fail"]
    assert not re.search(r"\x1b\[(?:\d;)?3[2-7]m", console.file.getvalue())


def test_the_page_sorts_by_values():
    loader = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True)
    macro = loader.get_template("table.html").module.table
    columns = [Column("artifact", "artifact", is_text=True), Column("size_bytes", "size")]
    rows = [[Cell("a", "a"), Cell("1.0 MiB", 2**20)], [Cell("b", "b"), Cell("-")]]
    drawn = macro(Table(Kind.COST, "Sizes", columns, rows))
    assert '<td class="number" data-sort="1048576">1.0 MiB</td>' in " ".join(drawn.split())
    assert '<td class="number">-</td>' in " ".join(drawn.split())
