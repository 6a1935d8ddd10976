"""A page of what `exportbench gpu-check` found: `python -m study.gpu FOLDER`."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

from study.paper import TABLE_2
from study.setup import NAMES, NATIVE
from study.tables import TEST_IMAGES, interval_text, table

PAGE = "README.md"
_BATCH = "batch 128"
_SINGLE = "batch 1"

Record = dict[str, Any]


def main(folder: Path) -> None:
    """Write the page into the folder of the results."""
    (folder / PAGE).write_text(text(folder))


def text(folder: Path) -> str:
    """The page, from the files of the stages that came to a result."""
    stages = json.loads((folder / "gpu-check.json").read_text())
    results = {
        stage["name"]: json.loads((folder / stage["file"]).read_text())["result"]
        for stage in stages
        if stage["file"]
    }
    runs = {
        name.partition(" ")[2]: result
        for name, result in results.items()
        if name.startswith("measure")
    }
    parts = ["# What a check of this machine's card found", _machine(results), _stages(stages)]
    if "sandbox" in results:
        parts += ["## Starting CUDA in the sandbox", _layers(results["sandbox"]["layers"])]
    if runs:
        parts += ["## Table 2: time for the test images", _table_2(runs)]
    for group, run in runs.items():
        parts += [f"## Every format: {group}", _formats(run, f"measure-{group}.md")]
    if "tf32" in results:
        parts += ["## With TF32 allowed", _formats(results["tf32"], "tf32.md")]
    if "sweep" in results:
        parts += ["## Growing batches", "In [sweep.md](sweep.md)."]
    if "self-test" in results:
        parts += ["## Equal artifacts", _self_test(results["self-test"])]
    if "failures" in results:
        parts += ["## Failures that were provoked", _failures(results["failures"]["provoked"])]
    if "ceiling" in results:
        parts += ["## What the machine could do at best", _ceiling(results["ceiling"])]
    return "\n\n".join(part.rstrip("\n") for part in parts if part) + "\n"


def _machine(results: dict[str, Record]) -> str:
    if "machine" not in results:
        return ""
    machine = results["machine"]["environment"]
    cards = [f"{gpu['name']}, driver {gpu['driver']}" for gpu in machine["gpus"]]
    return (
        f"Written by `exportbench gpu-check`. {'; '.join(cards) or 'No card'}; "
        f"{machine['processor']}, {machine['cores']} cores, "
        f"{results['machine']['memory']['total_bytes'] / 2**30:.0f} GiB of memory; "
        f"Python {machine['python']}."
    )


def _stages(stages: list[Record]) -> str:
    lines = [
        [
            stage["name"],
            stage["status"].replace("_", " "),
            f"{stage['seconds']:.0f} s",
            stage["reason"],
        ]
        for stage in stages
    ]
    return table(["stage", "came to", "took", "why"], lines, ("came to", "why"))


def _layers(layers: list[Record]) -> str:
    lines = [
        [
            layer["layer"],
            layer["name"] or "-",
            "yes" if layer["context"] else "no",
            layer["error"] or "",
        ]
        for layer in layers
    ]
    titles = ["closed", "cuInit", "memory copied there and back", "why not"]
    return table(titles, lines, titles)


def _rows(run: Record) -> dict[str, Record]:
    """The rows of a run by the exporter's name."""
    return {row["artifact"].rpartition("/")[2]: row for row in run["summary"]["rows"]}


def _table_2(runs: dict[str, Record]) -> str:
    """The paper's seconds on a T4 beside those of the native formats here, and both ratios."""
    lines = []
    for run in runs.values():
        rows = _rows(run)
        size = _side(rows)
        for framework, artifact in NATIVE.items():
            if size not in TABLE_2 or artifact not in rows:
                continue
            timing = rows[artifact]["timings"].get(_BATCH)
            theirs = TABLE_2[size]
            lines.append(
                [
                    f"{NAMES[framework]}, {size} pixels",
                    f"{theirs[framework]:.4f} s",
                    f"{TEST_IMAGES / timing['samples_per_s']:.4f} s" if timing else "-",
                    f"{theirs[framework] / theirs['torch']:.2f}",
                    interval_text(timing["ratio"]) if timing and timing["ratio"] else "-",
                ]
            )
    titles = ["", "paper, Tesla T4", "here", "paper, over PyTorch", "here, over PyTorch"]
    return table(titles, lines)


def _side(rows: dict[str, Record]) -> int:
    """The image side in pixels that artifacts take."""
    sizes = {
        int(part) for row in rows.values() for part in row["shapes"].split(" x ") if part.isdigit()
    }
    return max(sizes, default=0)


def _formats(run: Record, report: str) -> str:
    rows = _rows(run)
    device = run["summary"]["run"]["device"]
    lines = []
    for name, row in rows.items():
        cells = [name, row["outcome"] + (f": {row['reason']}" if row["reason"] else "")]
        for point in (_BATCH, f"{_BATCH}, on the device", _SINGLE, f"{_SINGLE}, on the device"):
            timing = row["timings"].get(point)
            cells.append(f"{timing['call_s'] * 1e3:.3g} ms" if timing else "-")
        difference = row["largest_difference"]
        placement = row["placement"] or {}
        cells.append("-" if difference is None else f"{difference:.1e}")
        settings = {True: "on", False: "off", None: "not told"}
        cells.append(settings[placement.get("tf32")] if placement else "-")
        lines.append(cells)
    titles = ["artifact", "outcome", _BATCH, "on the device", _SINGLE, "on the device"]
    titles += ["largest difference", "TF32"]
    return f"Measured on {device}; all of it: [{report}]({report}).\n\n" + table(
        titles, lines, ("outcome", "TF32")
    )


def _self_test(result: Record) -> str:
    lines = [
        [
            verdict["title"],
            f"{verdict['false_alarms']} of {verdict['comparisons']}",
            f"{verdict['half_width']:.2%}" if verdict["intervals"] else "-",
        ]
        for verdict in result["verdicts"]
    ]
    return table(["byte copies", "false alarms", "resolution"], lines)


def _failures(results: Record) -> str:
    lines = [
        [
            name,
            result["expected"],
            result["outcome"],
            re.sub(r" \(log: [^)]*\)", "", result["reason"]),
        ]
        for name, result in results.items()
    ]
    titles = ["what", "expected", "came to", "reason"]
    return table(titles, lines, titles)


# What a rate is of, and its unit.
_FLOPS, _BYTES = ("GFLOP/s", 1e9), ("GB/s", 1e9)
_RATES = {
    "flops_per_s": ("matrix product in float32", _FLOPS),
    "tf32_flops_per_s": ("matrix product in TF32", _FLOPS),
    "bytes_per_s": ("copy in the device's memory, read and written", _BYTES),
    "to_device_bytes_per_s": ("copy to the device, pageable", _BYTES),
    "to_device_pinned_bytes_per_s": ("copy to the device, pinned", _BYTES),
    "from_device_bytes_per_s": ("copy from the device, pageable", _BYTES),
    "from_device_pinned_bytes_per_s": ("copy from the device, pinned", _BYTES),
}


def _ceiling(rates: Record) -> str:
    lines = []
    for name, (what, (unit, scale)) in _RATES.items():
        if rates.get(name) is not None:
            lines.append([what, f"{rates[name] / scale:,.1f} {unit}"])
        elif name in rates:
            lines.append([what, f"not measured: {rates['failed'].get(name, 'no reason is told')}"])
    return table(["rate", "measured"], lines)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
