"""Limits of metrics that an artifact must meet to be chosen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..metrics.tasks import is_built_in
from ..stats.ratios import CONFIDENCE
from .summary import ArtifactResult

_EACH_SAMPLE = "let the function return a number for each sample"
_NO_ACCURACY = "the inputs have no 'labels', or the outputs no scores of classes"


@dataclass(frozen=True)
class MetricLimits:
    """Limits by the name of a metric, in any case.

    Attributes:
        least, most: the smallest and the largest value.
        margins: the share of the reference's value that may be lost.
    """

    least: Mapping[str, float] = field(default_factory=dict)
    most: Mapping[str, float] = field(default_factory=dict)
    margins: Mapping[str, float] = field(default_factory=dict)


@dataclass
class Findings:
    """What speaks against an artifact.

    Attributes:
        out: why it falls out.
        unknown: what is not known.
        doubts: what is not enough for it to fall out.
    """

    out: list[str]
    unknown: list[str]
    doubts: list[str]


def check_metrics(row: ArtifactResult, limits: MetricLimits, findings: Findings) -> None:
    """Hold the metrics of an artifact against limits; adds to `findings`."""
    for given, limit in limits.least.items():
        if (name := _known(row, given, findings)) is not None:
            _value(row, name, limit, findings, at_least=True)
    for given, limit in limits.most.items():
        if (name := _known(row, given, findings)) is not None:
            _value(row, name, limit, findings, at_least=False)
    for given, share in limits.margins.items():
        if (name := _known(row, given, findings)) is not None:
            _margin(row, name, share, findings)


def _known(row: ArtifactResult, given: str, findings: Findings) -> str | None:
    """The metric's own name; None if the artifact has no such metric."""
    names = {name.lower(): name for name in row.metrics or {}}
    if given.lower() in names:
        return names[given.lower()]
    listed = ", ".join(names.values())
    why = f"the run has {listed}" if listed else "the run has no metrics; measure with --task"
    findings.unknown.append(f"{given}: {_NO_ACCURACY if given == 'accuracy' else why}")
    return None


def _value(
    row: ArtifactResult, name: str, limit: float, findings: Findings, *, at_least: bool
) -> None:
    value, interval = (row.metrics or {})[name], row.metric_intervals.get(name)
    under = "under" if at_least else "over"
    if value < limit if at_least else value > limit:
        findings.out.append(f"{name} {value:.4f}, {under} {limit:g}")
        return
    end = None if interval is None else interval.low if at_least else interval.high
    if end is None:
        remedy = "give more samples" if is_built_in(name.lower()) else _EACH_SAMPLE
        findings.unknown.append(
            f"{name} {value:.4f}: how it could be on other samples is not known, since it has no "
            f"interval; {remedy}"
        )
    elif end < limit if at_least else end > limit:
        findings.doubts.append(
            f"{name} {value:.4f} on {row.samples or 0:,} samples could be {end:.4f} on others "
            f"({CONFIDENCE:.0%} interval), {under} {limit:g}"
        )


def _margin(row: ArtifactResult, name: str, share: float, findings: Findings) -> None:
    interval = row.metric_intervals.get(name)
    if interval is None or interval.difference is None:
        findings.unknown.append(
            f"{name}: no interval of its difference from the reference is known"
        )
        return
    low, high = interval.difference_low, interval.difference_high
    assert low is not None and high is not None
    value = (row.metrics or {})[name]
    loss = share * abs(value - interval.difference)
    least, most = (low, high) if interval.lower_is_better else (-high, -low)
    text = (
        f"{name} {interval.difference:+.2g} [{low:+.2g}, {high:+.2g}] from the reference's, "
        f"{loss:.2g} may be lost"
    )
    if least > loss:
        findings.out.append(text)
    elif most > loss:
        findings.unknown.append(f"{text}; more samples tell")
