"""What all events of a run have: their kind, and the version of the schema."""

from __future__ import annotations

from typing import Literal

from ..codec import Record

SCHEMA_VERSION: Literal[3] = 3


class Event(Record, frozen=True, tag_field="kind"):
    """Something that happened in a run."""

    schema_version: Literal[3] = SCHEMA_VERSION
