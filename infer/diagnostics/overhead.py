"""Measure the harness's overhead for a call, compared with a bare loop of the same runtime."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import scipy

from ..artifacts.artifact import Artifact
from ..inputs.worker_inputs import WorkerInputs
from ..measure.placement import check_device
from ..measure.warm_up import WARM_UP_S
from ..worker import messages
from ..worker.client import WorkerProcess

# The allowed overhead: seconds for each call, or a share of it, whichever is larger.
LIMIT_S, LIMIT_SHARE = 10e-6, 0.01
ROUNDS = 30
_BURST_S = 0.1


@dataclass(frozen=True)
class Overhead:
    """The overhead for one artifact and batch.

    Attributes:
        artifact, batch: the artifact, and samples a call.
        bare_s: seconds of a call in a bare loop, the median over the rounds.
        added_s: seconds that the harness adds, the median of the rounds' differences.
        low_s, high_s: the 95 % interval of that median.
    """

    artifact: str
    batch: int
    bare_s: float
    added_s: float
    low_s: float
    high_s: float

    @property
    def allowed_s(self) -> float:
        """The allowed overhead for such a call."""
        return max(LIMIT_S, LIMIT_SHARE * self.bare_s)


def measure(
    artifact: Artifact,
    inputs: Path,
    batch: int,
    threads: int,
    rounds: int = ROUNDS,
    *,
    device: str = "cpu",
    card: str | None = None,
) -> Overhead:
    """Time the harness and a bare loop in turn, in one process.

    The caller has checked that the artifact may be opened (infer.sandbox.trust).

    Args:
        artifact: what to call.
        inputs: file for it.
        batch: samples a call.
        threads: for the arithmetic of a call.
        rounds: how often either has its turn.
        device: "cpu" or "cuda"; on a card, too, a bare call has host arrays on either side.
        card: that the process sees, as `infer.measure.devices.DeviceChoice` has it.

    Raises:
        Failure: the artifact cannot be run.
    """
    with (
        tempfile.TemporaryDirectory(prefix="exportbench-") as folder,
        tempfile.TemporaryDirectory(prefix="exportbench-") as inputs_folder,
        WorkerProcess(
            artifact,
            device=device,
            card=card,
            threads=threads,
            scratch=Path(folder),
            log=Path(folder) / "log",
            timeout_s=600.0,
            inputs=(worker_inputs := WorkerInputs(inputs, Path(inputs_folder))),
        ) as worker,
    ):
        worker.start()
        worker.load()
        worker.ask(messages.Inputs(path=str(worker_inputs.path()), file=str(inputs)))
        check_device(worker.ask(messages.FirstCall(batch=batch))["placement"], device)
        least_s = WARM_UP_S if device == "cuda" else 0.0
        worker.ask(messages.WarmUp(batch=batch, limit_s=10.0, least_s=least_s))
        times = worker.ask(messages.Overhead(batch=batch, rounds=rounds, burst_s=_BURST_S))
    bare = np.asarray(times["raw_s"])
    added = np.asarray(times["harness_s"]) - bare
    low, high = median_interval(added)
    return Overhead(
        artifact.label, batch, float(np.median(bare)), float(np.median(added)), low, high
    )


def median_interval(values: np.ndarray, confidence: float = 0.95) -> tuple[float, float]:
    """An interval for the median by its order statistics, which no outlier moves."""
    ordered = np.sort(values)
    rank = int(scipy.stats.binom.ppf((1 - confidence) / 2, len(ordered), 0.5))
    return float(ordered[max(rank - 1, 0)]), float(
        ordered[min(len(ordered) - rank, len(ordered) - 1)]
    )
