"""What profiles say in words; only what was measured."""

from __future__ import annotations

from collections.abc import Sequence

from .operator_classes import OperatorClass
from .profile import Profile

_PLURAL = {
    OperatorClass.CONVOLUTION: "convolutions",
    OperatorClass.MATRIX_PRODUCT: "matrix products",
    OperatorClass.LAYOUT: "changes of layout and copies",
    OperatorClass.ELEMENTWISE: "operators element by element",
    OperatorClass.REDUCTION: "reductions and pooling",
    OperatorClass.OTHER: "other operators",
}
# Differences below this share of the slower call, and classes below it, are not worth a sentence.
_LEAST = 0.05
# A larger share of the machine's rate means that this was not measured well.
HIGHEST_SHARE = 1.1
# A difference is divided by operators if calls without the profiler differ by as much, within this
# share of it.
_SAME_DIFFERENCE = 0.25
# Calls under the profiler that differ by more from those without it are rough.
_ROUGH = 0.2


def findings(profiles: Sequence[Profile], flops_per_s: float | None) -> list[str]:
    """Sentences about profiles.

    Args:
        profiles: of the same number of samples a call.
        flops_per_s: the machine's rate of a float32 matrix product; None if not known.
    """
    known = [profile for profile in profiles if profile.profiler]
    alike = [profile for profile in known if not is_rough(profile)]
    return [*_rates(alike, flops_per_s), *_differences(alike), *_disagreements(known)]


def is_rough(profile: Profile) -> bool:
    """Whether calls under the profiler are others than those without it."""
    return abs(profile.profiler_overhead or 0.0) > _ROUGH


def _rates(profiles: Sequence[Profile], flops_per_s: float | None) -> list[str]:
    """At what share of the machine's rate arithmetic runs in each artifact."""
    sentences = []
    for kind in (OperatorClass.CONVOLUTION, OperatorClass.MATRIX_PRODUCT):
        shares = {
            profile.artifact: rate / flops_per_s
            for profile in profiles
            if flops_per_s
            and profile.seconds[kind] > _LEAST * profile.call_s
            and (rate := profile.rate(kind))
        }
        if max(shares.values(), default=0.0) > HIGHEST_SHARE:
            return [
                f"{_PLURAL[kind]} run at over {_percent(HIGHEST_SHARE)} of this machine's rate of "
                "a float32 matrix product, as that was measured: nothing is said of shares of it"
            ]
        if shares:
            places = ", ".join(f"{_percent(share)} in {name}" for name, share in shares.items())
            sentences.append(
                f"of this machine's rate of a float32 matrix product {_PLURAL[kind]} reach {places}"
            )
    return sentences


def _differences(profiles: Sequence[Profile]) -> list[str]:
    """Where the slowest artifact spends what it takes longer than the fastest."""
    if len(profiles) < 2:
        return []
    fastest = min(profiles, key=lambda profile: profile.call_s)
    slowest = max(profiles, key=lambda profile: profile.call_s)
    difference = slowest.call_s - fastest.call_s
    plain = (slowest.plain_s or 0.0) - (fastest.plain_s or 0.0)
    # Times with the profiler say nothing of what times without it do not show.
    if difference < _LEAST * slowest.call_s or plain < _LEAST * (slowest.plain_s or 0.0):
        return []
    if abs(difference - plain) > _SAME_DIFFERENCE * plain:
        return []
    parts = {_PLURAL[kind]: slowest.seconds[kind] - fastest.seconds[kind] for kind in OperatorClass}
    if slowest.overhead_s is None or fastest.overhead_s is None:
        return []  # operators of one of them are not named
    parts["time in which no operator runs"] = slowest.overhead_s - fastest.overhead_s
    shown = sorted(
        (item for item in parts.items() if abs(item[1]) >= _LEAST * difference),
        key=lambda item: -abs(item[1]),
    )
    listed = ", ".join(f"{_signed(seconds)} in {name}" for name, seconds in shown)
    return [
        f"a call of {slowest.artifact} takes {_time(difference)} longer than one of "
        f"{fastest.artifact}: {listed}"
    ]


def _disagreements(profiles: Sequence[Profile]) -> list[str]:
    """Artifacts whose calls under the profiler are not those without it."""
    return [
        f"{profile.artifact}: calls under the profiler took {_percent(abs(extra))} "
        f"{'longer' if extra > 0 else 'less'} than those without it: its figures are rough, and "
        "nothing else is said of it"
        for profile in profiles
        if (extra := profile.profiler_overhead) and is_rough(profile)
    ]


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _signed(seconds: float) -> str:
    return ("+" if seconds > 0 else "-") + _time(abs(seconds))


def _time(seconds: float) -> str:
    for unit, scale in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= scale:
            return f"{seconds / scale:.3g} {unit}"
    return f"{seconds * 1e6:.3g} µs"
