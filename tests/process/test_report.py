"""`report`, `choose` and `compare`, on real runs of the fake runtime."""

import csv
import io
import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import pytest
from report_fixtures import HOSTILE

from infer.report.samples import read_samples
from infer.results.recorded_run import read_run

pytest_plugins = ("report_fixtures",)


class Page(HTMLParser):
    """The tags of a page, and its text."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.parts, self.open = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self.open.append(tag)

    def handle_data(self, data):
        if self.open and self.open[-1] not in ("script", "style"):
            self.parts.append(data)

    def handle_endtag(self, tag):
        while self.open and self.open.pop() != tag:
            pass

    @property
    def text(self):
        return " ".join(" ".join(self.parts).split())


def inputs_of(run):
    """The file of inputs of a run."""
    stated = json.loads((run / "results.jsonl").read_text().splitlines()[0])
    return Path(stated["folder"]) / stated["inputs"]


@pytest.fixture(scope="module")
def page(small_runs, run_cli, tmp_path_factory):
    out = tmp_path_factory.mktemp("page") / "report.html"
    inputs = ("--inputs", inputs_of(small_runs.first))
    done = run_cli("report", small_runs.first, *inputs, "--out", out, cwd=out.parent)
    assert done.returncode == 0, done.stderr
    return Page(out.read_text())


def test_the_page_has_the_answer_the_figures_and_the_commands(page):
    for text in (
        "The answer",
        "fastest single sample",
        "highest throughput",
        "smallest memory",
        "no code on load",
        "Accuracy by class",
        "broken: load_error",
        "Samples that differ",
        "Environment",
    ):
        assert text in page.text
    assert page.text.count("python -m infer run") == 4
    kinds = [tag for tag, _ in page.tags]
    assert kinds.count("h1") == 1
    assert kinds.count("figure") >= 3  # two kinds of calls and the batches


def test_nothing_of_the_page_lies_elsewhere(page):
    for tag, attributes in page.tags:
        assert tag not in ("link", "iframe", "object", "base")
        for name in ("src", "href"):
            value = attributes.get(name)
            assert value is None or value.startswith(("data:image/png;base64,", "#"))


def test_a_copy_of_a_run_has_pictures_of_its_samples(small_runs, run_cli, tmp_path):
    shutil.copytree(small_runs.first, tmp_path / "run")
    shutil.rmtree(tmp_path / "run" / "outputs", ignore_errors=True)

    done = run_cli("report", "run", "--out", "-", cwd=tmp_path)

    images = [attributes for tag, attributes in Page(done.stdout).tags if tag == "image"]
    assert images and all(image["href"].startswith("data:image/png") for image in images)


def test_what_artifacts_are_called_is_text(page):
    assert HOSTILE in page.text
    assert not any("onerror" in attributes for _, attributes in page.tags)
    labels = [attributes.get("aria-label", "") for tag, attributes in page.tags if tag == "svg"]
    assert any(label.startswith("sample ") for label in labels)  # the samples that differ


def test_a_screen_reader_is_told_what_is_what(page):
    assert dict(page.tags[0][1]).get("lang") == "en" or ("html", {"lang": "en"}) in page.tags
    kinds = [tag for tag, _ in page.tags]
    assert kinds.count("table") == kinds.count("caption")
    assert all("scope" in attributes for tag, attributes in page.tags if tag == "th")
    pictures = [a for tag, a in page.tags if tag == "svg" and a.get("role") == "img"]
    assert pictures
    plots = [a for a in pictures if not a["aria-label"].startswith("sample ")]
    assert plots and all("fast" in a["aria-label"] for a in plots)


def test_figures_by_class_are_of_the_records(small_runs):
    run = read_run(small_runs.first, [inputs_of(small_runs.first)])
    row = next(row for row in run.summary.rows if row.artifact == "fast")
    classes = read_samples(run, [row]).classes
    assert classes.titles == ["fast"]
    right = sum(samples * recalls[0] for _, samples, recalls in classes.lines)
    samples = sum(samples for _, samples, _ in classes.lines)
    assert right / samples == pytest.approx(row.metrics["accuracy"])
    assert row.metrics["macro_recall"] == pytest.approx(
        sum(recalls[0] for _, _, recalls in classes.lines) / len(classes.lines)
    )


def test_figures_by_class_are_left_out_where_the_inputs_have_changed(small_runs, tmp_path):
    copy = tmp_path / "run"
    shutil.copytree(small_runs.first, copy)
    text = (copy / "results.jsonl").read_text()
    sha256 = json.loads(text.splitlines()[0])["inputs_sha256"]
    (copy / "results.jsonl").write_text(text.replace(sha256, "0" * 64))
    run = read_run(copy, [inputs_of(copy)])
    samples = read_samples(run, run.summary.rows)
    assert not samples.classes
    assert "have changed" in samples.missing[0]


def test_the_inputs_that_a_run_names_are_not_opened(small_runs):
    run = read_run(small_runs.first)
    samples = read_samples(run, run.summary.rows)
    assert not samples.classes
    assert "--inputs FILE" in samples.missing[0]


def test_csv_has_numbers_a_line_for_every_kind_of_calls(small_runs, run_cli, tmp_path):
    done = run_cli("report", small_runs.first, "--format", "csv", cwd=tmp_path)
    lines = list(csv.DictReader(io.StringIO(done.stdout)))
    slow = {line["calls"]: line for line in lines if line["artifact"] == "slow"}
    assert {"batch 1", "batch 4"} <= slow.keys()
    assert 0.004 <= float(slow["batch 1"]["call_s"]) < 0.1
    assert float(slow["batch 1"]["ratio"]) > 1.3
    (broken,) = (line for line in lines if line["artifact"] == "broken")
    assert (broken["outcome"], broken["call_s"]) == ("load_error", "")


def test_latex_and_markdown(small_runs, run_cli, tmp_path):
    done = run_cli("report", small_runs.first, "--format", "latex", cwd=tmp_path)
    assert done.stdout.count(r"\begin{tabular}") == done.stdout.count(r"\end{tabular}") >= 4
    body = [line for line in done.stdout.splitlines() if not line.startswith("%")]
    assert not re.search(r"(?<!\\)[%_#]", "\n".join(body))
    shown = run_cli("report", small_runs.first, "--format", "markdown", cwd=tmp_path)
    assert shown.stdout == (small_runs.first / "report.md").read_text()


def test_several_runs_make_one_page(small_runs, run_cli, tmp_path):
    done = run_cli("report", small_runs.first, small_runs.second, "--out", "-", cwd=tmp_path)
    page = Page(done.stdout)
    links = [a["href"] for tag, a in page.tags if tag == "a" and a["href"].startswith("#run")]
    articles = {a.get("id") for tag, a in page.tags if tag == "article"}
    assert articles == {"run-1", "run-2"} <= {link[1:] for link in links}
    assert {link[1:] for link in links} <= {a.get("id") for _, a in page.tags}


@pytest.mark.parametrize("command", [("report",), ("choose",), ("compare", ".")])
def test_what_is_no_run_is_said_in_a_line(command, run_cli, tmp_path):
    done = run_cli(*command, tmp_path, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1


def test_records_that_are_not_whole_are_said_in_a_line(run_cli, tmp_path):
    (tmp_path / "results.jsonl").write_text('{"schema_version": 3, "kind": "run"}\n')
    done = run_cli("report", tmp_path, cwd=tmp_path)
    assert done.returncode == 2
    assert "missing required field" in done.stderr


def choose(run_cli, run, *options, status):
    done = run_cli("choose", run, *options, "--json", "-", cwd=run)
    assert done.returncode == status, done.stdout + done.stderr
    result = json.loads(done.stdout)
    return result["answer"], {verdict["artifact"]: verdict for verdict in result["verdicts"]}


def test_choose_names_the_one_that_fits(small_runs, run_cli):
    answer, verdicts = choose(
        run_cli, small_runs.first, "--p90", "100ms", "--no-code-on-load", status=0
    )
    assert answer["best"] == "fast"
    assert answer["next_best"] == "slow"
    assert answer["cost"]["value"] > 1.3
    assert "parity_fail" in verdicts[HOSTILE]["reasons"][0]
    assert verdicts["broken"]["standing"] == "falls out"


def test_choose_says_why_the_others_fall_out(small_runs, run_cli):
    rows = {row.artifact: row for row in read_run(small_runs.first).summary.rows}
    slow = rows["slow"].timings["batch 1"].percentiles_s["p90"]
    limit = f"{slow * 0.999:.6f}s"
    answer, verdicts = choose(run_cli, small_runs.first, "--p90", limit, status=0)
    assert answer["best"] == "fast"
    assert answer["next_best"] is None
    assert verdicts["slow"]["reasons"][0].startswith("p90 ")


def test_choose_says_that_the_run_cannot_tell(small_runs, run_cli):
    answer, verdicts = choose(run_cli, small_runs.first, "--p99", "1s", status=4)
    assert answer is None
    assert "it needs 662 calls" in verdicts["fast"]["reasons"][0]
    assert "--resume" in verdicts["fast"]["reasons"][0]


@pytest.mark.parametrize(
    "limit",
    [
        ("--memory", "1KB"),
        ("--size", "1B"),
        ("--start", "0.1ms"),
        ("--min", "accuracy=0.99"),
        ("--throughput", "1000000"),
    ],
)
def test_choose_finds_none_that_fits(limit, small_runs, run_cli):
    answer, verdicts = choose(run_cli, small_runs.first, *limit, status=1)
    assert answer is None
    assert {verdict["standing"] for verdict in verdicts.values()} == {"falls out"}


def test_choose_reads_sizes_and_times_as_people_write_them(small_runs, run_cli):
    done = run_cli("choose", small_runs.first, "--p95", "soon", cwd=small_runs.first)
    assert done.returncode == 2
    assert "soon" in done.stderr


def test_a_run_agrees_with_itself(small_runs, run_cli):
    run = small_runs.first
    done = run_cli("compare", run, run, "--json", "-", cwd=run)
    result = json.loads(done.stdout)
    assert result["speeds"]
    assert {speed["verdict"] for speed in result["speeds"]} == {"agree"}
    assert all(speed["change"]["value"] == pytest.approx(1) for speed in result["speeds"])
    assert result["environment"] == result["artifacts"] == []


def test_compare_finds_what_changed(small_runs, run_cli):
    runs = small_runs.first, small_runs.second
    done = run_cli("compare", *runs, "--json", "-", cwd=small_runs.first)
    result = json.loads(done.stdout)
    changed = {(change["of"], change["what"]) for change in result["artifacts"]}
    assert ("slow", "sha256") in changed
    assert ("fast", "sha256") not in changed
    slow = {speed["workload"]: speed for speed in result["speeds"] if speed["artifact"] == "slow"}
    assert slow["batch 1"]["change"]["value"] > 1.7
    assert slow["batch 1"]["verdict"] == "differ"
    shown = run_cli("compare", *runs, cwd=small_runs.first)
    assert "Times alone are not compared" in shown.stdout
