"""From the study's results to `tables.md` and the plots."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from study import operator_tables, plots, prediction_tables, training_tables
from study.training import records as read_records

TABLES = "tables.md"


def write(
    out: Path,
    predictions: dict[int, dict[str, Any]],
    runs: dict[str, dict[str, Any]],
    profiles: dict[str, Any] | None,
) -> None:
    """Write what there are results for below `out`.

    Args:
        out: folder of the study; its records are read from it.
        predictions: of `study.prediction.measure`, by size.
        runs: summaries of the runner as JSON has them, by name.
        profiles: of `study.profiles.measure`.

    Raises:
        StudyError: a record is damaged.
    """
    records = read_records(out)
    (out / TABLES).write_text(text(records, predictions, runs, profiles))
    if records:
        plots.write(out / "accuracy.svg", plots.accuracy(records))
        plots.write(out / "calibration.svg", plots.calibration(records))
    for name in ("28", "64"):
        if name in runs:
            plots.write(out / f"ratios-{name}.svg", plots.ratios(runs[name]))
    if "sizes" in runs:
        plots.write(out / "sizes.svg", plots.sizes(runs["sizes"], "batch 8"))
    if profiles:
        plots.write(out / "operators.svg", plots.operators(profiles))


def text(
    records: list[dict[str, Any]],
    predictions: dict[int, dict[str, Any]],
    runs: dict[str, dict[str, Any]],
    profiles: dict[str, Any] | None,
) -> str:
    """All tables as one Markdown page."""
    parts = [
        "# The study's tables",
        "Written by `tox -e study`; what they mean is in [README.md](README.md).",
        _machine(predictions, profiles),
    ]
    if records:
        parts += ["## The data", training_tables.table_1(records)]
        parts += ["## Table 3: accuracy at 28 pixels", training_tables.table_3(records)]
        parts += ["### Framework or seed", training_tables.spread(records)]
        parts += ["![Accuracy of every training](accuracy.svg)"]
        parts += ["### The profile best", training_tables.best(records)]
        parts += ["### Calibration", training_tables.calibrations(records)]
        parts += ["![Calibration](calibration.svg)", "### Classes"]
        for record in records:
            if record.get("test_confusion"):
                parts += [
                    f"{training_tables.title(record)}, test images:",
                    training_tables.confusion(record),
                ]
    parts += ["## Table 4: accuracy at 64 pixels", training_tables.table_4()]
    parts += [
        "The images of 64 pixels are a download that the machine of this study could not make: "
        "`python -m train --profile paper --size 64` fills this in with a network."
    ]
    if predictions:
        parts += [
            "## Table 2: time for the test images",
            prediction_tables.table_2(predictions, runs),
        ]
        parts += ["### The framework's own predict", prediction_tables.own_predict(predictions)]
        parts += [
            "### What the first pass takes more",
            prediction_tables.calls_of_first_pass(predictions),
        ]
    for name, heading in (("28", "28 pixels"), ("64", "64 pixels, enlarged from 28")):
        if name in runs:
            parts += [f"## Every format at {heading}", f"All of it: [{name}.md]({name}.md)."]
            parts += [f"![Ratios at {heading}](ratios-{name}.svg)"]
    if "sizes" in runs:
        parts += ["## Image sizes", "All of it: [sizes.md](sizes.md)."]
        parts += ["![Time for an image by its side](sizes.svg)"]
    if profiles:
        parts += ["## Where the time goes", operator_tables.profiles(profiles)]
        parts += ["![Operators](operators.svg)", operator_tables.operators(profiles)]
    return "\n\n".join(part.rstrip("\n") for part in parts if part) + "\n"


def _machine(predictions: dict[int, dict[str, Any]], profiles: dict[str, Any] | None) -> str:
    measured = [*predictions.values(), *([profiles] if profiles else [])]
    if not measured:
        return ""
    machine = measured[0]["environment"]
    gpus = ", ".join(gpu["name"] for gpu in machine["gpus"])
    return (
        f"Predictions and profiles: {machine['processor']}, {machine['cores']} cores, "
        f"{gpus or 'no GPU: no GPU figure has been measured'}."
    )
