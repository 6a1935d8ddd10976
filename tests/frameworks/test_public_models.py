"""docs/public-models.md, from the download of the models on, as its reader types it."""

import json
import re
from importlib.util import find_spec

import pytest
from commands import QUICK, skip_without_package_index, typed_in
from conftest import ROOT
from pages import LINES

PAGE = (ROOT / "docs" / "public-models.md").read_text()
_SCRIPT = re.compile(r"`(\w+\.py)`[^`]*```python\n(.*?)```", re.S)
_SHORTER = f"{QUICK} --budget 1s --json found.json"


def lines(start):
    """The commands of the page that begin so."""
    return [
        line for page, line in LINES if page.name == "public-models.md" and re.match(start, line)
    ]


def rows(model):
    """The page's table of a model: artifact, outcome, largest difference or "reference"."""
    section = re.search(rf"^## {model}(.*?)(?=^## |\Z)", PAGE, re.S | re.M)[1]
    for line in re.findall(r"^\| ([a-z].*) \|$", section, re.M):
        artifact, outcome, difference, _ = (cell.strip("* ") for cell in line.split(" | "))
        if artifact != "artifact":
            yield artifact.removesuffix(" (SavedModel)"), outcome, difference


@pytest.fixture(scope="module")
def shell(tmp_path_factory):
    """The page's folder, with the models that it downloads and the inputs that it makes.

    Takes a command that measures; returns its end and its results.
    """
    needed = ("onnxruntime", "torch", "tensorflow", "ai_edge_litert")
    missing = [package for package in needed if find_spec(package) is None]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}")
    skip_without_package_index()
    folder = tmp_path_factory.mktemp("public")
    run = typed_in(folder, tmp_path_factory.mktemp("programs") / "bin")
    prepared = lines("(?:python|unzip|mv) ")
    first_words = [line.partition(" ")[0] for line in prepared]
    assert first_words == ["python", "unzip", "unzip", "mv", "unzip"]
    scripts = dict(_SCRIPT.findall(PAGE))
    assert list(scripts) == ["chords.py", "speech.py"]
    for name, script in scripts.items():
        (folder / name).write_text(script)
    for line in [*prepared, *(f"python {name}" for name in scripts)]:
        done = run(line)
        assert done.returncode == 0, (line, done.stdout, done.stderr)

    def measure(line):
        done = run(re.sub(r"( --trust)", rf" {_SHORTER}\1", line))
        return done, json.loads((folder / "found.json").read_text())

    return measure


def test_outputs_without_names_are_asked_for_and_then_are_those_of_the_page(shell):
    asked, answered = lines("exportbench run pitch/nmp")
    done, _ = shell(asked)
    assert done.returncode == 3, done.stderr
    question = " ".join(
        re.search(r"^ {4}(nmp\.onnx: bad_input.*?)\n\n", PAGE, re.S | re.M)[1].split()
    )
    assert question in " ".join(done.stdout.split())
    is_as_the_page_says(*shell(answered), "Basic Pitch", status=0)


def test_another_training_of_a_network_is_found_out(shell):
    (line,) = lines("exportbench run silero")
    is_as_the_page_says(*shell(line), "Silero VAD", status=1)


def is_as_the_page_says(done, result, model, status):
    assert done.returncode == status, (done.stdout, done.stderr)
    measured = {row["artifact"]: row for row in result["rows"]}
    expected = list(rows(model))
    assert list(measured) == [artifact for artifact, _, _ in expected]
    for artifact, outcome, difference in expected:
        row = measured[artifact]
        assert row["outcome"] == outcome
        if difference == "reference":
            assert row["reference"]
        else:  # roundings are a processor's own
            assert float(difference) / 10 < row["largest_difference"] < float(difference) * 10
