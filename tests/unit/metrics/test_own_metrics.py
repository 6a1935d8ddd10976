"""Metrics of the user's own: their names, and the process that calculates them."""

import numpy as np
import pytest

from infer.config import RunConfig
from infer.errors import InputError, MetricError, OptionError
from infer.external_module import ExternalModule
from infer.metrics.own_metric import OwnMetric, package_sha256, parse_own_metrics
from infer.sandbox import metric_process
from infer.steps.metric_options import read_own_metrics
from infer.tensors.ragged import Ragged


def test_a_function_that_changes_what_it_is_given(tmp_path):
    file = tmp_path / "score.py"
    file.write_text(
        "def low(outputs, truth):\n    y = outputs['y']\n    y -= 1\n    return y.mean()\n"
    )
    (metric,) = parse_own_metrics([f"{file}:low"], ())
    values = np.arange(50.0)

    score = metric_process.evaluate(metric, {"y": values}, {}, 50)

    assert score.value == values.mean() - 1
    assert abs(score.replicates.mean() - score.value) < 1


def test_rows_of_samples_are_a_list_with_an_array_for_each(tmp_path):
    file = tmp_path / "score.py"
    file.write_text(
        "def found(outputs, truth):\n"
        "    pairs = zip(outputs['boxes'], truth['labels.boxes'], strict=True)\n"
        "    return [len(mine) / max(1, len(theirs)) for mine, theirs in pairs]\n"
        "def all_found(outputs, truth):\n"
        "    return sum(map(len, outputs['boxes'])) / sum(map(len, truth['labels.boxes']))\n"
    )
    each, whole = parse_own_metrics([f"{file}:found", f"{file}:all_found"], ())
    outputs = {"boxes": Ragged(np.zeros((30, 4)), np.array([0, 5, 5, 20, 30]))}
    truth = {"labels.boxes": Ragged(np.zeros((40, 4)), np.array([0, 10, 12, 32, 40]))}

    score = metric_process.evaluate(each, outputs, truth, 4)
    of_all = metric_process.evaluate(whole, outputs, truth, 4)

    assert score.value == np.mean([0.5, 0, 0.75, 1.25])
    assert of_all.value == 0.75
    assert 0 <= of_all.interval.low < 0.75 < of_all.interval.high <= 1.25


@pytest.mark.parametrize("name", ["size", "Latency", "former", "Macro_F1", "TOP_5", "accuracy"])
def test_names_that_mean_something_else_in_a_margin_are_refused(tmp_path, name):
    file = tmp_path / "score.py"
    file.touch()
    with pytest.raises(OptionError, match="rename the function"):
        read_own_metrics(RunConfig(metric=(f"{file}:{name}",)))


def test_names_are_told_apart_in_any_case(tmp_path):
    file = tmp_path / "score.py"
    file.touch()
    with pytest.raises(OptionError, match="another metric is called DICE"):
        read_own_metrics(RunConfig(metric=(f"{file}:dice", f"{file}:DICE")))


def test_the_code_of_a_metric_is_known_by_its_hash(tmp_path):
    file = tmp_path / "score.py"
    file.write_text("def m(outputs, truth):\n    return 1.0\n")
    (before,) = parse_own_metrics([f"{file}:m"], ())
    assert parse_own_metrics([f"{file}:m"], ()) == (before,)
    file.write_text("def m(outputs, truth):\n    return 2.0\n")
    assert parse_own_metrics([f"{file}:m"], ()) != (before,)
    with pytest.raises(MetricError, match=r"score\.py was altered since the run began"):
        metric_process.evaluate(before, {"y": np.zeros(3)}, {}, 3)
    file.write_text("import beside\n")
    hashes = set()
    for code in ("", "import apart.more\n", "x = 1\n"):
        (tmp_path / "beside.py").write_text(code)
        hashes.add(parse_own_metrics([f"{file}:m"], ())[0].sha256)
    (tmp_path / "unused.py").write_text("import beside\n")
    assert parse_own_metrics([f"{file}:m"], ())[0].sha256 in hashes and len(hashes) == 3
    file.write_text("from helpers.deep import found\n")
    (tmp_path / "helpers" / "deep").mkdir(parents=True)
    for code in ("x = 1\n", "x = 2\n"):
        (tmp_path / "helpers" / "deep" / "found.py").write_text(code)
        hashes.add(parse_own_metrics([f"{file}:m"], ())[0].sha256)
    assert len(hashes) == 5
    file.unlink()
    with pytest.raises(MetricError, match=r"score\.py was altered since the run began"):
        metric_process.evaluate(before, {"y": np.zeros(3)}, {}, 3)


def test_what_a_metric_says_it_reads_is_part_of_its_hash(tmp_path):
    file = tmp_path / "score.py"
    (tmp_path / "tables").mkdir()

    def sha256(content):
        (tmp_path / "tables" / "weights.csv").write_text(content)
        return parse_own_metrics([f"{file}:m"], ())[0].sha256

    file.write_text("def m(outputs, truth): ...\n")
    assert sha256("1") == sha256("2")
    file.write_text("EXPORTBENCH_READS = ['tables']\ndef m(outputs, truth): ...\n")
    assert sha256("1") == sha256("1") != sha256("2")
    file.write_text("EXPORTBENCH_READS = ['none']\n")
    with pytest.raises(InputError, match="there is no 'none'"):
        sha256("1")


def test_the_code_of_a_plug_ins_metric_is_known_by_its_hash(tmp_path):
    metric = OwnMetric("m", "m", external=ExternalModule("package", str(tmp_path), "scores"))
    origins = set()
    for code in ("x = 1\n", "x = 1\n", "x = 2\n"):
        (tmp_path / "beside.py").write_text(code)
        package_sha256.cache_clear()  # as of another run
        origins.add(metric.origin)
    assert len(origins) == 2 and all("package.scores:m (sha256 " in text for text in origins)


@pytest.mark.parametrize("given", ["[1 + 2j] * 4", "'0.5'", "None"])
def test_what_is_no_number_is_refused(tmp_path, given):
    file = tmp_path / "score.py"
    file.write_text(f"def odd(outputs, truth):\n    return {given}\n")
    (metric,) = parse_own_metrics([f"{file}:odd"], ())

    with pytest.raises(MetricError, match="which is no number"):
        metric_process.evaluate(metric, {"y": np.zeros(4)}, {}, 4)
