"""How much is measured: the kinds of calls, and how often each is repeated.

A run begins with preflight: every artifact once, alone in a fresh process, for its outputs and
for what is paid once. Then come generations: a fresh process for every artifact, all alive and
all but one stopped, that take turns in short bursts of calls. docs/measurement.md has the reasons.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..workload import DEVICE_RESIDENT, Workload


def workloads_of(scenario: str, batch: int) -> tuple[Workload, ...]:
    """The workloads of a scenario that are the same for every artifact.

    Args:
        scenario: one of `SCENARIOS`.
        batch: samples a call where the scenario leaves that open.
    """
    return {
        "batch": (Workload(batch),),
        "single": (Workload(1),),
        "resident": (Workload(batch, 0.0, DEVICE_RESIDENT), Workload(1, 0.0, DEVICE_RESIDENT)),
        "paced": (Workload(1, 0.01), Workload(1, 0.1)),
        "sweep": (),  # the preflight of each artifact finds where its throughput ends to grow
    }[scenario]


SCENARIOS = {
    "batch": "successive batches (--batch), host to host",
    "single": "one sample a call, host to host",
    "resident": "both again with the input on the device already",
    "paced": "one sample every 10 and every 100 ms, as a quiet service sees them",
    "sweep": "batches of 1, 2, 4 ... until throughput no longer grows",
}
DEFAULT_SCENARIOS = ("batch", "single")
DEFAULT_TIMEOUT_S = 300.0
_LARGEST_BATCH = 1 << 16


def longer_budget_minutes(seconds: float) -> int:
    """The budget of a run that was too short, in minutes; what it took already is part of it.

    Args:
        seconds: how long the run took.
    """
    return 10 + int(seconds // 60)


def scenario_options(name: str, batch: int | None) -> str:
    """The options by which a run times calls of a workload beside those of the default scenarios.

    Args:
        name: name of the workload, as "batch 128".
        batch: samples a call where the scenario leaves that open; None if not known.

    Returns:
        The options as they are typed; "" if there is no such workload.
    """
    asked = [batch] if batch else []
    for samples in (*asked, *range(1, _LARGEST_BATCH + 1)):
        if samples != batch and not name.startswith(f"batch {samples}"):
            continue
        for scenario in SCENARIOS:
            if name in (workload.name for workload in workloads_of(scenario, samples)):
                names = dict.fromkeys((*DEFAULT_SCENARIOS, scenario))
                return f"--scenario {' '.join(names)} --batch {samples}"
    return ""


@dataclass(frozen=True)
class Protocol:
    """Repetitions of a run.

    Attributes:
        name: as on the command line.
        generations: how many sets of fresh processes; None for as many as it takes.
        bursts: of each workload, for each process.
        burst_s: seconds that the calls of a burst should take together.
        whole_passes: a burst of the first workload is a pass over all samples.
        batch: samples a call.
        scenarios: what is measured.
        warm_up_limit_s: the longest that calls may take to become steady.
        budget_s: seconds that the run may take; None for no limit.
        resolve: half-width of the widest interval at which the run ends, as a share; None for
            no such end.
    """

    name: str
    generations: int | None = None
    bursts: int = 8
    burst_s: float = 0.1
    whole_passes: bool = False
    batch: int = 128
    scenarios: tuple[str, ...] = DEFAULT_SCENARIOS
    warm_up_limit_s: float = 10.0
    budget_s: float | None = None
    resolve: float | None = None

    @property
    def workloads(self) -> tuple[Workload, ...]:
        """What is measured of every artifact, in the order of the reports."""
        return tuple(
            dict.fromkeys(p for name in self.scenarios for p in workloads_of(name, self.batch))
        )


# The paper predicts the test set ten times: here two passes in each of five processes, since
# processes differ more than passes do.
PROTOCOLS = {
    "quick": Protocol("quick", generations=4, bursts=4, warm_up_limit_s=5.0),
    "paper": Protocol("paper", generations=5, bursts=2, whole_passes=True),
}
# What --budget and --resolve repeat, in place of the quick protocol. Five turns leave time for more
# generations than ten do, and intervals stand on generations (docs/measurement.md).
UNTIL = Protocol("until", bursts=5, burst_s=0.15)
NOTICES = {
    "quick": "QUICK MEASUREMENT: four generations of processes; small differences need more "
    "(--budget 10m, or --resolve 3%).",
}
