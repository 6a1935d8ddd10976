"""The study's plots as SVG. Series differ in shape or hatching too, not in colour alone."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np

matplotlib.use("svg")
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from study.operator_tables import KINDS, shares
from study.paper import TABLE_3
from study.setup import NAMES
from study.tables import TEST_IMAGES
from study.training_tables import of_profile, title

# Text stays text, and the same results give the same file.
matplotlib.rcParams |= {
    "svg.fonttype": "none",
    "svg.hashsalt": "study",
    "font.size": 9,
    "axes.grid": True,
    "grid.alpha": 0.3,
    "axes.axisbelow": True,
}
_MARKERS = "osD^vP*X"
_HATCHES = ("", "//", "..", "xx", "\\\\", "++")


def write(path: Path, figure: Figure) -> None:
    """Write a figure."""
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def accuracy(records: list[dict[str, Any]]) -> Figure:
    """Accuracy on the test images of each training, beside the paper's."""
    figure, axes = plt.subplots(figsize=(6.5, 3))
    for place, framework in enumerate(NAMES):
        paper = TABLE_3[framework]["accuracy"]
        error = np.sqrt(paper * (1 - paper) / TEST_IMAGES)
        axes.errorbar(
            paper, place - 0.2, xerr=error, fmt="kx", capsize=3, label=_once(place, "paper")
        )
        for profile, marker, offset in (("paper", "o", 0.0), ("best", "D", 0.2)):
            values = [
                record["test_metrics"]["accuracy"]
                for record in of_profile(records, profile)
                if record["framework"] == framework
            ]
            name = {"paper": "ours, a mark a seed", "best": "ours, profile best"}[profile]
            axes.plot(
                values, [place + offset] * len(values), marker, color="C1" if offset else "C0",
                label=_once(place, name),
            )  # fmt: skip
    axes.set_yticks(range(len(NAMES)), list(NAMES.values()))
    axes.set_ylim(len(NAMES) - 0.4, -0.6)
    axes.set_xlabel("accuracy on the test images (bars: standard error of 3,421 images)")
    axes.legend(fontsize=8)
    return figure


def _once(place: int, label: str) -> str:
    return label if place == 0 else "_" + label


def calibration(records: list[dict[str, Any]]) -> Figure:
    """How often each network is right by how sure it is, a panel a framework."""
    figure, panels = plt.subplots(1, len(NAMES), figsize=(9, 3.6), sharex=True, sharey=True)
    for axes, (framework, name) in zip(panels, NAMES.items(), strict=True):
        axes.plot([0, 1], [0, 1], "k:", label="as sure as it is right")
        known = [
            record
            for record in records
            if record["framework"] == framework and record.get("test_calibration")
        ]
        for record in known:
            best = record["recipe"]["profile"] == "best"
            mark = len(_MARKERS) - 1 if best else record["recipe"]["seed"]
            # A share of fewer images says nothing.
            bins = [bin_ for bin_ in record["test_calibration"]["bins"] if bin_[0] >= 20]
            axes.plot(
                [bin_[1] for bin_ in bins], [bin_[2] for bin_ in bins],
                marker=_MARKERS[mark % len(_MARKERS)], color=f"C{mark}",
                label=title(record).removeprefix(f"{name}, "), linestyle="-" if best else "--",
            )  # fmt: skip
        axes.set_title(name)
        axes.set_xlabel("mean confidence")
        axes.legend(fontsize=8, loc="lower right")
    panels[0].set_ylabel("share that is right (bins of 20 images or more)")
    panels[0].set_xlim(0.45, 1.01)
    panels[0].set_ylim(0.2, 1.02)
    return figure


def ratios(run: dict[str, Any], points: tuple[str, str] = ("batch 128", "batch 1")) -> Figure:
    """The ratio of each artifact to the reference with its interval, for two kinds of calls."""
    figure, panels = plt.subplots(1, 2, figsize=(9, 3.3), sharey=True)
    rows = sorted(run["rows"], key=lambda row: -_value(row, points[0]))
    for axes, point in zip(panels, points, strict=True):
        for place, row in enumerate(rows):
            ratio = row["timings"].get(point, {}).get("ratio")
            value = _value(row, point)
            known = ratio and ratio["low"] is not None
            bars = [[value - ratio["low"]], [ratio["high"] - value]] if known else None
            axes.errorbar(value, place, xerr=bars, fmt=_mark(ratio), capsize=3)
            beside = {"xytext": (9, 0), "textcoords": "offset points", "va": "center"}
            axes.annotate(f"{value:.2f}" if ratio else "1", (value, place), fontsize=9, **beside)
        axes.axvline(1, color="k", linewidth=0.8)
        axes.set_xscale("log")
        ticks = [0.3, 0.5, 0.7, 1, 1.5, 2, 3]
        axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
        axes.set_xlim(0.35, 3)
        axes.minorticks_off()
        axes.set_title(f"{point}: time over TorchScript's")
        axes.set_xlabel("less is faster")
    panels[0].set_yticks(range(len(rows)), [_short(row["artifact"]) for row in rows])
    return figure


def _mark(ratio: dict[str, Any] | None) -> str:
    """The colour and shape of a ratio: whether its interval lies on one side of 1."""
    if not ratio:
        return "kx"
    if ratio["low"] is not None and ratio["high"] < 1:
        return "C2o"
    return "C1s" if ratio["low"] is not None and ratio["low"] > 1 else "C7D"


def _value(row: dict[str, Any], point: str) -> float:
    ratio = row["timings"].get(point, {}).get("ratio")
    return float(ratio["value"]) if ratio else 1.0


def _short(artifact: str) -> str:
    return artifact.rpartition("/")[2]


def sizes(run: dict[str, Any], point: str) -> Figure:
    """The time for an image by its side, of each format."""
    figure, axes = plt.subplots(figsize=(6.5, 4))
    series: dict[str, dict[int, float]] = {}
    for row in run["rows"]:
        side = re.search(r"\d+", row["shapes"])
        if side and point in row["timings"]:
            by_side = series.setdefault(_short(row["artifact"]), {})
            by_side[int(side[0])] = 1e3 / row["timings"][point]["samples_per_s"]
    for index, (name, by_side) in enumerate(sorted(series.items())):
        sides = sorted(by_side)
        axes.plot(sides, [by_side[side] for side in sides], marker=_MARKERS[index], label=name)
    sides = sorted({side for by_side in series.values() for side in by_side})
    least = min(by_side[sides[0]] for by_side in series.values())
    axes.plot(
        sides, [least * (side / sides[0]) ** 2 for side in sides], "k:", label="as the pixels"
    )
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xticks(sides, [f"{side}" for side in sides])
    axes.yaxis.set_major_formatter("{x:g}")
    axes.minorticks_off()
    axes.set_xlabel("image side in pixels")
    axes.set_ylabel(f"milliseconds an image, {point}")
    axes.legend(fontsize=8)
    return figure


def operators(profiles: dict[str, Any]) -> Figure:
    """The shares of kinds of operators, of each artifact and batch."""
    bars = [
        (f"{artifact}, batch {batch}", profile["operators"])
        for artifact, batches in profiles["artifacts"].items()
        for batch, profile in batches.items()
    ]
    figure, axes = plt.subplots(figsize=(7.5, 4))
    shares_by_bar = [shares(by_kind) for _, by_kind in bars]
    left = np.zeros(len(bars))
    for index, kind in enumerate(KINDS):
        widths = np.array([bar_shares[kind] for bar_shares in shares_by_bar])
        axes.barh(
            range(len(bars)),
            widths,
            left=left,
            label=kind,
            hatch=_HATCHES[index % len(_HATCHES)],
            edgecolor="white",
        )
        left += widths
    axes.set_yticks(range(len(bars)), [name for name, _ in bars])
    axes.invert_yaxis()
    axes.set_xlabel("share of the time in operators")
    axes.legend(fontsize=8, loc="upper center", bbox_to_anchor=(0.4, -0.15), ncols=3)
    return figure
