"""Jobs of the study, each in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from study.results import StudyError

_LIMIT_S = 1800.0


def ask(module: str, job: dict[str, Any]) -> dict[str, Any]:
    """Run a module of the study on a job; return what it prints last.

    Args:
        module: takes the file of a job as its argument, and prints a line of JSON.
        job: what JSON takes; `folder` is added, which is empty and gone afterwards.

    Raises:
        StudyError: it failed, or took too long.
    """
    with tempfile.TemporaryDirectory(prefix="exportbench-") as folder:
        file = Path(folder) / "job.json"
        file.write_text(json.dumps(job | {"folder": folder}))
        try:
            done = subprocess.run(
                [sys.executable, "-m", module, str(file)],
                capture_output=True,
                text=True,
                timeout=_LIMIT_S,
            )
            done.check_returncode()
            answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        except subprocess.TimeoutExpired:
            raise StudyError(f"{module}: no end after {_LIMIT_S:.0f} s") from None
        except subprocess.CalledProcessError as error:
            last_line = (error.stderr.strip().splitlines() or [f"status {error.returncode}"])[-1]
            raise StudyError(f"{module}, {json.dumps(job)}: {last_line}") from None
    return answer
