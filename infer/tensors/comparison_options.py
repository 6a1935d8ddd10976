"""What the user says of how outputs are compared: by absolute values, or as sets of rows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ..errors import OptionError


@dataclass(frozen=True)
class RowSet:
    """Outputs whose rows are compared as sets.

    Attributes:
        output: the output that rows are told by, such as boxes.
        members: outputs with a value for each of these rows, such as classes and scores.
    """

    output: str
    members: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """All of the outputs."""
        return self.output, *self.members

    @property
    def text(self) -> str:
        """It in the syntax of `--compare`."""
        return f"{self.output}=set" + (f":{','.join(self.members)}" if self.members else "")


def parse_comparisons(texts: Iterable[str]) -> tuple[tuple[str, ...], tuple[RowSet, ...]]:
    """Parse the values of `--compare`: the outputs with absolute values, and the sets.

    Args:
        texts: `OUTPUT=abs`, `OUTPUT=set` or `OUTPUT=set:OTHER,...`.

    Raises:
        OptionError: a value is none of these, or an output is in two sets.
    """
    absolute: list[str] = []
    sets: list[RowSet] = []
    taken: set[str] = set()
    for text in texts:
        name, equals, how = text.partition("=set")
        members = tuple(how[1:].split(",")) if how.startswith(":") else ()
        if name and equals and (not how or all(members)) and how[:1] in ("", ":"):
            row_set = RowSet(name, members)
            if len({*row_set.names} - taken) < len(row_set.names):
                raise OptionError("compare", text, "names an output twice, or one of another set")
            taken |= {*row_set.names}
            sets.append(row_set)
            continue
        name, _, how = text.rpartition("=")
        if not name or how != "abs":
            raise OptionError(
                "compare", text, "say OUTPUT=abs, OUTPUT=set or OUTPUT=set:CLASSES,SCORES"
            )
        absolute.append(name)
    return tuple(absolute), tuple(sets)
