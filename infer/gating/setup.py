"""The setup of a run, as far as memory depends on it."""

from __future__ import annotations

import msgspec


class Setup(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """What a run was measured with; None where it is not known.

    Attributes:
        device: "cpu" or "cuda".
        threads: of each worker.
        batch: samples in a batch.
        processor: its model.
        card: the model of the card; None where there is none.
    """

    device: str | None = None
    threads: int | None = None
    batch: int | None = None
    processor: str | None = None
    card: str | None = None
