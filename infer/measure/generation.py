"""A generation: a fresh process for each artifact; all are alive and take turns in bursts."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from ..records.protocol import Protocol
from ..worker.client import WorkerProcess
from ..workload import Workload

# Limits of the number of calls in a burst. An untimed call comes before, so that a single one is no
# first call; where calls are long, turns are worth more than calls (docs/measurement.md).
LEAST_CALLS, MOST_CALLS = 1, 1000


@dataclass(frozen=True)
class Turn:
    """A burst of calls to be measured next.

    Attributes:
        label: label of the artifact.
        workload: kind of calls.
        number: number of the turn in the generation.
        is_last: whether it is the artifact's last turn for this workload.
        calls: number of calls; None for a pass over all inputs.
        worker: worker of the artifact; it is stopped except within `running`.
    """

    label: str
    workload: Workload
    number: int
    is_last: bool
    calls: int | None
    worker: WorkerProcess

    @contextmanager
    def running(self) -> Iterator[WorkerProcess]:
        """Let the worker run during the block, and stop it afterwards.

        It is not stopped if the block fails: then the worker or the run has ended.
        """
        self.worker.resume()
        yield self.worker
        self.worker.stop()


class Generation:
    """The workers of a generation, by label; a context manager, which ends them on exit.

    Args:
        index: number of the generation in the run.
        protocol: how much is measured.
        seed: seed of the order within each turn.
    """

    def __init__(self, index: int, protocol: Protocol, *, seed: int) -> None:
        self.index = index
        self._protocol = protocol
        self._seed = seed
        self._workers: dict[str, WorkerProcess] = {}
        self._calls: dict[str, dict[Workload, int | None]] = {}
        self._stack = ExitStack()

    def __enter__(self) -> Generation:
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def enter(self, worker: WorkerProcess) -> WorkerProcess:
        """End a worker with the generation."""
        return self._stack.enter_context(worker)

    def add(self, label: str, worker: WorkerProcess, call_s: Mapping[Workload, float]) -> None:
        """Let a worker, which is warmed up and stopped, take turns.

        Args:
            label: label of its artifact.
            worker: the worker, as `enter` returned it.
            call_s: seconds of a steady call, by the workloads to measure.
        """
        self._workers[label] = worker
        self._calls[label] = {
            workload: None
            if self._protocol.whole_passes and number == 0
            else _calls(self._protocol, workload, steady_s)
            for number, (workload, steady_s) in enumerate(call_s.items())
        }

    def drop(self, label: str) -> None:
        """Leave an artifact out of the remaining turns; the others go on."""
        del self._workers[label]

    def turns(self) -> Iterator[Turn]:
        """Yield the bursts of all workers, in a random order within each turn."""
        order = random.Random(f"{self._seed} {self.index}")
        everything = {label: tuple(calls) for label, calls in self._calls.items()}
        for number in range(self._protocol.bursts):
            for label, workload in _shuffled(everything, order):
                if label in self._workers:
                    yield Turn(
                        label,
                        workload,
                        number,
                        is_last=number == self._protocol.bursts - 1,
                        calls=self._calls[label][workload],
                        worker=self._workers[label],
                    )


def _shuffled(
    workloads: Mapping[str, Sequence[Workload]], order: random.Random
) -> list[tuple[str, Workload]]:
    """Shuffle the bursts of a turn: label and workload of each.

    Bursts of one workload stand together, so that those that are paired are close in time.
    """
    bursts = [(label, workload) for label, listed in workloads.items() for workload in listed]
    order.shuffle(bursts)
    first = [workload for _, workload in bursts]
    return sorted(bursts, key=lambda burst: first.index(burst[1]))


def _calls(protocol: Protocol, workload: Workload, steady_s: float) -> int:
    wanted = protocol.burst_s / max(steady_s, 1e-7)
    if workload.gap_s:  # the pauses take most of the time
        wanted = max(protocol.burst_s * 4, 10 * workload.gap_s) / (steady_s + workload.gap_s)
    return min(max(math.ceil(wanted), LEAST_CALLS), MOST_CALLS)
