"""What all events of a run have: their kind, and the version of the schema."""

from __future__ import annotations

from typing import Any, Literal, Self

from ..codec import Record, from_json, to_json

SCHEMA_VERSION: Literal[3] = 3


class Event(Record, frozen=True, tag_field="kind"):
    """Something that happened in a run."""

    schema_version: Literal[3] = SCHEMA_VERSION

    @classmethod
    def from_values(cls, **values: Any) -> Self:
        """Make an event whose values may be decoded JSON, as a worker's answer is.

        Raises:
            DecodeError: a value has the wrong type, or there is no such field.
        """
        event: Self = from_json(cls, to_json(values))
        return event
