"""The terminal that results are printed on, and the lines that are printed on it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

from .escaping import terminal


def one_line(text: str, style: str = "") -> Text:
    """A text as one line, or as the only line of a cell; it may come from a file or a worker."""
    return Text(terminal(text), style=style)


class Terminal(Console):
    """A console that prints text as it is: nothing in it is markup, an emoji or a control."""

    def __init__(self, **options: Any) -> None:
        super().__init__(markup=False, emoji=False, highlight=False, **options)

    def render_str(self, text: str, **options: Any) -> Text:
        """Convert what is printed as a `str`, alone or in a table, to one line."""
        return super().render_str(terminal(text), **options)

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        """Render text and whatever holds text; no control character leaves, whoever made it."""
        for segment in super().render(renderable, options):
            if segment.control:
                yield segment
            else:
                lines = segment.text.split("\n")
                yield Segment("\n".join(map(terminal, lines)), segment.style)
