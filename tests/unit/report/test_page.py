"""The page of a run: its table of contents, and what it calls the artifacts."""

import re
from pathlib import Path

import pytest
from events import events
from run_records import complete_run, outcome

from infer.report import html
from infer.results.recorded_run import RecordedRun
from infer.results.summarizing import summarize

SHARED = "torch-paper-28-seed0/"


@pytest.fixture(scope="module")
def page():
    records = complete_run(
        (f"{SHARED}torchscript", [0.002] * 3), (f"{SHARED}onnx-torch", [0.004, 0.0041, 0.0039])
    )
    failed = outcome(f"{SHARED}onnx-torch", "parity_fail", "an output differs")
    recorded = events([*records[:-2], failed, records[-1]])
    return html.render([RecordedRun(Path("run"), recorded, summarize(recorded))])


def test_the_contents_lead_to_every_part(page):
    contents = re.search(r"<nav.*?</nav>", page, re.DOTALL)[0]
    targets = re.findall(r'href="#([^"]+)"', contents)
    assert all(page.count(f'id="{target}"') == 1 for target in targets)
    parts = re.findall(r'<(?:h3|section) id="([^"]+)"', page)
    assert parts and set(parts) == set(targets)


def test_labels_are_short_in_tables_and_plots_and_whole_in_details(page):
    assert f"artifacts: {SHARED}…" in page
    assert '<th scope="row">onnx-torch</th>' in page
    assert re.search(r'<text class="name"[^>]*>onnx-torch</text>', page)
    commands = re.search(r'<dl class="commands">.*?</dl>', page, re.DOTALL)[0]
    assert f"<dt>{SHARED}onnx-torch</dt>" in commands
    assert f"<strong>{SHARED}onnx-torch: parity_fail</strong>" in page


def test_what_is_wrong_is_marked(page):
    assert '<td class="bad">parity_fail</td>' in " ".join(page.split())
    assert '<p class="says bad">parity_fail: onnx-torch</p>' in page
