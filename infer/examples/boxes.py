"""Examples of detections: boxes on both sides, with what has no partner."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ..parity.row_pairs import Partners
from ..records.example_events import Example, OutputExamples
from ..tensors.comparison_options import RowSet
from ..tensors.dtypes import kind_of, widened
from .arrays import ArrayWriter
from .compared import ComparedOutputs, chosen

# What a row is beside the other side's: it has no partner, or one that differs, or one that agrees.
LONE, DIFFERS, AGREES = 0, 1, 2
# Boxes that are drawn on one side.
MOST_BOXES = 30
# Boxes up to here are in shares of the picture.
_MOST_SHARE = 1.5
_CORNERS, _SCORE, _CLASS, _STATE, _COLUMNS = slice(0, 4), 4, 5, 6, 7


@dataclass(frozen=True)
class BoxOutputs:
    """Which output has what of each box.

    Attributes:
        boxes: four numbers each.
        scores, classes: one number each; None if there is none.
    """

    boxes: str
    scores: str | None
    classes: str | None


def roles_of(row_set: RowSet, compared: ComparedOutputs) -> BoxOutputs | None:
    """Which outputs of a set are what: by name, and else by type; None if it holds no boxes."""
    partners = compared.partners.get(row_set.output)
    if partners is None or partners.pair.expected.values.shape[1:] != (4,):
        return None
    scores = classes = None
    for name in row_set.members:
        if name not in compared.partners:
            continue
        values = compared.partners[name].pair.expected.values
        if values.size != len(values) or kind_of(values.dtype) not in ("float", "int"):
            continue
        lower = name.lower()
        is_score = "score" in lower or "conf" in lower or "prob" in lower
        is_class = "class" in lower or "label" in lower or kind_of(values.dtype) == "int"
        if scores is None and (is_score or not is_class):
            scores = name
        elif classes is None and not is_score:
            classes = name
    return BoxOutputs(row_set.output, scores, classes)


def box_examples(
    compared: ComparedOutputs,
    row_set: RowSet,
    roles: BoxOutputs,
    size: tuple[int, int] | None,
    writer: ArrayWriter,
    truth: Callable[[int], np.ndarray] | None = None,
) -> OutputExamples | None:
    """Choose the samples with the most rows that lack a partner or differ from it.

    Arrays of an example: `reference` and `answer`, rows x 7: the corners as shares of the picture,
    score and class (NaN where there is none), and one of `LONE`, `DIFFERS` and `AGREES`.

    Args:
        compared: the outputs.
        row_set: the set.
        roles: which of its outputs is what.
        size: height and width of the input pictures, if there are any.
        writer: writes the arrays.
        truth: gives the true objects of a sample, rows x 5: corners and class.
    """
    names = [name for name in row_set.names if name in compared.partners]
    partners = compared.partners[roles.boxes]
    pair = partners.pair
    if not len(pair.expected):
        return None
    agree, apart = _agreeing(compared, names)
    mine_state = np.full(len(pair.outputs.values), LONE)
    theirs_state = np.full(len(pair.expected.values), LONE)
    mine_state[partners.mine] = theirs_state[partners.theirs] = np.where(agree, AGREES, DIFFERS)
    sample_of_pair = np.searchsorted(pair.expected.offsets, partners.theirs, side="right") - 1
    # A pair counts once, and each row without a partner.
    counts = np.bincount(sample_of_pair, ~agree, len(pair.expected))
    for side, state in ((pair.outputs, mine_state), (pair.expected, theirs_state)):
        sample_of_row = np.repeat(np.arange(len(side)), side.counts)
        counts += np.bincount(sample_of_row, state == LONE, len(side))
    largest = np.zeros(len(pair.expected))
    np.maximum.at(largest, sample_of_pair, apart)
    samples = chosen(counts > 0, counts, largest)
    drawn = {
        sample: [
            _rows(compared, roles, is_expected, sample, state)
            for is_expected, state in ((True, theirs_state), (False, mine_state))
        ]
        for sample in samples
    }
    note = _to_corners([rows for sides in drawn.values() for rows in sides])
    examples = []
    for sample, (theirs, mine) in drawn.items():
        sides = {"reference": theirs, "answer": mine}
        if truth is not None:
            sides["truth"] = _true_rows(truth(sample))
        _to_shares([*sides.values()], size)
        arrays = {role: writer.write(rows) for role, rows in sides.items()}
        examples.append(Example(pair.samples[sample], float(counts[sample]), arrays))
    return OutputExamples(
        "boxes", ", ".join(names), len(counts), int((counts > 0).sum()), tuple(examples), note
    )


def _agreeing(compared: ComparedOutputs, names: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Whether each pair of rows agrees in all outputs, and by how much it differs at most."""
    pairs = len(compared.partners[names[0]].mine)
    agree, largest = np.ones(pairs, bool), np.zeros(pairs)
    for name in names:
        partners: Partners = compared.partners[name]
        apart, beyond = compared.beyond_limit(
            name,
            partners.pair.outputs.values[partners.mine],
            partners.pair.expected.values[partners.theirs],
        )
        agree &= ~beyond.any(axis=1)
        largest = np.maximum(largest, apart.max(axis=1, initial=0.0))
    return agree, largest


def _rows(
    compared: ComparedOutputs,
    roles: BoxOutputs,
    is_expected: bool,
    sample: int,
    state: np.ndarray,
) -> np.ndarray:
    """The boxes of a sample that are drawn: those without a partner first, then by score."""

    def of(name: str) -> np.ndarray:
        pair = compared.partners[name].pair
        side = pair.expected if is_expected else pair.outputs
        return widened(side[sample])

    pair = compared.partners[roles.boxes].pair
    offsets = (pair.expected if is_expected else pair.outputs).offsets
    boxes = of(roles.boxes)
    rows = np.full((len(boxes), _COLUMNS), np.nan)
    rows[:, _CORNERS] = boxes
    rows[:, _STATE] = state[offsets[sample] : offsets[sample + 1]]
    for column, name in ((_SCORE, roles.scores), (_CLASS, roles.classes)):
        if name is not None:
            rows[:, column] = of(name).reshape(-1)
    is_filling = ~np.isfinite(boxes).all(axis=1) | ~boxes.any(axis=1) | (rows[:, _SCORE] <= 0)
    rows = rows[~is_filling]
    order = np.lexsort((-np.nan_to_num(rows[:, _SCORE]), rows[:, _STATE]))
    drawn: np.ndarray = rows[order][:MOST_BOXES]
    return drawn


def _true_rows(objects: np.ndarray) -> np.ndarray:
    """True objects in the columns of boxes."""
    objects = objects[:MOST_BOXES]
    rows = np.full((len(objects), _COLUMNS), np.nan)
    rows[:, _CORNERS], rows[:, _CLASS], rows[:, _STATE] = objects[:, :4], objects[:, 4], AGREES
    return rows


def _to_corners(sides: Sequence[np.ndarray]) -> str:
    """Turn centres and sizes into corners, in place, and say so, if no corners can be meant."""
    boxes = np.concatenate([rows[:, _CORNERS] for rows in sides])
    if not len(boxes) or (boxes[:, :2] <= boxes[:, 2:]).all() or (boxes[:, 2:] < 0).any():
        return ""
    for rows in sides:
        half = rows[:, 2:4] / 2
        rows[:, :2], rows[:, 2:4] = rows[:, :2] - half, rows[:, :2] + half
    return "the boxes are drawn as centre, width and height, since they are no corners"


def _to_shares(sides: Sequence[np.ndarray], size: tuple[int, int] | None) -> None:
    """Turn the boxes of a sample into shares of the picture, in place."""
    boxes = np.concatenate([rows[:, _CORNERS] for rows in sides])
    largest = float(np.abs(boxes).max(initial=0.0))
    if largest <= _MOST_SHARE:
        return
    height, width = size or (largest, largest)
    for rows in sides:
        rows[:, _CORNERS] /= np.array([width, height, width, height])
