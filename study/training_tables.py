"""Tables of trainings: accuracy, seeds, confusion, calibration."""

from __future__ import annotations

import statistics

import numpy as np
from scipy import stats

from study.paper import TABLE_1, TABLE_3, TABLE_4
from study.setup import NAMES
from study.tables import TEST_IMAGES, Record, table


def of_profile(records: list[Record], profile: str) -> list[Record]:
    """The records of trainings by a profile."""
    return [record for record in records if record["recipe"]["profile"] == profile]


def _of(records: list[Record], framework: str) -> list[Record]:
    return [record for record in records if record["framework"] == framework]


def table_1(records: list[Record]) -> str:
    """The classes and their training images, beside those of the newest records."""
    counts = [r["dataset"].get("train_images_by_class") for r in records]
    our_counts = next((by_class for by_class in counts if by_class), None)
    total = sum(TABLE_1)
    lines = [
        [
            f"{label} {name}",
            f"{TABLE_1[label]:,}",
            f"{TABLE_1[label] / total:.2%}",
            f"{our_counts[label]:,}" if our_counts else "-",
        ]
        for label, name in enumerate(records[0]["dataset"]["classes"])
    ]
    return table(["class", "paper, training images", "of all", "ours"], lines)


def table_3(records: list[Record]) -> str:
    """The paper's Table 3 beside the seeds of each framework; what matches or beats it is bold."""
    by_framework = {
        framework: _of(of_profile(records, "paper"), framework) for framework in TABLE_3
    }
    titles = ["metric"]
    for framework, trainings in by_framework.items():
        seeds = [f"seed {record['recipe']['seed']}" for record in trainings]
        titles += [f"{NAMES[framework]}: paper", *seeds]
    lines = []
    for metric in TABLE_3["keras"]:
        line = [metric.replace("_", " ")]
        for framework, trainings in by_framework.items():
            theirs = TABLE_3[framework][metric]
            values = [record["test_metrics"][metric] for record in trainings]
            # Both as they are printed, since the paper's are rounded.
            shown = [f"{value:.4f}" for value in values]
            line += [f"{theirs:.4f}"]
            line += [f"**{text}**" if float(text) >= theirs else text for text in shown]
        lines.append(line)
    return table(titles, lines)


def spread(records: list[Record]) -> str:
    """Whether frameworks differ by more than their seeds do."""
    paper = of_profile(records, "paper")
    groups = {f: [r["test_metrics"]["accuracy"] for r in _of(paper, f)] for f in NAMES}
    groups = {framework: values for framework, values in groups.items() if values}
    if len(groups) < 2 or max(map(len, groups.values())) < 2:
        return "Too few trainings to tell frameworks from seeds.\n"
    means = {framework: statistics.mean(values) for framework, values in groups.items()}
    lines = [
        [
            NAMES[framework],
            str(len(values)),
            f"{means[framework]:.4f}",
            f"{max(values) - min(values):.4f}" if len(values) > 1 else "-",
        ]
        for framework, values in groups.items()
    ]
    between = max(means.values()) - min(means.values())
    within = max(max(values) - min(values) for values in groups.values())
    p = float(stats.f_oneway(*groups.values()).pvalue)
    accuracy = statistics.mean(means.values())
    error = float(np.sqrt(accuracy * (1 - accuracy) / TEST_IMAGES))
    theirs = [column["accuracy"] for column in TABLE_3.values()]
    return table(["framework", "seeds", "mean accuracy", "between its seeds"], lines) + (
        f"\nBetween the frameworks' means: {between:.4f}; between seeds of one framework: up to "
        f"{within:.4f}; analysis of variance: p = {p:.2f}. One accuracy has a standard error of "
        f"{error:.4f} from its {TEST_IMAGES:,} test images alone, whatever the seed. "
        f"The paper's columns lie {max(theirs) - min(theirs):.4f} apart.\n"
    )


def best(records: list[Record]) -> str:
    """The profile `best` beside the highest figure of Table 3."""
    trainings = of_profile(records, "best")
    titles = ["metric", "highest of Table 3", *(NAMES[r["framework"]] for r in trainings)]
    lines = []
    for metric in TABLE_3["keras"]:
        highest = max(column[metric] for column in TABLE_3.values())
        values = [record["test_metrics"][metric] for record in trainings]
        lines.append(
            [metric.replace("_", " "), f"{highest:.4f}"]
            + [f"{value:.4f} ({value - highest:+.4f})" for value in values]
        )
    return table(titles, lines)


def confusion(record: Record) -> str:
    """Which class is taken for which, with each class's precision, recall and F1."""
    counts = np.array(record["test_confusion"])
    classes = record["dataset"]["classes"]
    right = np.diag(counts)
    with np.errstate(invalid="ignore"):
        precision, recall = right / counts.sum(axis=0), right / counts.sum(axis=1)
        f1 = 2 * right / (counts.sum(axis=0) + counts.sum(axis=1))
    lines = [
        [name, *map(str, counts[index])]
        + [f"{value:.4f}" for value in (precision[index], recall[index], f1[index])]
        for index, name in enumerate(classes)
    ]
    short = [str(index) for index in range(len(classes))]
    lines = [[f"{index} {line[0]}", *line[1:]] for index, line in enumerate(lines)]
    return table(["true class", *short, "precision", "recall", "F1"], lines)


def calibrations(records: list[Record]) -> str:
    """How far each network is as sure as it is right."""
    lines = []
    for record in records:
        calibration = record.get("test_calibration")
        if calibration:
            sure = sum(count * confidence for count, confidence, _ in calibration["bins"])
            count = sum(bin_[0] for bin_ in calibration["bins"])
            lines.append(
                [
                    title(record),
                    f"{record['test_metrics']['accuracy']:.4f}",
                    f"{sure / count:.4f}",
                    f"{calibration['expected_error']:.4f}",
                    f"{calibration['cross_entropy']:.4f}",
                ]
            )
    titles = ["training", "accuracy", "mean confidence", "expected error", "cross-entropy"]
    return table(titles, lines)


def title(record: Record) -> str:
    """A training in words."""
    recipe = record["recipe"]
    return f"{NAMES[record['framework']]}, {recipe['profile']}, seed {recipe['seed']}"


def table_4() -> str:
    """The paper's Table 4, which has no column of ours yet."""
    lines = [
        [NAMES[framework], f"{column['accuracy']:.4f}", f"{column['macro_f1']:.4f}", "not measured"]
        for framework, column in TABLE_4.items()
    ]
    return table(["framework", "accuracy", "macro F1", "ours"], lines)
