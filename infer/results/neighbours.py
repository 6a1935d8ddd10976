"""Outputs that depend on the other samples of a call: notes on artifacts, notices on references."""

from __future__ import annotations

from collections.abc import Mapping

from .record_index import RecordIndex


def neighbour_notes(label: str, index: RecordIndex) -> list[str]:
    """A note with the size of the changes; empty if there are none."""
    if not (changes := _changes(label, index)):
        return []
    return [f"the other samples of a call change what it gives for a sample: {changes}"]


def neighbour_notices(index: RecordIndex) -> list[str]:
    """A notice for every reference of others that depends on the batch."""
    references = {
        parity.anchor or parity.reference
        for label, parity in index.parities.items()
        if label not in (parity.reference, parity.anchor)
    }
    return [
        f"REFERENCE DEPENDS ON THE BATCH: the other samples of a call change what {label} gives "
        f"for a sample: {changes}. Agreement with it holds for the batches of this run."
        for label in index.parities
        if label in references and (changes := _changes(label, index))
    ]


def _changes(label: str, index: RecordIndex) -> str:
    """The largest changes in words, by output."""
    parity, preflight = index.parities.get(label), index.preflights.get(label)
    batch = index.run.protocol.batch
    by_size: list[tuple[int, Mapping[str, float | None]]] = []
    if parity and preflight and preflight.batch_probe and preflight.batch_probe.samples:
        by_size.append((preflight.batch_probe.samples, parity.by_neighbours))
    by_size += index.by_neighbours.get(label, {}).items()
    largest: dict[str, tuple[float | None, int]] = {}
    for size, changes in by_size:
        for name, by in changes.items():
            before = largest.get(name)
            if before is None or (by or 0.0) > (before[0] or 0.0):
                largest[name] = by, size
    total = preflight.inputs.samples if preflight else batch
    return ", ".join(
        f"'{name}'{'' if by is None else f' by {by:.2g}'} with {size} a call instead of "
        f"{min(batch, total)}"
        for name, (by, size) in largest.items()
    )
