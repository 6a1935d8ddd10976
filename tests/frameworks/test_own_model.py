"""docs/own-model.md, command by command, as its reader types them."""

import re

import pytest
from commands import typed_in
from conftest import ROOT

PAGE = ROOT / "docs" / "own-model.md"
# In the test for a few seconds, not minutes.
SHORTER = {"--budget 30s": "--budget 6s", "--budget 10s": "--budget 2s"}


def commands():
    return [line.strip() for line in re.findall(r"^ {4}\S.*$", PAGE.read_text(), re.MULTILINE)]


def test_the_page_can_be_followed_to_its_end(tmp_path):
    for package in ("onnx", "onnxruntime", "openvino"):
        pytest.importorskip(package, reason="the page installs it")
    folder = tmp_path / "clone"
    folder.mkdir()
    (folder / "examples").symlink_to(ROOT / "examples")
    run = typed_in(folder, tmp_path / "bin")
    first, *others = commands()
    assert first.startswith("python -m pip install"), "the tests' environment has it all"
    assert len(others) == 8
    printed = {}
    for command in others:
        for longer, shorter in SHORTER.items():
            command = command.replace(longer, shorter)
        done = run(command)
        assert done.returncode == 0, (command, done.stdout, done.stderr)
        printed[command] = done.stdout
    inspected, measured, chosen = (
        next(text for command, text in printed.items() if command.startswith(f"exportbench {name}"))
        for name in ("inspect", "run", "choose")
    )
    assert "image" in inspected
    assert "digits.onnx (runtime=openvino)" in measured
    assert "fastest single sample" in chosen
    assert (folder / "mine" / "report.html").stat().st_size > 10_000
    assert (folder / "mine" / "baseline.json").is_file()
