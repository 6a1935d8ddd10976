"""Counts and findings of tools/fuzz.py, and their tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any


@dataclass
class FuzzResults:
    """The results of all tries.

    Attributes:
        inspected: counts by format and answer.
        ran: counts by format and outcome.
        damages: counts by damage.
        findings: what was wrong, a line each.
        slowest_s: the longest `inspect`.
    """

    inspected: dict[str, Counter[str]] = field(default_factory=dict)
    ran: dict[str, Counter[str]] = field(default_factory=dict)
    damages: Counter[str] = field(default_factory=Counter)
    findings: list[str] = field(default_factory=list)
    slowest_s: float = 0.0

    @property
    def tries(self) -> int:
        """How many there were."""
        return sum(sum(c.values()) for table in (self.inspected, self.ran) for c in table.values())

    def to_json(self) -> dict[str, Any]:
        """The values for JSON."""
        return {"tries": self.tries, **vars(self)}

    def add(self, value: dict[str, Any]) -> None:
        """Add what `to_json` gave before."""
        for name in ("inspected", "ran"):
            for format_name, counts in value[name].items():
                getattr(self, name).setdefault(format_name, Counter()).update(counts)
        self.damages.update(value["damages"])
        self.findings[:0] = value["findings"]
        self.slowest_s = max(self.slowest_s, value["slowest_s"])


def table(title: str, counts: dict[str, Counter[str]]) -> Iterator[str]:
    """Counts by format as a table in Markdown."""
    kinds = sorted({kind for counter in counts.values() for kind in counter})
    if not kinds:
        return
    yield f"| {title} | tries | " + " | ".join(f"`{kind}`" for kind in kinds) + " |"
    yield "| :--- | ---: |" + " ---: |" * len(kinds)
    for name, counter in sorted(counts.items()):
        cells = " | ".join(f"{counter[kind]:,}" if counter[kind] else "" for kind in kinds)
        yield f"| {name} | {sum(counter.values()):,} | {cells} |"
    yield ""
