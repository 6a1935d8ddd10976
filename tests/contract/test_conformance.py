"""A sample of ONNX's and JAX's own test vectors; tools/conformance.py runs all of them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

TOOL = Path(__file__).resolve().parents[2] / "tools" / "conformance.py"


@pytest.mark.parametrize(("format_name", "every"), [("onnx", 16), ("jax", 4)])
def test_a_sample(format_name, every, tmp_path):
    done = subprocess.run(
        [sys.executable, TOOL, format_name, "--every", str(every)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert ", 0 not as they should be" in done.stdout
    assert "passed (ok)" in done.stdout
