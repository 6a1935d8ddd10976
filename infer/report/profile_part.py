"""What a page shows of profiles: sentences, bars of calls and of layers, and tables.

Lengths are shares of the width of a plot, in per cent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..profiling.layers import LayerRow, paired
from ..profiling.operator_classes import OperatorClass
from ..profiling.profile import Profile
from ..results import formatting
from .profile_tables import TITLE, ProfileTexts, longest_rows, profile_texts

# The page's colours, by what is shown.
_COLOURS = {kind: number for number, kind in enumerate(OperatorClass)}
_OVERHEAD = len(_COLOURS)
_UNNAMED = _OVERHEAD + 1
# The artifacts whose layers are shown side by side.
_MOST = 8


@dataclass(frozen=True)
class Piece:
    """A part of a bar; `share` is of its own bar, as text."""

    left: float
    width: float
    colour: int
    share: str
    text: str


@dataclass(frozen=True)
class Bar:
    """A call of an artifact."""

    name: str
    text: str
    pieces: list[Piece]


@dataclass(frozen=True)
class LayerBar:
    """The time of a layer in one artifact."""

    width: float
    colour: int
    text: str


@dataclass(frozen=True)
class LayerBars:
    """A layer; a bar is None where an artifact has no such layer."""

    name: str
    bars: list[LayerBar | None]


@dataclass(frozen=True)
class ProfilePart:
    """The content about profiles; `key` and `names` are colours with what they stand for."""

    title: str
    texts: ProfileTexts
    bars: list[Bar]
    key: list[tuple[int, str]]
    layers: list[LayerBars]
    names: list[tuple[int, str]]


def profile_part(profiles: Sequence[Profile], flops_per_s: float | None) -> ProfilePart:
    """Make the content about profiles.

    Args:
        profiles: of artifacts.
        flops_per_s: the machine's rate of a float32 matrix product; None if not known.
    """
    texts = profile_texts(profiles, flops_per_s)
    recorded = [profile for profile in texts.profiles if profile.profiler]
    shown = recorded[:_MOST]
    return ProfilePart(
        title=TITLE,
        texts=texts,
        bars=_bars(recorded),
        key=_key(recorded),
        layers=_layers(shown),
        names=[(number, profile.artifact) for number, profile in enumerate(shown)],
    )


def _key(profiles: Sequence[Profile]) -> list[tuple[int, str]]:
    """The colours of bars with what they stand for, as far as there is any of it."""
    names = {colour: kind.value for kind, colour in _COLOURS.items()}
    names[_OVERHEAD] = "overhead"
    if any(profile.unnamed_s is not None for profile in profiles):
        names[_UNNAMED] = "not named"
    return [*names.items()]


def _bars(profiles: Sequence[Profile]) -> list[Bar]:
    longest = max((profile.call_s for profile in profiles), default=1.0)
    bars = []
    for profile in profiles:
        parts = [
            *((_COLOURS[kind], kind.value, profile.seconds[kind]) for kind in OperatorClass),
            (_OVERHEAD, "overhead", profile.overhead_s or 0.0),
            (_UNNAMED, "not named", profile.unnamed_s or 0.0),
        ]
        pieces, left = [], 0.0
        for colour, name, seconds in parts:
            width = 100 * seconds / longest
            share = f"{100 * seconds / profile.call_s:.0f} %"
            text = f"{name} {formatting.seconds(seconds)}, {share}"
            if width > 0:
                pieces.append(Piece(round(left, 3), round(width, 3), colour, share, text))
            left += width
        bars.append(Bar(profile.artifact, formatting.seconds(profile.call_s), pieces))
    return bars


def _layers(profiles: Sequence[Profile]) -> list[LayerBars]:
    rows = paired(profiles)
    shown = {*longest_rows(rows, profiles)}
    longest = max(
        (layer.seconds for row in rows for layer in row.layers if layer is not None), default=1.0
    )
    return [
        LayerBars(
            f"{number} {_name(row)}",
            [
                LayerBar(
                    round(100 * layer.seconds / longest, 3) if longest else 0.0,
                    colour,
                    f"{profiles[colour].artifact} {formatting.seconds(layer.seconds)}"
                    + (f", {layer.name}" if layer.name else ""),
                )
                if layer
                else None
                for colour, layer in enumerate(row.layers)
            ],
        )
        for number, row in enumerate(rows, 1)
        if number - 1 in shown
    ]


def _name(row: LayerRow) -> str:
    kind = row.known.kind
    sizes = " × ".join(map(str, row.weights or ()))
    return f"{kind.value if kind else 'before the first'} {sizes}".strip()
