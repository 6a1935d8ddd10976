"""Tables of profiles: shares of a call, layers side by side, and the longest operators."""

from __future__ import annotations

from collections.abc import Sequence

from ..profiling.findings import HIGHEST_SHARE
from ..profiling.layers import LayerRow, paired
from ..profiling.operator_classes import OperatorClass, class_of
from ..profiling.profile import Profile
from .table import EMPTY, Cell, Column, Kind, Table, seconds_cell

TITLE = "Why: where the time of a call goes"
# Operators that are shown of an artifact, and characters of their names.
_LONGEST = 5
_NAME = 24
# Columns of artifacts that a table of layers has at most.
_SIDE_BY_SIDE = 4
# Operators that take less of a call are too short for a rate.
_LEAST = 0.01


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
    cells = [
        [
            Cell(str(number), number),
            Cell(*_kind(row)),
            Cell(_sizes(row.weights), _sizes(row.weights)),
            *(seconds_cell(layer.seconds if layer else None) for layer in row.layers[shown]),
        ]
        for number, row in enumerate(rows, 1)
        if any(row.layers[shown])
    ]
    overhead = [
        *(EMPTY, Cell("no operator runs", "overhead"), EMPTY),
        *(seconds_cell(profile.overhead_s) for profile in profiles),
    ]
    unnamed = [
        *(EMPTY, Cell("not named", "unnamed"), EMPTY),
        *(seconds_cell(profile.unnamed_s) for profile in profiles),
    ]
    total = [
        *(EMPTY, Cell("call, with the profiler", "call"), EMPTY),
        *(seconds_cell(profile.call_s) for profile in profiles),
    ]
    caption = "Layers side by side: a convolution or matrix product, with what follows it"
    rest = [row for row in (overhead, unnamed) if any(cell.value is not None for cell in row[3:])]
    return Table(Kind.PROFILE, caption, columns, [*cells, *rest, total])


def operator_table(profiles: Sequence[Profile]) -> Table:
    """The operators of each artifact that take longest."""
    columns = [
        Column("artifact", "artifact", is_text=True),
        Column("operator", "operator", is_text=True),
        Column("kind", "kind", is_text=True),
        Column("class", "class", is_text=True),
        Column("seconds", "time"),
        Column("share", "share"),
    ]
    rows = []
    for profile in profiles:
        longest = sorted(profile.operators, key=lambda operator: -operator.seconds)[:_LONGEST]
        for operator in longest:
            name = class_of(operator.kind).value
            rows.append(
                [
                    Cell(profile.artifact, profile.artifact),
                    Cell(_shortened(operator.name), operator.name),
                    Cell(_shortened(operator.kind, 18), operator.kind),
                    Cell(name, name),
                    seconds_cell(operator.seconds),
                    _share(profile, operator.seconds),
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


def _shortened(text: str, most: int = _NAME) -> str:
    """A text whose beginning is left out: names of operators differ at their end."""
    return text if len(text) <= most else f"…{text[1 - most :]}"


def legend() -> list[str]:
    """What the columns mean."""
    return [
        "call: without the profiler, the median; profiler: what a call takes longer with it",
        "conv., matmul: convolutions and matrix products; memory: layout and copies, element by "
        "element, reductions; overhead: time of a call in which no operator runs; not named: that "
        "time with the time of operators that the profiler does not name",
        "rate: operations a second in these, over the machine's rate of a float32 matrix product",
    ]
