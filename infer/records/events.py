"""All events of a run: the lines of `results.jsonl`, one type for each kind.

They are the contract between measuring and evaluation. Every line has the version of the schema and
its kind; a line of another version, of an unknown kind or with an unknown field is refused on
reading. docs/schema/results.json is the JSON Schema.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

from .artifact_events import (
    ArtifactOpened,
    BatchLimitsFound,
    InputsDrawn,
    MeasuredApart,
    OutcomeReached,
    UnknownInformation,
)
from .event import Event
from .example_events import ExamplesTaken
from .metric_events import MetricsScored
from .parity_events import (
    AnchorMeasured,
    PairCompared,
    ParityJudged,
    RandomnessMeasured,
    RoundingMeasured,
)
from .process_events import BurstTimed, GenerationDone, PreflightDone, ProcessStarted
from .profile_events import ProfileMeasured
from .run_events import RooflineMeasured, RunEnded, RunResumed, RunStarted
from .sketch_events import OutputsSketched

AnyEvent = (
    RunStarted
    | RunResumed
    | RunEnded
    | ArtifactOpened
    | OutcomeReached
    | RooflineMeasured
    | InputsDrawn
    | PreflightDone
    | RoundingMeasured
    | RandomnessMeasured
    | AnchorMeasured
    | ParityJudged
    | PairCompared
    | OutputsSketched
    | MetricsScored
    | ExamplesTaken
    | ProcessStarted
    | BurstTimed
    | GenerationDone
    | BatchLimitsFound
    | MeasuredApart
    | ProfileMeasured
    | UnknownInformation
)

SomeEvent = TypeVar("SomeEvent", bound=Event)


def of_type(kind: type[SomeEvent], events: Iterable[AnyEvent]) -> list[SomeEvent]:
    """Select the events of a type, in order."""
    return [event for event in events if isinstance(event, kind)]


def latest(kind: type[SomeEvent], events: Iterable[AnyEvent]) -> dict[str, SomeEvent]:
    """The latest event of a type for each artifact, by label."""
    by_label: dict[str, Any] = {}
    for event in of_type(kind, events):
        by_label[getattr(event, "artifact")] = event  # noqa: B009
    return by_label


def elapsed_s(events: Iterable[AnyEvent]) -> float:
    """Seconds that a run has taken so far, according to its events."""
    return max((getattr(event, "elapsed_s", 0.0) for event in events), default=0.0)
