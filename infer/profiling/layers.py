"""Layers of artifacts, and which layer of one is which of another.

A layer is a convolution or a matrix product with what runs from there to the next one. Runtimes
fuse and split what is between these in ways of their own, and each computes these. Two layers are
the same if the shapes of their weights and outputs agree wherever both are known, in any layout and
with neighbouring axes that may be merged, and the layers before and after them can be paired too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import accumulate
from math import prod
from operator import mul

from .operator_classes import OperatorClass, class_of
from .profile import Profile

# Pairs of layers that are compared at most; of larger models those at the same place are paired.
_MOST_PAIRS = 1_000_000


@dataclass(frozen=True)
class Layer:
    """A layer of an artifact.

    Attributes:
        name: of its convolution or matrix product; empty for what runs before the first.
        kind: class of that operator; None before the first.
        output, weights: shapes; None if not known. Weights of () are several products in one.
        arithmetic_s: seconds of a call in that operator.
        other_s: in what follows it.
    """

    name: str
    kind: OperatorClass | None
    output: tuple[int, ...] | None = None
    weights: tuple[int, ...] | None = None
    arithmetic_s: float = 0.0
    other_s: float = 0.0

    @property
    def seconds(self) -> float:
        """Seconds of a call in all of it."""
        return self.arithmetic_s + self.other_s


@dataclass(frozen=True)
class LayerRow:
    """A layer of the axis, with the layers that are the same.

    Attributes:
        layers: that of each artifact, in their order; None if an artifact has none there.
    """

    layers: tuple[Layer | None, ...]

    @property
    def known(self) -> Layer:
        """The first of its layers, for name and kind."""
        return next(layer for layer in self.layers if layer is not None)

    @property
    def weights(self) -> tuple[int, ...] | None:
        """The shape of the weights, if an artifact tells it."""
        known = (layer.weights for layer in self.layers if layer is not None)
        return next((weights for weights in known if weights is not None), None)

    @property
    def output(self) -> tuple[int, ...] | None:
        """The shape of the output, if an artifact tells it."""
        return next((layer.output for layer in self.layers if layer and layer.output), None)


def layers_of(profile: Profile) -> list[Layer]:
    """The layers of an artifact, in the order in which they run."""
    layers = [Layer("", None)]
    for operator in profile.operators:
        kind = class_of(operator.kind)
        if kind.is_arithmetic:
            # Attention in one operator is no layer of a runtime that has its products apart.
            weights = () if "attention" in operator.kind.lower() else operator.weights
            layers.append(Layer(operator.name, kind, operator.output, weights, operator.seconds))
        else:
            layers[-1] = replace(layers[-1], other_s=layers[-1].other_s + operator.seconds)
    return layers if layers[0].other_s else layers[1:]


def paired(profiles: Sequence[Profile]) -> list[LayerRow]:
    """The layers of several artifacts on one axis, that of the first one with a profile."""
    rows: list[list[Layer | None]] = []
    for place, profile in enumerate(profiles):
        layers = layers_of(profile)
        partners = _partners([_known(row) for row in rows], layers)
        rows = _merged(rows, layers, partners, place)
        for row in rows:
            row += [None] * (place + 1 - len(row))
    return [LayerRow(tuple(row)) for row in rows]


def _known(row: Sequence[Layer | None]) -> Layer:
    """All that is known of a row, as one layer."""
    known = LayerRow(tuple(row))
    return replace(known.known, weights=known.weights, output=known.output)


def _merged(
    rows: list[list[Layer | None]], layers: list[Layer], partners: dict[int, int], place: int
) -> list[list[Layer | None]]:
    """The rows with the layers of another artifact; what has no row gets one where it runs."""
    merged = [[*row] for row in rows]
    added: dict[int, list[list[Layer | None]]] = {}
    after = -1
    for number, layer in enumerate(layers):
        if number in partners:
            merged[partners[number]].append(layer)
            after = max(after, partners[number])
        else:
            added.setdefault(after, []).append([None] * place + [layer])
    result = added.get(-1, [])
    for number, row in enumerate(merged):
        result += [row, *added.get(number, [])]
    return result


def _agree(a: Layer, b: Layer) -> int:
    """How well two layers agree; 0 if they cannot be the same."""
    if a.kind != b.kind or (a.weights == ()) != (b.weights == ()):
        return 0
    score = 1 + (a.name == b.name)
    for one, other in ((a.weights, b.weights), (a.output, b.output)):
        if one is not None and other is not None:
            if not _are_alike(one, other):
                return 0
            score += 2
    return score


@lru_cache(maxsize=4096)
def _are_alike(one: tuple[int, ...], other: tuple[int, ...]) -> bool:
    """Whether shapes are the same but for the order, or for merged axes.

    A size of 0 may be any.
    """
    # Sizes of 1 may be dropped or added.
    counts = [Counter(size for size in shape if size != 1) for shape in (one, other)]
    free = [count.pop(0, 0) for count in counts]
    if all((counts[i] - counts[1 - i]).total() <= free[1 - i] for i in range(2)):
        return True
    if any(free):
        return False
    fine, coarse = sorted((_without_ones(one), _without_ones(other)), key=len, reverse=True)
    return any(_is_merged(fine, order) for order in (coarse, coarse[::-1]))


def _without_ones(shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(size for size in shape if size != 1)


def _is_merged(fine: tuple[int, ...], coarse: tuple[int, ...]) -> bool:
    """Whether sizes are those of the other shape with neighbours multiplied."""
    ends = {*accumulate(fine, mul)}
    return bool(coarse) and prod(fine) == prod(coarse) and {*accumulate(coarse, mul)} <= ends


def _partners(rows: Sequence[Layer], layers: Sequence[Layer]) -> dict[int, int]:
    """The row of each layer that has one, by the number of the layer."""
    if len(rows) * len(layers) > _MOST_PAIRS:
        if len(rows) != len(layers):
            return {}
        return {n: n for n in range(len(rows)) if _agree(rows[n], layers[n])}
    # The pairs in one order with the best sum, as in the alignment of sequences.
    best = [[0] * (len(layers) + 1) for _ in range(len(rows) + 1)]
    for i in range(len(rows) - 1, -1, -1):
        for j in range(len(layers) - 1, -1, -1):
            score = _agree(rows[i], layers[j])
            pair = score + best[i + 1][j + 1] if score else 0
            best[i][j] = max(pair, best[i + 1][j], best[i][j + 1])
    partners: dict[int, int] = {}
    i = j = 0
    while i < len(rows) and j < len(layers):
        score = _agree(rows[i], layers[j])
        if score and best[i][j] == score + best[i + 1][j + 1]:
            partners[j] = i
            i, j = i + 1, j + 1
        elif best[i][j] == best[i + 1][j]:
            i += 1
        else:
            j += 1
    # Branches may run in another order: what is left is the same if both of its shapes are.
    taken = set(partners.values())
    for j, layer in enumerate(layers):
        if j in partners or layer.weights is None:
            continue
        for i, row in enumerate(rows):
            if i not in taken and row.weights is not None and _agree(row, layer) > 2:
                partners[j] = i
                taken.add(i)
                break
    # So is the only one of its kind that is left on both sides, if nothing speaks against it.
    for kind in {layer.kind for layer in layers}:
        here = [j for j, layer in enumerate(layers) if layer.kind == kind and j not in partners]
        there = [i for i, row in enumerate(rows) if row.kind == kind and i not in taken]
        if len(here) == len(there) == 1 and _agree(rows[there[0]], layers[here[0]]):
            partners[here[0]] = there[0]
    return partners
