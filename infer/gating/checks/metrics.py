"""Check that no metric of the task got worse, on the same samples as in the baseline."""

from __future__ import annotations

import numpy as np

from ...metrics.score import Score, difference
from ...metrics.tasks import is_built_in
from ..artifact_gate import ArtifactGate
from ..kept_metric import KeptMetric
from ..result import Check, CheckKind, MetricFigures, Verdict

_EACH_SAMPLE = "let the function return a number for each sample"
# An update is refused where a metric fails, unless a reason is given.
_TAKE_IT = '--update --accept "WHY"'


def check(gate: ArtifactGate) -> list[Check]:
    """Check the metrics that are judged by themselves, and those that a margin names."""
    old = gate.old.metrics if gate.old else {}
    names = [
        name
        for name in dict.fromkeys((*gate.new.metrics, *old))
        if any(name in side and side[name].judged for side in (gate.new.metrics, old))
        or gate.margins.is_named(name)
    ]
    known = {name.lower() for name in names}
    nowhere = [name for name in gate.margins.metrics if name not in known | gate.margins.off]
    return [
        *(_check(gate, name, gate.new.metrics.get(name), old.get(name)) for name in names),
        *(_nowhere(gate, name) for name in nowhere),
    ]


def _nowhere(gate: ArtifactGate, name: str) -> Check:
    """A metric that a margin names, and that is neither in the baseline nor in this run."""
    return gate.check(
        CheckKind.METRIC,
        Verdict.NOT_JUDGED,
        f"a margin names {name}, which neither the baseline has nor this run",
        "measure with the --task or --metric that has it, and take it into the baseline with "
        "--update",
        metric=name,
    )


def _check(gate: ArtifactGate, name: str, new: KeptMetric | None, old: KeptMetric | None) -> Check:
    def result(verdict: Verdict, detail: str, remedy: str = "") -> Check:
        return gate.check(CheckKind.METRIC, verdict, detail, remedy, metric=name)

    if name.lower() in gate.margins.off:
        return result(Verdict.OFF, f"switched off by the margin {name}=off")
    if old is None:
        what = "this artifact" if gate.old is None else "this metric"
        return result(
            Verdict.NOT_JUDGED,
            f"{what} is not in the baseline",
            "take it into the baseline with --update",
        )
    if new is None:
        return result(
            Verdict.FAILED,
            f"the baseline has {name}, this run has none{_why(gate, name)}",
            "measure with the --task, --metric and truth of the baseline, or write it without "
            f"them with {_TAKE_IT}",
        )
    if new.score.lower_is_better != old.score.lower_is_better:
        was = "lower" if old.score.lower_is_better else "higher"
        return result(
            Verdict.FAILED,
            f"in the baseline a {was} {name} is better, in this run it is the other way round",
            f"measure with the --metric of the baseline, or take this one into it with {_TAKE_IT}",
        )
    if new.origin != old.origin:
        kept = gate.old.outputs if gate.old else {}
        remedy = "measure with the --task or --metric of the baseline, or take this one into it"
        if kept.keys() - gate.new.sketches.keys():
            remedy = (
                "if its outputs are only called otherwise, export them with the names of the "
                "baseline, or take these into it"
            )
        return result(
            Verdict.FAILED,
            f"it is calculated from {new.origin or 'something unknown'}, that of the baseline was "
            f"from {old.origin or 'something unknown'}",
            f"{remedy} with {_TAKE_IT}",
        )
    if not gate.same_inputs or new.score.samples != old.score.samples:
        return result(
            Verdict.NOT_JUDGED,
            "the inputs are not those of the baseline, so that samples cannot be paired",
            "judge by the baseline's inputs, or take these into the baseline with --update",
        )
    return _paired(gate, name, new, old.score)


def _why(gate: ArtifactGate, name: str) -> str:
    """Why a metric is missing, if the run says so of it, or else of its task."""
    reasons = gate.run.missing_metrics.get(gate.label, ())
    of_it = [reason for reason in reasons if reason.startswith(f"metric {name}:")]
    of_task = [reason for reason in reasons if not reason.startswith("metric ")]
    said = of_it or (of_task if is_built_in(name.lower()) else [])
    return f" ({'; '.join(said)})" if said else ""


def _paired(gate: ArtifactGate, name: str, kept: KeptMetric, before: Score) -> Check:
    """Judge by the interval of the paired difference."""
    now = kept.score
    paired = difference(kept.in_steps().score, before)
    value = now.value - before.value
    share = gate.margins.metric(name)
    loss = share * abs(before.value)
    lower = before.lower_is_better
    figures = MetricFigures(
        metric=name,
        value=now.value,
        baseline=before.value,
        difference=value,
        allowed=loss if lower else -loss,
        samples=now.samples,
        lower_is_better=lower,
        low=paired.low if paired else None,
        high=paired.high if paired else None,
    )

    def result(verdict: Verdict, detail: str, remedy: str = "") -> Check:
        return gate.check(CheckKind.METRIC, verdict, detail, remedy, figures, metric=name)

    if _is_same(now, before):
        return result(Verdict.PASSED, f"{now.value:.4g}, as before in {now.samples:,} samples")
    may = f"{loss:.2g} more" if lower else f"{loss:.2g} less"
    detail = f"{now.value:.4g}, was {before.value:.4g}: {value:+.2g}"
    if paired is None:
        wider = "give more samples" if is_built_in(name.lower()) else _EACH_SAMPLE
        return result(
            Verdict.NOT_SURE if (value if lower else -value) > loss else Verdict.NOT_JUDGED,
            f"{detail}; no interval is known of this metric, since it could not be calculated on "
            "enough resamples",
            f"{wider}, or switch it off: --margin {name}=off",
        )
    if share >= 1 and not lower:
        return result(
            Verdict.NOT_JUDGED,
            f"{detail}; the margin lets be anything",
            f"give a margin of {name} that is small beside the baseline's value",
        )
    detail += f" [{paired.low:+.2g}, {paired.high:+.2g}] in {now.samples:,} samples ({may} passes)"
    # The loss at either end, whichever direction is better.
    least, most = (paired.low, paired.high) if lower else (-paired.high, -paired.low)
    if most <= loss:
        return result(Verdict.PASSED, detail)
    if least > loss:
        return result(
            Verdict.FAILED,
            detail,
            "look at the samples that differ; if the loss is meant, take it into the baseline "
            f"with {_TAKE_IT}, or allow it with --margin {name}=SHARE",
        )
    return result(
        Verdict.NOT_SURE,
        detail,
        f"give more samples than {now.samples:,}; these are too few to tell a change of {loss:.2g}",
    )


def _is_same(now: Score, before: Score) -> bool:
    """Whether no sample counts otherwise than before, so that no set could show less."""
    if now.flags is not None and before.flags is not None:
        return bool(np.array_equal(now.flags, before.flags))
    return False
