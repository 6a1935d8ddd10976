"""A whole run: opening, preflight, parity and timing, until each artifact has one outcome."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict

from ..outcome import Outcome
from ..records.artifact_events import OutcomeReached
from ..records.parity_events import ParityJudged
from ..records.run_events import RooflineMeasured, RunEnded, RunResumed, RunStarted
from ..records.store import Store
from ..results.record_index import RecordIndex
from ..results.summarizing import summarize
from ..results.unused import unused_arrays, unused_options
from ..system import machine, nvml
from ..system.folder_removal import remove_folder
from . import roofline
from .opening import check_unaltered, open_all
from .outputs_after_parity import ensure_checked, release_outputs
from .parity_reason import parity_reason
from .parity_stage import ParityStage
from .plan import Plan
from .preflight import Preflight
from .profile_stage import ProfileStage
from .progress import Progress, ProgressReporter
from .run_context import RunContext
from .timing_stage import TimingStage
from .warm_up import WarmUp

# A machine's rates change in minutes: a shorter run measures them once.
_RATES_HOLD_S = 60.0


class Run:
    """A run: every artifact gets one outcome, and all measurements are kept.

    It continues where the records in the store end, if there are any.
    """

    def __init__(self, plan: Plan, store: Store, tell: Callable[[Progress], None]) -> None:
        self.context = RunContext(plan, store)
        card = nvml.find(plan.card) if plan.device == "cuda" else None
        warm_up = WarmUp(self.context.protocol.warm_up_limit_s, plan.device, card)
        self._progress = progress = ProgressReporter(self.context, tell)
        self._preflight = Preflight(self.context, card, warm_up, progress)
        self._parity = ParityStage(self.context)
        self.timing = TimingStage(self.context, card, warm_up, progress)

    def run(self, command: list[str]) -> None:
        """Open, preflight, compare and time all artifacts.

        Ctrl-C ends it early, and keeps what was measured.

        Raises:
            InputError: the inputs cannot be read, or have changed since a resumed run began.
            OSError: the results cannot be written; those written before are kept.
        """
        context, store = self.context, self.context.store
        self._begin(command)
        remove_folder(context.scratch)  # from an interrupted run
        interrupted, reason = True, "interrupted"
        try:
            open_all(context)
            context.prepare_inputs(self._progress.notice)
            self._measure_roofline()
            self._preflight.run()
            self._judge()
            ensure_checked(context)
            context.informative("what nothing used", self._tell_of_unused, None)
            measured_at_s = context.elapsed_s()
            reason = self.timing.run()
            if context.elapsed_s() - measured_at_s > _RATES_HOLD_S:
                self._measure_roofline()
            if context.plan.why:
                context.informative("where the time of calls goes", self._profile, None)
            interrupted = False
            context.outputs.remove_all()
        except KeyboardInterrupt:
            if all(map(context.has_preflight, context.active())):
                self._judge()
        finally:
            context.stores.remove()
            remove_folder(context.scratch)
        self._conclude()
        store.add(RunEnded(interrupted=interrupted, reason=reason, seconds=context.elapsed_s()))

    def _judge(self) -> None:
        """Compare the outputs, and keep what timed calls are compared with."""
        self._parity.run()
        release_outputs(self.context)

    def _begin(self, command: list[str]) -> None:
        plan, store = self.context.plan, self.context.store
        now = {"command": command, "environment": machine.describe()}
        if store.events:
            check_unaltered(self.context)
            store.add(RunResumed.from_values(**now, protocol=asdict(plan.protocol)))
        else:
            store.add(
                RunStarted.from_values(**now, **plan.describe(), inputs_sha256=plan.inputs_sha256())
            )

    def _tell_of_unused(self) -> None:
        """Report what the user gave and nothing used, before anything is timed."""
        index = RecordIndex(self.context.store.events)
        for text in (*unused_arrays(index), *unused_options(index)):
            self._progress.notice(text)

    def _measure_roofline(self) -> None:
        """Measure the device's peak rates; if that fails the run goes on without them."""
        context, plan = self.context, self.context.plan
        # It is needed only with the operation counts of ONNX graphs.
        if not any(context.artifacts[label].format == "onnx" for label in context.active()):
            return

        def measure() -> None:
            rates = roofline.measure(
                plan.device,
                threads=plan.threads,
                card=plan.card,
                pythons=sorted(
                    {variant.python for variant in plan.variants.values() if variant.python}
                ),
                timeout_s=plan.timeout_s,
            )
            context.store.add(RooflineMeasured.from_values(**rates))

        context.informative("the device's peak rates", measure, None)

    def _profile(self) -> None:
        """Profile the fastest and the slowest artifact, by calls of the first kind."""
        summary = summarize(self.context.store.events)
        workload = next(iter(summary.workloads.values()))
        active = self.context.active()
        call_s = {
            row.artifact: row.timings[workload.name].call_s
            for row in summary.rows
            if row.artifact in active and workload.name in row.timings
        }
        if not call_s:
            return
        ends = (min(call_s, key=call_s.__getitem__), max(call_s, key=call_s.__getitem__))
        stage = ProfileStage(self.context, lambda doing, share: self._progress.activity(doing))
        stage.run(list(dict.fromkeys(ends)), workload.batch)

    def _conclude(self) -> None:
        """Record the outcome of every artifact that was measured to the end."""
        latest = self.context.store.latest
        parity, before = latest(ParityJudged), latest(OutcomeReached)
        for label in self.context.active():
            if label in parity and label not in before:  # a resumed run may have recorded it
                outcome, reason = _outcome(parity[label])
                self.context.store.add(
                    OutcomeReached(artifact=label, outcome=outcome, reason=reason, early=False)
                )


def _outcome(parity: ParityJudged) -> tuple[Outcome, str]:
    """The outcome of an artifact that was measured to the end, and why if it is not `ok`."""
    source = parity.anchor or parity.reference
    against = f"{parity.anchor} on the CPU" if parity.anchor else parity.reference
    if parity.random_reference and source != parity.artifact:
        return Outcome.NOT_JUDGED, (
            f"its reference, {against}, draws random numbers, so that it judges nothing: name "
            "another with --reference"
        )
    if parity.decided_by == "nothing":
        return Outcome.NOT_JUDGED, parity.reason
    if not parity.passed:
        why = f"differs from {against}: {parity.reason}" if parity.reason else ""
        return Outcome.PARITY_FAIL, why or parity_reason(parity, against)
    if parity.random:
        name, by = next(iter(parity.random.items()))
        size = "" if by is None else f" by {by:.2g}"
        return Outcome.NOT_JUDGED, (
            f"draws random numbers: '{name}' changes{size} between equal calls; was it exported in "
            "training mode?"
        )
    return Outcome.OK, ""
