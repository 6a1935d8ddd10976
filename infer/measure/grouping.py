"""Which artifacts can be alive together, by the memory that each needs."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from ..records.process_events import PreflightDone

# Of the memory that is free when a run starts, the share that workers may fill together: of the
# host's, and of the card's, where nothing else begins to use it meanwhile.
HOST_SHARE, CARD_SHARE = 0.8, 0.9
# What preflight knows of the memory that an artifact takes on the card, each by another source.
_ON_CARD = ("gpu_bytes", "gpu_device_bytes", "gpu_runtime_peak_bytes", "gpu_swept_bytes")


def needs(preflight: PreflightDone) -> tuple[int, int]:
    """Bytes that an artifact takes: of the host's memory at its peak, and of the card's.

    What is stopped keeps both. The largest that is known counts; 0 where nothing is.
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
    """The artifacts in groups that fit into memory, each with the reference.

    One that fits with nothing but the reference, or not even with that, has a group of its own.

    Args:
        labels: in their order.
        reference: that each group begins with.
        need: bytes of each kind of memory, by label.
        room: bytes that there are of each kind; None where it is not known.
        apart: labels that were short of memory beside others; if the reference is among them, so
            are all.
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
        # Nothing joins one that was short of memory.
        left = [] if alone else _less(left, need[label])
    return groups or [[reference]]


def _fits(need: Sequence[int], left: Sequence[float | None]) -> bool:
    return all(has is None or takes <= has for takes, has in zip(need, left, strict=True))


def _less(left: Sequence[float | None], need: Sequence[int]) -> list[float | None]:
    return [None if has is None else has - takes for has, takes in zip(left, need, strict=True)]
