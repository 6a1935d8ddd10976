"""The study's exports and runs of the runner."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from study.results import StudyError
from study.setup import SAME_WEIGHTS, Comparison

EXPORTED, INPUTS, RUNS = "exported", "inputs", "runs"
_PLACES = ("path", "command", "environment")


def folder_of(work: Path, size: int) -> Path:
    """The folder of the artifacts for images of a size, below `work`."""
    name = SAME_WEIGHTS.stem if size == 28 else f"{SAME_WEIGHTS.stem}-at-{size}px"
    return work / EXPORTED / name


def images_of(work: Path, size: int) -> Path:
    """The test images of a size: the real ones, or those that the exporters enlarged.

    Raises:
        StudyError: there are none.
    """
    files = sorted((work / INPUTS).glob(f"*-{size}-test.npz"))
    if not files:
        raise StudyError(f"{work / INPUTS}: no images of {size} pixels")
    return files[0]


def export_missing(work: Path, sizes: tuple[int, ...], formats: tuple[str, ...]) -> None:
    """Export the study's weights for sizes that lack a format.

    Raises:
        StudyError: an export failed.
    """
    lacking = [
        size
        for size in sizes
        if not all((folder_of(work, size) / name).is_dir() for name in formats)
    ]
    if not lacking:
        return
    _run(
        [
            "export",
            str(SAME_WEIGHTS),
            "--out",
            str(work / EXPORTED),
            "--size",
            *map(str, lacking),
            "--format",
            *formats,
        ]
    )


def compare(
    work: Path, name: str, comparison: Comparison, formats: tuple[str, ...], budget: str, out: Path
) -> dict[str, Any]:
    """Measure a comparison; its tables go to `out/<name>.md` and what they hold is returned.

    Raises:
        StudyError: nothing could be measured.
    """
    artifacts = [
        str(folder_of(work, size) / format_name)
        for size in comparison.sizes
        for format_name in formats
    ]
    summary = work / f"{name}.json"
    # An artifact that fails has its outcome in the tables; the others stand.
    _run(
        [
            "infer",
            "run",
            *artifacts,
            *comparison.options,
            "--budget",
            budget,
            "--out",
            str(work / RUNS / name),
            "--json",
            str(summary),
        ],
        passing=(0, 1, 3),
    )
    out.mkdir(parents=True, exist_ok=True)
    shutil.copy(_newest(work, name) / "report.md", out / f"{name}.md")
    return without_places(json.loads(summary.read_text()))


def without_places(summary: dict[str, Any]) -> dict[str, Any]:
    """A summary of the runner without what names folders of the machine."""
    run = {name: summary["run"][name] for name in ("environment", "protocol", "device", "threads")}
    rows = [
        {name: value for name, value in row.items() if name not in _PLACES}
        for row in summary["rows"]
    ]
    return summary | {"run": run, "rows": rows}


def report(work: Path, names: list[str], out: Path) -> None:
    """One HTML page of the newest run of each comparison.

    Raises:
        StudyError: it could not be made.
    """
    runs = [str(_newest(work, name)) for name in names]
    _run(["infer", "report", *runs, "--out", str(out)])


def _newest(work: Path, name: str) -> Path:
    return max((work / RUNS / name).iterdir(), key=lambda run: run.stat().st_mtime)


def _run(command: list[str], passing: tuple[int, ...] = (0,)) -> None:
    done = subprocess.run([sys.executable, "-m", *command], stdout=subprocess.DEVNULL)
    if done.returncode not in passing:
        raise StudyError(f"python -m {' '.join(command)}: status {done.returncode}")
