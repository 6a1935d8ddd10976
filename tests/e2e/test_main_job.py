"""The main job, end to end: train, export to every format, measure and compare.

By the public commands, as a user would; the frameworks and runtimes are the real ones.
"""

from __future__ import annotations

import json
from pathlib import Path

import psutil
import pytest
from commands import FORMATS, Exported
from watched_runs import GENERATIONS, LIBRARIES, SHORTER, TURNS, Measured, measure, records_of

from export.exporters import EXPORTERS
from infer.cli.main import main
from infer.workload import Workload
from train.record import read_record

pytest_plugins = ("frameworks",)

linux = pytest.mark.skipif(
    not Path("/proc/self/maps").exists(), reason="needs /proc to look into the workers"
)

DISTRIBUTIONS = {
    "saved-model": {"tensorflow"},
    "torchscript": {"torch"},
    "torch-export": {"torch"},
    "jax-export": {"jax", "jaxlib"},
    "onnx": {"onnxruntime"},
}


POINTS = ("batch 32", "batch 1")


@pytest.fixture(scope="module")
def measured(
    exported: Exported, small_inputs: Path, tmp_path_factory: pytest.TempPathFactory
) -> Measured:
    """All formats, measured in one generation of processes."""
    folder = tmp_path_factory.mktemp("run")
    return measure(folder, exported.out, "--inputs", small_inputs, *SHORTER)


def test_every_format_ends_well(measured: Measured) -> None:
    assert set(measured.rows) == set(FORMATS)
    outcomes = {name: (row["outcome"], row["reason"]) for name, row in measured.rows.items()}
    assert set(outcomes.values()) == {("ok", "")}, outcomes
    assert measured.status == 0


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_predicts_the_same(measured: Measured, name: str) -> None:
    row = measured.rows[name]
    assert row["samples"] == 130
    assert row["reference"] == "torchscript", "the native format of the framework that trained"
    assert row["equal_labels"] == 1
    assert row["unequal_samples"] == []
    assert 0 <= row["largest_difference"] < 1e-4
    assert row["metrics"] == pytest.approx(measured.rows["torchscript"]["metrics"], rel=1e-3)
    # Agreement on one class for every image would be no proof.
    assert row["metrics"]["accuracy"] > 0.2


def test_the_formats_are_not_compared_with_themselves(measured: Measured) -> None:
    """Other arithmetic rounds otherwise; nothing but zeros would be too good to be true."""
    differences = {name: row["largest_difference"] for name, row in measured.rows.items()}
    others = [value for name, value in differences.items() if name != "torchscript"]
    assert differences["torchscript"] < 1e-6
    assert max(others) > 0


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_is_timed(measured: Measured, name: str) -> None:
    row = measured.rows[name]
    for key in ("import_s", "load_s", "first_call_s", "until_steady_s"):
        assert 0 < row[key] < 600, key
    assert tuple(row["timings"]) == POINTS
    for point, timing in row["timings"].items():
        assert 0 < timing["call_s"] < 600, point
        assert (timing["ratio"] is None) == (name == "torchscript"), point
    assert row["grows_with_batch"]
    assert row["peak_rss_bytes"] > row["memory_bytes"] > 10e6
    assert row["installed_bytes"] > 10e6
    assert row["bytes"] > 2e6, "less than the weights"
    assert row["weights"] == "weights"
    assert row["weights_framework"] == "torch"
    assert row["framework"] == EXPORTERS[name].framework
    assert row["format"] == EXPORTERS[name].format


def test_every_format_has_one_preflight_and_started_once_a_generation_in_a_new_process(
    measured: Measured,
) -> None:
    preflights, starts = records_of(measured, "preflight"), records_of(measured, "start")
    assert sorted(record["artifact"] for record in preflights) == sorted(FORMATS)
    generations: dict[str, list[int]] = {}
    for record in starts:
        generations.setdefault(record["artifact"], []).append(record["generation"])
    for name in FORMATS:
        assert len(set(generations[name])) == len(generations[name])
        # Where not all fit into memory together, the reference is in each of several groups.
        assert len(generations[name]) == GENERATIONS or name == "torchscript"
        assert set(generations[name]) <= set(generations["torchscript"])
    pids = {record["pid"] for record in (*preflights, *starts)}
    assert len(pids) == len(preflights) + len(starts)


def test_every_format_takes_its_turns_in_a_random_order(measured: Measured) -> None:
    turns: dict[tuple[int, int, Workload], list[str]] = {}
    for record in records_of(measured, "burst"):
        turns.setdefault(
            (record["generation"], record["turn"], Workload(**record["workload"])), []
        ).append(record["artifact"])
        assert record["samples"] == record["workload"]["batch"] * len(record["seconds"])
    for name in set(FORMATS) - {"torchscript"}:
        taken = [key for key, labels in turns.items() if name in labels]
        assert len(taken) == GENERATIONS * TURNS * len(POINTS), name
    for labels in turns.values():
        assert labels.count("torchscript") == 1
        assert len(set(labels)) == len(labels)
    for point in POINTS:
        # Another one in each turn.
        orders = {
            tuple(labels) for (_, _, workload), labels in turns.items() if workload.name == point
        }
        assert len(orders) > 1, point


def test_outputs_of_timed_calls_are_those_that_were_judged(measured: Measured) -> None:
    timed = [record for record in records_of(measured, "burst") if record["turn"] == TURNS - 1]
    assert {record["artifact"] for record in timed} == set(FORMATS)
    for record in timed:
        # A batch of another size may be summed up in another order.
        assert 0 <= record["difference"] < 1e-4, record["artifact"]


@linux
def test_every_process_holds_one_runtime(measured: Measured) -> None:
    records = [*records_of(measured, "preflight"), *records_of(measured, "start")]
    assert len(records) >= (1 + GENERATIONS) * len(FORMATS)
    for record in records:
        expected = EXPORTERS[record["artifact"]].format
        assert measured.workers[record["pid"]] == record["artifact"]
        assert measured.loaded[record["pid"]] == {LIBRARIES[expected]}, record["artifact"]
        assert set(record["start"]["versions"]) == DISTRIBUTIONS[expected]


def test_no_process_is_left(measured: Measured) -> None:
    for pid, label in measured.workers.items():
        assert not psutil.pid_exists(pid), label


def test_the_terminal_shows_every_format_and_whose_images_they_are(measured: Measured) -> None:
    for name in FORMATS:
        assert name in measured.out
    assert "SYNTHETIC DATA" in measured.out
    assert len(measured.err.splitlines()) == 1, measured.err
    assert measured.err.startswith("results: ")


def test_the_evaluation_file_gives_the_metrics_of_the_training(
    exported: Exported, settled: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without --inputs an artifact is measured on the test images that its manifest names."""
    results = tmp_path / "results.json"
    arguments = [exported.folder / "onnx-torch", "--json", results, "--out", tmp_path / "runs"]
    arguments += ["--device", "cpu", *SHORTER]
    assert main(["run", *map(str, arguments)]) == 0
    (row,) = json.loads(results.read_text())["rows"]
    record = read_record(settled)
    assert record is not None
    assert row["samples"] == 1024
    # One image of 1,024 may stand on the edge between two classes.
    found = {name: row["metrics"][name] for name in record["test_metrics"]}
    assert found == pytest.approx(record["test_metrics"], abs=0.003)
