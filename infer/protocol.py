"""How much is measured, by name."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Protocol:
    """Repetitions of a run.

    Attributes:
        name: as on the command line.
        rounds: in each, every artifact runs once in a fresh process, in random order.
        passes: over the inputs, in each round.
        samples: how many inputs a pass takes in the rounds after the first, which always takes
            all of them, for parity and accuracy; None for all.
        batch: samples a call in the passes.
        single_calls: of one sample, in each round.
        warm_up_limit_s: the longest that calls may take to become steady.
    """

    name: str
    rounds: int
    passes: int
    samples: int | None = None
    batch: int = 128
    single_calls: int = 100
    warm_up_limit_s: float = 20.0


# The paper predicts the test set ten times. Here two passes in each of five processes, since
# processes differ more than passes do.
PROTOCOLS = {
    "quick": Protocol("quick", rounds=3, passes=1, samples=1024, warm_up_limit_s=5.0),
    "paper": Protocol("paper", rounds=5, passes=2),
}
NOTICES = {
    "quick": "QUICK MEASUREMENT: three rounds, two of them of 1,024 samples; "
    "small differences need more (--protocol paper).",
}
