"""Group artifacts that fit into memory together."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from ..records.process_events import PreflightDone

# The share of the memory that is free when a run starts that workers may fill together: of the
# host's, and of the card's, assuming that nothing else begins to use it meanwhile.
HOST_SHARE, CARD_SHARE = 0.8, 0.9
# Preflight's figures of an artifact's memory on the card, each from a different source.
_ON_CARD = ("gpu_bytes", "gpu_device_bytes", "gpu_runtime_peak_bytes", "gpu_swept_bytes")


def needs(preflight: PreflightDone) -> tuple[int, int]:
    """Bytes that an artifact needs: of the host's memory at its peak, and of the card's.

    A stopped worker keeps both. The largest known figure counts; 0 if none is known.
    """
    return (
        preflight.predict.peak_rss_bytes or 0,
        max(getattr(preflight, name) or 0 for name in _ON_CARD),
    )


def grouped(
    labels: Sequence[str],
    reference: str,
    need: Mapping[str, Sequence[int]],
    room: Sequence[float | None],
    apart: Collection[str] = (),
) -> list[list[str]]:
    """Divide artifacts into groups that fit into memory, each with the reference.

    An artifact that fits only with the reference, or not even with that, has its own group.

    Args:
        labels: labels of the artifacts, in order.
        reference: label that each group begins with.
        need: bytes needed of each kind of memory, by label.
        room: bytes available of each kind; None if not known.
        apart: labels that ran out of memory beside others; if the reference is among them, all
            count as such.
    """
    groups: list[list[str]] = []
    left: list[float | None] = []
    for label in sorted(labels, key=lambda label: label in apart):
        if label == reference:
            continue
        alone = label in apart or reference in apart
        if alone or not left or not _fits(need[label], left):
            groups.append([reference])
            left = _less(room, need[reference])
        groups[-1].append(label)
        # Nothing joins an artifact that ran out of memory.
        left = [] if alone else _less(left, need[label])
    return groups or [[reference]]


def _fits(need: Sequence[int], left: Sequence[float | None]) -> bool:
    return all(has is None or takes <= has for takes, has in zip(need, left, strict=True))


def _less(left: Sequence[float | None], need: Sequence[int]) -> list[float | None]:
    return [None if has is None else has - takes for has, takes in zip(left, need, strict=True)]
