"""Profile artifacts for the command: plan, open, profile, and the machine's rates beside it."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from ..config import RunConfig
from ..errors import ArtifactError
from ..measure import roofline
from ..measure.opening import open_all
from ..measure.plan import Plan
from ..measure.profile_stage import ProfileStage
from ..measure.run_context import RunContext
from ..profiling.profile import Profile
from ..records.artifact_events import OutcomeReached
from ..records.run_events import RooflineMeasured
from ..records.store import Store
from ..results.rooflines import highest
from ..system.folder_removal import remove_folder
from .planning import plan_run
from .source_inputs import with_stored_inputs


@dataclass(frozen=True)
class Profiles:
    """Profiles of artifacts.

    Attributes:
        profiles: one for each artifact, in their order.
        device: "cpu" or "cuda".
        threads: for the arithmetic of one call.
        rates: the device's measured rates, by name, as in `RooflineMeasured`.
        notices: about the choice of the device.
    """

    profiles: Sequence[Profile]
    device: str
    threads: int
    rates: dict[str, float]
    notices: tuple[str, ...]


def profile_artifacts(config: RunConfig, tell: Callable[[str, float], None]) -> Profiles:
    """Profile artifacts, each in processes of its own.

    Args:
        config: as for a run; inputs are made up if there are none for an artifact.
        tell: is called with what is going on, and the share that is done.

    Raises:
        UsageError, InputError: one line for the user.
    """
    plan = _plan(config)
    with (
        tempfile.TemporaryDirectory(prefix="exportbench-") as folder,
        closing(Store(Path(folder) / "run")) as store,
    ):
        plan = with_stored_inputs(plan, store.folder, lambda done: tell(done.doing, done.share))
        context = RunContext(plan, store)
        try:
            open_all(context)
            before = _rates(context, tell)
            profiles = {
                profile.artifact: profile
                for profile in ProfileStage(context, tell).run(context.active(), config.batch)
            }
            rates = highest([*before, *_rates(context, tell)])
        finally:
            context.stores.remove()
            remove_folder(context.scratch)
        for label, outcome in store.latest(OutcomeReached).items():
            problem = f"{outcome.outcome}: {outcome.reason}"
            profiles[label] = Profile(label, config.batch, problem=problem)
    ordered = [_readable(profiles[label], folder) for label, _ in plan.artifacts]
    return Profiles(ordered, plan.device, plan.threads, rates, plan.notices)


def _plan(config: RunConfig) -> Plan:
    """The plan; with made-up inputs if none are given and an artifact names none."""
    plan = plan_run(config)
    if config.inputs or config.random is not None:
        return plan
    for label, path in plan.artifacts:
        try:
            manifest = plan.opened.open(path, label).manifest
        except ArtifactError:
            continue  # it is said where the artifacts are opened
        if manifest is None or manifest.evaluation is None:
            return plan_run(replace(config, random=0))
    return plan


def _rates(context: RunContext, tell: Callable[[str, float], None]) -> list[RooflineMeasured]:
    """What the device can do at best, now."""
    plan = context.plan
    if not any(context.artifacts[label].format == "onnx" for label in context.active()):
        return []  # without a count of operations no rate is compared with it
    tell("the machine's rates", 0.0)
    rates = roofline.measure(plan.device, threads=plan.threads, card=plan.card)
    return [RooflineMeasured.from_values(**rates)]


def _readable(profile: Profile, folder: str) -> Profile:
    """A profile whose problem does not name a folder that is gone."""
    return replace(profile, problem=profile.problem.replace(folder, "(temporary folder)"))
