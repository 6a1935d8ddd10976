"""Names and messages of strangers, through every command and every form of output."""

import csv
import io
import json
import os
import re
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass, field
from itertools import pairwise

import pytest
from conftest import make_signature
from markdown_it import MarkdownIt
from runs import SMALL
from untrusted_texts import UNTRUSTED, controls

from infer.cli.main import main
from infer.tensors.signature import Signature, TensorSpec

# What begins a line only where a text of the list has been taken for one.
FORGED = re.compile(r"^\s*(?:other: ok|# A heading|- item|::|##[\[v])", re.MULTILINE)
ALL = " ".join(UNTRUSTED.values())
# What may be in the name of a file.
NAME = ALL.replace("/", "").replace("\0", "")


def as_name(text, most_bytes=200):
    return os.fsdecode(os.fsencode(text)[:most_bytes])


@dataclass
class Printed:
    """What each command printed, and the files that it wrote, by what was run."""

    texts: dict[str, str] = field(default_factory=dict)


@pytest.fixture(scope="module")
def printed(tmp_path_factory, fake_artifact, inputs_file):
    """Everything that the commands print of artifacts whose every text is a stranger's."""
    folder = tmp_path_factory.mktemp("untrusted")
    halves = as_name(NAME), as_name(os.fsdecode(os.fsencode(NAME)[200:]))
    output = TensorSpec(ALL.replace("\udc80", ""), (None, 3), "float32")
    signature = Signature(make_signature().inputs, (output,))
    stated = {
        "framework": ALL,
        "producer": {ALL: ALL},
        "precision": "float32",
        "weights": {"name": ALL, "sha256": "0" * 64, "framework": ALL},
    }
    stated = json.loads(json.dumps(stated).replace("\\udc80", ""))
    says = ALL.replace("\udc80", "")
    for parent in ("models", "former"):
        for index, name in enumerate(halves):
            fault = {"fault": {"at": "run", "kind": "error", "says": says}} if index else {}
            fake_artifact(
                folder / parent,
                name,
                signature=signature,
                manifest={"name": "m", **stated},
                **fault,
            )
    fake_artifact(folder / "models", "plain", bias=0.1)
    inputs_file(folder / "inputs.npz")
    printed = Printed()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("COLUMNS", "100")
        yield folder, printed


def run(printed, capfd, *arguments):
    """Run a command in this process; keep and return what it printed."""
    status = main([*map(str, arguments)])
    captured = capfd.readouterr()
    text = captured.out + captured.err
    printed.texts[" ".join(map(str, arguments[:4]))[:60]] = text
    assert "Traceback" not in text
    assert not controls(text)
    assert not FORGED.search(text), FORGED.search(text)
    return status, captured.out


def test_every_command_shows_it_as_text(printed, capfd):
    folder, printed = printed
    small = ("--inputs", "inputs.npz", "--batch", "4", "--scenario", "single", "--budget", "0.1s")

    status, _ = run(printed, capfd, "run", "models", *SMALL, *small[2:])
    assert status == 3
    (results,) = (folder / "runs").iterdir()
    for command in (
        ("show", results),
        ("compare", results, results),
        ("choose", results, "--for", "single"),
        ("inspect", *sorted((folder / "models").iterdir())),
        ("doctor", "models"),
        ("overhead", "models", *small),
        ("bisect", *sorted((folder / "models").iterdir())[:2], "--inputs", "inputs.npz"),
        ("inspect", as_name(NAME)),
        ("show", as_name(NAME)),
        (as_name(NAME),),
    ):
        try:
            run(printed, capfd, *command)
        except SystemExit:
            captured = capfd.readouterr()
            assert not controls(captured.out + captured.err)
            assert not FORGED.search(captured.out + captured.err)

    for form in ("markdown", "html", "csv", "latex"):
        run(printed, capfd, "report", results, "--format", form, "--out", f"report.{form}")
        text = (folder / f"report.{form}").read_text()
        assert not controls(text)
        assert_harmless(form, text)
    assert_harmless("markdown", (results / "report.md").read_text())


def test_the_gate_shows_it_as_text(printed, capfd):
    folder, printed = printed
    gate = ("gate", "models", *SMALL[:-4], "--batch", "4", "--scenario", "single")
    gate += ("--baseline", "baseline.json", "--json", "gate.json")
    gate += ("--markdown", "gate.md", "--junit", "gate.xml")

    run(printed, capfd, *gate, "--update")
    (folder / "models" / "plain" / "model.json").unlink()
    run(printed, capfd, *gate, "--against", "former")

    text = (folder / "gate.md").read_text()
    assert not controls(text)
    assert_harmless("markdown", text)
    ElementTree.fromstring((folder / "gate.xml").read_text())
    assert not controls((folder / "gate.xml").read_text())


def assert_harmless(form, text):
    """A report has no element that only a stranger's text can have made."""
    if form == "markdown":
        parser = MarkdownIt("commonmark").enable(["table", "strikethrough"])
        tokens = parser.parse(text)
        kinds = {token.type for token in tokens}
        kinds |= {child.type for token in tokens for child in token.children or ()}
        assert not kinds & {"html_block", "html_inline", "image", "link_open", "em_open", "s_open"}
        shown = [c.content for t in tokens for c in t.children or () if c.type != "code_inline"]
        assert not any(mark in text for text in shown for mark in ("@octocat", "://", ":smile:"))
        headings = [b.content for a, b in pairwise(tokens) if a.type == "heading_open"]
        assert "A heading" not in headings
    elif form == "csv":
        for cell in next(csv.reader(io.StringIO(text.replace("\n", ",")))):
            assert not cell.lstrip().startswith("=")
    elif form == "html":
        assert "<script>alert" not in text
        assert "<img src=x" not in text
    else:
        assert "\\input{" not in re.sub(r"(?m)^%.*$", "", text)
