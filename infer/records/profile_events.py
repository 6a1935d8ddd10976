"""Events of profiles: where the time of calls goes, by operator."""

from __future__ import annotations

from ..profiling.profile import Profile
from .event import Event


class ProfileMeasured(Event, frozen=True, tag="profile", kw_only=True):
    """The profile of an artifact, or why there is none."""

    artifact: str
    profile: Profile
