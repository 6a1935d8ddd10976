"""A generation: a fresh process for every artifact, all alive, taking turns in bursts of calls."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from ..outcome import Failure
from ..records.protocol import Protocol
from ..worker.client import WorkerProcess
from ..workload import Workload

Record = dict[str, Any]
# A burst of fewer calls is no more than its first ones.
LEAST_CALLS, MOST_CALLS = 2, 1000


class Generation:
    """The workers of a generation, by label. A worker that fails leaves the others to go on.

    Args:
        index: its number in the run.
        protocol: how much.
        points: what to measure, by label.
        seed: of the order within each turn.
        add: keeps a record, given its kind and values.
        fail: is told of a worker that failed.
        warm: has a worker warmed up for a kind of call.
    """

    def __init__(
        self,
        index: int,
        protocol: Protocol,
        points: dict[str, tuple[Workload, ...]],
        *,
        seed: int,
        add: Callable[..., Any],
        fail: Callable[[str, Failure], None],
        warm: Callable[[WorkerProcess, Workload], Record],
    ) -> None:
        self.index = index
        self._protocol = protocol
        self._points = points
        self._seed = seed
        self._add = add
        self._fail = fail
        self._warm = warm
        self._workers: dict[str, WorkerProcess] = {}
        self._calls: dict[tuple[str, Workload], int | None] = {}
        self._stack = ExitStack()

    def __enter__(self) -> Generation:
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def start(self, label: str, process: Callable[[], WorkerProcess], inputs: Record) -> None:
        """Start a worker, have it warmed up for every point, and stop it."""
        try:
            worker = self._stack.enter_context(process())
            record: Record = {"start": worker.start(), "pid": worker.pid}
            record["load"] = worker.ask("load")
            record["inputs"] = worker.ask("inputs", **inputs)
            points = self._points[label]
            record["first_call"] = worker.ask("first_call", batch=points[0].batch)
            record["warm_up"] = {point.name: self._warm(worker, point) for point in points}
            worker.stop()
        except Failure as failure:
            self._fail(label, failure)
            return
        for number, point in enumerate(points):
            steady = record["warm_up"][point.name]["call_s"]
            whole = self._protocol.whole_passes and number == 0
            self._calls[label, point] = None if whole else _calls(self._protocol, point, steady)
        self._workers[label] = worker
        self._add("start", artifact=label, generation=self.index, **record)

    def turns(
        self, take: Callable[[str, Workload, int, WorkerProcess, int | None], Record]
    ) -> None:
        """Let the workers take turns, in an order that is random in each.

        Args:
            take: measures a burst, given label, point, turn, worker and number of calls.
        """
        order = random.Random(f"{self._seed} {self.index}")
        for turn in range(self._protocol.bursts):
            bursts = [(label, point) for label, points in self._points.items() for point in points]
            # Bursts of one kind stand together, so that those that are paired are close in time.
            order.shuffle(bursts)
            kinds = [point for _, point in bursts]
            for label, point in sorted(bursts, key=lambda burst: kinds.index(burst[1])):
                if label in self._workers:
                    self._burst(label, point, turn, take)

    def _burst(
        self,
        label: str,
        point: Workload,
        turn: int,
        take: Callable[[str, Workload, int, WorkerProcess, int | None], Record],
    ) -> None:
        worker = self._workers[label]
        try:
            worker.go()
            record = take(label, point, turn, worker, self._calls[label, point])
            worker.stop()
        except Failure as failure:
            del self._workers[label]
            self._fail(label, failure)
            return
        self._add(
            "burst",
            artifact=label,
            generation=self.index,
            turn=turn,
            point=point.name,
            batch=point.batch,
            **record,
        )

    @property
    def last_turn(self) -> int:
        """Number of the last turn."""
        return self._protocol.bursts - 1


def _calls(protocol: Protocol, point: Workload, steady_s: float) -> int:
    wanted = protocol.burst_s / max(steady_s, 1e-7)
    if point.gap_s:  # the pauses are most of it
        wanted = max(protocol.burst_s * 4, 10 * point.gap_s) / (steady_s + point.gap_s)
    return min(max(math.ceil(wanted), LEAST_CALLS), MOST_CALLS)
