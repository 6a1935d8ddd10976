"""The study's tables in Markdown: pure functions of its results."""

from __future__ import annotations

import re
import statistics
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
from scipy import stats

from study.paper import TABLE_1, TABLE_2, TABLE_3, TABLE_4
from study.prediction import compile_share
from study.setup import NAMES, NATIVE

Record = dict[str, Any]
TEST_IMAGES = 3421


def table(
    titles: Sequence[str], lines: Sequence[Sequence[str]], words: Collection[str] = ()
) -> str:
    """A Markdown table; all columns are of numbers but the first, and those of words."""
    first, *others = titles
    marks = ["---", *("---" if title in words else "---:" for title in others)]
    rows = [[first, *others], marks, *lines]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows) + "\n"


def of_profile(records: list[Record], profile: str) -> list[Record]:
    """The records of trainings by a profile."""
    return [record for record in records if record["recipe"]["profile"] == profile]


def _of(records: list[Record], framework: str) -> list[Record]:
    return [record for record in records if record["framework"] == framework]


def table_1(records: list[Record]) -> str:
    """The classes and their training images, beside those of the newest records."""
    counts = [r["dataset"].get("train_images_by_class") for r in records]
    own = next((found for found in counts if found), None)
    total = sum(TABLE_1)
    lines = [
        [
            f"{label} {name}",
            f"{TABLE_1[label]:,}",
            f"{TABLE_1[label] / total:.2%}",
            f"{own[label]:,}" if own else "-",
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


def table_2(predictions: dict[int, dict[str, Any]], runs: dict[str, dict[str, Any]]) -> str:
    """The paper's Table 2 as ratios to PyTorch, beside ours."""
    lines = []
    for size, theirs in TABLE_2.items():
        for framework in ("keras", "flax"):
            ratios = predictions.get(size, {}).get("ratios", {})
            lines.append(
                [
                    f"{NAMES[framework]} over PyTorch, {size} pixels",
                    f"{theirs[framework] / theirs['torch']:.2f}",
                    interval_text(ratios.get(f"{framework} over torch: predict")),
                    interval_text(_ratio(runs.get(str(size)), NATIVE[framework], "batch 128")),
                ]
            )
    titles = ["", "paper, Tesla T4", "own predict, this CPU", "native artifact, this CPU"]
    return table(titles, lines)


def own_predict(predictions: dict[int, dict[str, Any]]) -> str:
    """Each framework's own predict beside its artifact, and what the first pass costs."""
    lines = []
    for size, prediction in predictions.items():
        for framework, sides in prediction["frameworks"].items():
            ratio = prediction["ratios"][f"{framework}: predict over artifact"]
            lines.append(
                [
                    f"{NAMES[framework]}, {size} pixels",
                    interval_text(ratio),
                    _first_pass(sides["predict"]),
                    _first_pass(sides["artifact"]),
                    f"{compile_share(sides['predict']):+.1%}",
                ]
            )
    titles = ["framework", "own predict over artifact", "first pass, own predict"]
    titles += ["first pass, artifact", "mean of ten passes, own predict"]
    return table(titles, lines)


def _first_pass(rounds: list[dict[str, Any]]) -> str:
    """How often as long as a later pass the first one took."""
    return f"{statistics.median(r['pass_s'][0] / min(r['pass_s'][1:]) for r in rounds):.2f}"


def calls_of_first_pass(predictions: dict[int, dict[str, Any]]) -> str:
    """What a call of the first pass takes beside the same call of the last one."""
    lines = []
    for size, prediction in predictions.items():
        for framework, sides in prediction["frameworks"].items():
            for what, name in (("predict", "own predict"), ("artifact", NATIVE[framework])):
                rounds = sides[what]
                if len(rounds[0]["first_pass_calls_s"]) < 2:
                    continue  # one call predicts all
                lines.append(
                    [
                        f"{NAMES[framework]}, {name}, {size} pixels",
                        _extra(rounds, 0),
                        _extra(rounds, 1),
                        _extra(rounds, -1),
                    ]
                )
    titles = ["", "first call", "second call", "last call (the images left over)"]
    return table(titles, lines)


def _extra(rounds: list[dict[str, Any]], index: int) -> str:
    extra = [r["first_pass_calls_s"][index] - r["last_pass_calls_s"][index] for r in rounds]
    return f"{1e3 * statistics.median(extra):+,.0f} ms"


# The kinds of operators, by what their names have in them; the first that fits counts.
_KINDS = {
    "convolution": r"conv|ynn|mkldnn",
    "layout": r"reorder|transpose|copy|pad|concat|contiguous|to_dense|slice|bitcast",
    "dense and softmax": r"gemm|dot|matmul|addmm|linear|softmax|exp",
    "pooling": r"max|reduce|pool",
    "normalization and element by element": r"norm|relu|add|mul|sub|fusion|sum|clamp|broadcast",
}


_OTHER = "other"
KINDS = (*_KINDS, _OTHER)


def kind_of(operator: str) -> str:
    """The kind of an operator of any profiler."""
    for kind, pattern in _KINDS.items():
        if re.search(pattern, operator, re.IGNORECASE):
            return kind
    return _OTHER


def shares(operators: dict[str, float]) -> dict[str, float]:
    """The share of each kind in the seconds of operators."""
    sums = dict.fromkeys(KINDS, 0.0)
    for operator, seconds in operators.items():
        sums[kind_of(operator)] += seconds
    total = sum(operators.values())
    return {kind: seconds / total for kind, seconds in sums.items()}


def profiles(measured: dict[str, Any]) -> str:
    """The share of each kind of operators in what the profiler saw of a call."""
    lines = []
    for artifact, batches in measured["artifacts"].items():
        for batch, profile in batches.items():
            seen = sum(profile["operators"].values()) / profile["call_s"]
            cells = [
                f"{share:.0%}" if share else "-" for share in shares(profile["operators"]).values()
            ]
            lines.append([f"{artifact}, batch {batch}", *cells, f"{seen:.2f}"])
    return table(["artifact", *KINDS, "operators over a call"], lines)


def operators(measured: dict[str, Any], batch: str = "128", most: int = 4) -> str:
    """The operators that take longest, of each artifact."""
    lines = []
    for artifact, batches in measured["artifacts"].items():
        by_operator = batches[batch]["operators"]
        total = sum(by_operator.values())
        for operator, seconds in list(by_operator.items())[:most]:
            lines.append([f"{artifact}: `{operator}`", kind_of(operator), f"{seconds / total:.0%}"])
    return table([f"operator, batch {batch}", "kind", "share"], lines)


def _ratio(run: dict[str, Any] | None, artifact: str, point: str) -> dict[str, Any] | None:
    for row in run["rows"] if run else []:
        if row["artifact"].rpartition("/")[2] == artifact and point in row["timings"]:
            ratio: dict[str, Any] | None = row["timings"][point]["ratio"]
            return ratio
    return None


def interval_text(ratio: dict[str, Any] | None) -> str:
    """A ratio with its interval in brackets."""
    if ratio is None:
        return "-"
    if ratio["low"] is None:
        return f"{ratio['value']:.2f}"
    return f"{ratio['value']:.2f} [{ratio['low']:.2f}, {ratio['high']:.2f}]"
