"""Shorten labels by what all of a group share: folders, and longer words at both ends.

The full label is what options such as `--trust` and the records know. It is the shared beginning,
the short label, and the shared end.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import takewhile

# Where a label may be cut: behind a slash, and beside what joins words.
_PARTS = re.compile(r"/|[-_. @:]|[^-_. @:/]+")
# A shared beginning or end that is no folder is left out from so many characters on: names such as
# "onnx-torch" are known by their first word too.
_WORTHWHILE = 8
_ELLIPSIS = "…"


@dataclass(frozen=True)
class ShortLabels:
    """The short labels of a group of artifacts.

    Attributes:
        beginning, end: what all labels share; "" for nothing.
        by_label: the short label of each, which is unique.
    """

    beginning: str = ""
    end: str = ""
    by_label: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, labels: Sequence[str]) -> ShortLabels:
        """Shorten labels, of which none may occur twice; a single one stays as it is."""
        labels = list(dict.fromkeys(labels))
        if len(labels) < 2:
            return cls(by_label={label: label for label in labels})
        parts = [_PARTS.findall(label) for label in labels]
        beginning = _cut("".join(_shared(parts)), is_end=False)
        left = [_PARTS.findall(label[len(beginning) :]) for label in labels]
        backwards = _shared([p[::-1] for p in left])
        end = _cut("".join(backwards[::-1]), is_end=True)
        return cls(
            beginning,
            end,
            {label: label[len(beginning) : len(label) - len(end)] for label in labels},
        )

    def __getitem__(self, label: str) -> str:
        """The short label of an artifact; of one that is not in the group, its whole label."""
        return self.by_label.get(label, label)

    @property
    def pattern(self) -> str:
        """What a full label is made of, as "models/…-fp32.onnx"; "" if nothing is left out."""
        shared = self.beginning or self.end
        return f"{self.beginning}{_ELLIPSIS}{self.end}" if shared else ""


def _shared(parts: Sequence[Sequence[str]]) -> list[str]:
    """The parts that all begin with; none consists of these alone."""
    at_each = zip(*(part_list[:-1] for part_list in parts), strict=False)
    return [alike[0] for alike in takewhile(lambda alike: len(set(alike)) == 1, at_each)]


def _cut(shared: str, *, is_end: bool) -> str:
    """What is left out of a shared beginning or end: folders always, words if they are long."""
    if is_end:
        words = shared.lstrip("-_. @:/")
        return shared if len(words) >= _WORTHWHILE else ""
    # A word is left out with what joins it to the next.
    whole = re.match(r"(?s).*[-_. @:/]", shared)
    shared = whole[0] if whole else ""
    folders = shared[: shared.rfind("/") + 1]
    return shared if len(shared) - len(folders) >= _WORTHWHILE else folders


WHOLE = ShortLabels()  # leaves every label as it is
