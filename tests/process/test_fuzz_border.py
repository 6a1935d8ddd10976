"""A short form of tools/fuzz_border.py; docs/safety.md has what the long one came to."""

import json
import random
import sys

import hypothesis
import pytest
from conftest import ROOT
from hypothesis import strategies

sys.path.insert(0, str(ROOT / "tools"))
import fuzz_border


def test_altered_answers_and_folders_are_refused_or_right(tmp_path, capsys):
    arguments = ["--answers", "800", "--folders", "80", "--json", str(tmp_path / "counts.json")]

    assert fuzz_border.main(arguments) == 0, capsys.readouterr().err

    counts = json.loads((tmp_path / "counts.json").read_text())["counts"]
    assert sum(counts["answers"].values()) == 800
    for counter in counts.values():
        assert counter["refused"] > 20 and counter["taken"] > 5


def test_a_finding_is_told():
    def fail():
        raise ValueError("as a test")

    result, finding, _ = fuzz_border.attempt(fail)

    assert (result, finding) == ("finding", "ValueError: as a test")


@pytest.mark.parametrize("kind", ["answers", "folders"])
def test_whatever_is_drawn_is_refused_or_right(kind, tmp_path):
    @hypothesis.settings(max_examples=60, deadline=None, database=None, derandomize=True)
    @hypothesis.given(strategies.randoms(use_true_random=False))
    def check(draw: random.Random):
        if kind == "answers":
            fuzz_border.try_answer(draw)
        else:
            fuzz_border.try_folder(draw, tmp_path)

    check()
