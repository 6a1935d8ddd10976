"""Tables of profiles: shares of a call, layers side by side, and the longest operators."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ..profiling.attribution import OperatorTime
from ..profiling.findings import HIGHEST_SHARE, findings, is_rough
from ..profiling.layers import LayerRow, paired
from ..profiling.operator_classes import OperatorClass, class_of
from ..profiling.profile import Profile
from ..results.short_labels import ShortLabels
from .table import EMPTY, Cell, Column, Kind, Table, seconds_cell

TITLE = "Why: where the time of a call goes"
# Kinds of operators that are shown of an artifact, and characters of a name.
_LONGEST = 5
_NAME = 34
# Columns of artifacts, and layers, that a table of layers has at most.
_SIDE_BY_SIDE = 4
MOST_LAYERS = 30
# Operators that take less of a call are too short for a rate.
_LEAST = 0.01


@dataclass(frozen=True)
class ProfileTexts:
    """What is shown of profiles: sentences, tables, problems and a legend.

    Attributes:
        profiles: the profiles, with the short labels that all of it has.
    """

    profiles: list[Profile]
    findings: list[str]
    tables: list[Table]
    problems: list[str]
    legend: list[str]


def profile_texts(profiles: Sequence[Profile], flops_per_s: float | None) -> ProfileTexts:
    """What is shown of profiles.

    Args:
        profiles: of artifacts.
        flops_per_s: the machine's rate of a float32 matrix product; None if not known.
    """
    labels = ShortLabels.of([profile.artifact for profile in profiles])
    profiles = [replace(profile, artifact=labels[profile.artifact]) for profile in profiles]
    return ProfileTexts(
        profiles,
        findings(profiles, flops_per_s),
        profile_tables(profiles, flops_per_s),
        problems(profiles),
        legend(),
    )


def profile_tables(profiles: Sequence[Profile], flops_per_s: float | None) -> list[Table]:
    """All tables about profiles; those without a profile have a row in the first.

    Args:
        profiles: of artifacts.
        flops_per_s: the machine's rate of a float32 matrix product; None if not known.
    """
    recorded = [profile for profile in profiles if profile.profiler]
    tables = [share_table(profiles, flops_per_s)]
    if recorded:
        rows = paired(recorded)
        for first in range(0, len(recorded), _SIDE_BY_SIDE):
            tables.append(layer_table(recorded, rows, first))
        tables.append(operator_table(recorded))
    return tables


def share_table(profiles: Sequence[Profile], flops_per_s: float | None) -> Table:
    """The shares of arithmetic, memory traffic and overhead in a call of each artifact."""
    columns = [
        Column("artifact", "artifact", is_text=True),
        Column("call_s", "call"),
        Column("profiler_overhead", "profiler"),
        Column("convolution", "conv."),
        Column("matrix_product", "matmul"),
        Column("memory", "memory"),
        Column("other", "other"),
        Column("overhead", "overhead"),
        Column("unnamed", "not named"),
        Column("conv_rate", "conv. rate"),
        Column("matmul_rate", "matmul rate"),
    ]
    rows = []
    for profile in profiles:
        arithmetic = (OperatorClass.CONVOLUTION, OperatorClass.MATRIX_PRODUCT)
        extra = profile.profiler_overhead
        rows.append(
            [
                Cell(profile.artifact, profile.artifact),
                seconds_cell(profile.plain_s),
                EMPTY if extra is None else Cell(f"{extra:+.0%}".replace("%", " %"), extra),
                *(_share(profile, profile.seconds[kind]) for kind in arithmetic),
                _share(profile, profile.memory_s),
                _share(profile, profile.seconds[OperatorClass.OTHER]),
                _share(profile, profile.overhead_s),
                _share(profile, profile.unnamed_s),
                *(_rate(profile, kind, flops_per_s) for kind in arithmetic),
            ]
        )
    batches = sorted({profile.batch for profile in profiles})
    caption = f"Where the time of a call goes, batch {', '.join(map(str, batches))}"
    return Table(Kind.PROFILE, caption, columns, rows).without_empty_columns()


def layer_table(profiles: Sequence[Profile], rows: Sequence[LayerRow], first: int) -> Table:
    """The layers of artifacts side by side: the time of a call in each.

    Args:
        profiles: of all artifacts that have one.
        rows: their layers.
        first: number of the first artifact that is shown; some follow.
    """
    shown = slice(first, first + _SIDE_BY_SIDE)
    profiles = profiles[shown]
    columns = [
        Column("layer", "layer"),
        Column("kind", "kind", is_text=True),
        Column("weights", "weights", is_text=True),
        *(Column(profile.artifact, profile.artifact) for profile in profiles),
    ]
    here = [(number, row) for number, row in enumerate(rows, 1) if any(row.layers[shown])]
    longest = longest_rows([row for _, row in here], profiles, first)
    cells = [
        [
            Cell(str(number), number),
            Cell(*_kind(row)),
            Cell(_sizes(row.weights), _sizes(row.weights)),
            *(seconds_cell(layer.seconds if layer else None) for layer in row.layers[shown]),
        ]
        for number, row in (here[place] for place in longest)
    ]
    shorter = [row.layers[shown] for place, (_, row) in enumerate(here) if place not in longest]
    if shorter:
        text = f"{len(shorter)} shorter layers"
        sums = [
            sum(layer.seconds for layer in layers if layer) if any(layers) else None
            for layers in zip(*shorter, strict=True)
        ]
        cells.append([EMPTY, Cell(text, text), EMPTY, *map(seconds_cell, sums)])
    overhead = [
        *(EMPTY, Cell("no operator runs", "overhead"), EMPTY),
        *(seconds_cell(profile.overhead_s) for profile in profiles),
    ]
    unnamed = [
        *(EMPTY, Cell("not named", "unnamed"), EMPTY),
        *(seconds_cell(profile.unnamed_s) for profile in profiles),
    ]
    total = [
        *(EMPTY, Cell("the whole call", "call"), EMPTY),
        *(seconds_cell(profile.call_s) for profile in profiles),
    ]
    caption = "Layers side by side: a convolution or matrix product, with what follows it"
    rest = [row for row in (overhead, unnamed) if any(cell.value is not None for cell in row[3:])]
    return Table(Kind.PROFILE, caption, columns, [*cells, *rest, total])


def longest_rows(
    rows: Sequence[LayerRow], profiles: Sequence[Profile], first: int = 0
) -> list[int]:
    """The numbers of the rows that are shown, in order: of many those with the largest shares.

    Args:
        rows: layers side by side.
        profiles: the artifacts that are shown.
        first: number of the first of them in the rows.
    """

    def share(row: LayerRow) -> float:
        layers = row.layers[first : first + len(profiles)]
        pairs = zip(layers, profiles, strict=True)
        return max(
            (layer.seconds / p.call_s for layer, p in pairs if layer and p.call_s), default=0
        )

    order = sorted(range(len(rows)), key=lambda place: -share(rows[place]))
    return sorted(order[:MOST_LAYERS])


def operator_table(profiles: Sequence[Profile]) -> Table:
    """The kinds of operators of each artifact that take longest, and the longest one of each."""
    columns = [
        Column("artifact", "artifact", is_text=True),
        Column("kind", "operator", is_text=True),
        Column("class", "class", is_text=True),
        Column("number", "number"),
        Column("seconds", "time"),
        Column("share", "share"),
        Column("longest", "longest one", is_text=True, detail=2),
        Column("longest_share", "its share", detail=1),
    ]
    rows = []
    for profile in profiles:
        by_kind: dict[str, list[OperatorTime]] = {}
        for operator in profile.operators:
            by_kind.setdefault(operator.kind, []).append(operator)
        sums = {kind: sum(one.seconds for one in ones) for kind, ones in by_kind.items()}
        for kind in sorted(sums, key=lambda kind: -sums[kind])[:_LONGEST]:
            longest = max(by_kind[kind], key=lambda operator: operator.seconds)
            name = class_of(kind).value
            rows.append(
                [
                    Cell(profile.artifact, profile.artifact),
                    Cell(_shortened(kind), kind),
                    Cell(name, name),
                    Cell(str(len(by_kind[kind])), len(by_kind[kind])),
                    seconds_cell(sums[kind]),
                    _share(profile, sums[kind]),
                    Cell(_shortened(longest.name), longest.name),
                    _share(profile, longest.seconds),
                ]
            )
    return Table(Kind.PROFILE, "The operators that take longest", columns, rows)


def problems(profiles: Sequence[Profile]) -> list[str]:
    """Why artifacts have no profile, and what the profilers of the others do not see."""
    lines = []
    for profile in profiles:
        if profile.problem:
            lines.append(f"{profile.artifact}: not profiled: {profile.problem}")
        lines += [f"{profile.artifact}: {note}" for note in profile.notes]
    return lines


def _share(profile: Profile, seconds: float | None) -> Cell:
    if seconds is None or not profile.profiler or not profile.call_s:
        return EMPTY
    share = seconds / profile.call_s
    return Cell(f"{share:.0%}".replace("%", " %") if share >= 0.005 else "0", share)


def _rate(profile: Profile, kind: OperatorClass, flops_per_s: float | None) -> Cell:
    rate = profile.rate(kind)
    if rate is None or not flops_per_s or profile.seconds[kind] < _LEAST * profile.call_s:
        return EMPTY
    if is_rough(profile):
        return EMPTY
    share = rate / flops_per_s
    if share > HIGHEST_SHARE:
        return EMPTY
    return Cell(f"{share:.0%}".replace("%", " %"), share)


def _kind(row: LayerRow) -> tuple[str, str]:
    kind = row.known.kind
    text = kind.value if kind else "before the first"
    return text, text


def _sizes(shape: tuple[int, ...] | None) -> str:
    return "×".join(map(str, shape)) if shape else ""


def _shortened(text: str) -> str:
    """A text whose beginning is left out: names of operators differ at their end."""
    return text if len(text) <= _NAME else f"…{text[1 - _NAME :]}"


def legend() -> list[str]:
    """What the columns mean."""
    return [
        "call: without the profiler, the median; profiler: what a call takes longer with it",
        "conv., matmul: convolutions and matrix products; memory: layout and copies, element by "
        "element, reductions; overhead: time of a call in which no operator runs; not named: that "
        "time with the time of operators that the profiler does not name",
        "rate: operations a second in these, over the machine's rate of a float32 matrix product",
    ]
