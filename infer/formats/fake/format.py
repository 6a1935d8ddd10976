"""What is known of the payloads of the fake runtime: a manifest names them, nothing else tells."""

from __future__ import annotations

from ..base import Format

FORMAT = Format("fake", "fake", executes_code=None)
