"""The format of the fake runtime's payloads, which only a manifest identifies."""

from __future__ import annotations

from ..base import Format

FORMAT = Format("fake", "fake", executes_code=None)
