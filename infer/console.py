"""The terminal that results are printed on, and the lines and tables that are printed on it."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from rich.cells import set_cell_size
from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from .escaping import terminal

BAD = "bold red"  # the style of what goes wrong; the rest has no colour
_PIPE_WIDTH = 100  # of output that no terminal shows, unless COLUMNS says another
_GAP = 2
_LONG = 44  # characters of words, such as names, that a line of a full table has room for
_JOINTS = re.compile(r"[-_./]")  # where a long word may be broken
_LEAST_FOLDED = 12  # characters that words keep at least, before a table gets too wide


def one_line(text: str, style: str = "") -> Text:
    """A text as one line, or as the only line of a cell; it may come from a file or a worker."""
    return Text(terminal(text), style=style)


def lines_of(*texts: str) -> Text:
    """Texts as the lines of a cell, each as one line; empty ones are left out."""
    return Text("\n").join(one_line(text) for text in texts if text)


def print_wrapped(console: Console, text: Text, indent: int = 0) -> None:
    """Print a text in lines of the console's width, without spaces at their ends.

    Args:
        console: where to.
        text: the text.
        indent: spaces before each line.
    """
    lines = text.wrap(console, max(console.width - indent, 1))
    for line in lines:
        line.rstrip()
        line.pad_left(indent)
        console.print(line, soft_wrap=True)


def print_trimmed(console: Console, renderable: RenderableType) -> None:
    """Print what has lines, such as a table, without spaces at their ends."""
    for segments in console.render_lines(renderable, pad=False):
        line = Text.assemble(*((segment.text, segment.style or "") for segment in segments))
        line.rstrip()
        console.print(line, soft_wrap=True)


class Terminal(Console):
    """A console that prints text as it is: nothing in it is markup, an emoji or a control.

    It is as wide as `COLUMNS` says; else as the terminal, which output in a pipe may come to; else
    100 characters.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(markup=False, emoji=False, highlight=False, **options)
        if "width" not in options and not self.is_terminal and "COLUMNS" not in os.environ:
            self.width = _terminal_width() or _PIPE_WIDTH

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


def _terminal_width() -> int | None:
    """The width of the terminal that this program was started from; None if there is none."""
    for stream in (sys.stderr, sys.stdin):
        try:
            return os.get_terminal_size(stream.fileno()).columns or None
        except (OSError, ValueError, AttributeError):
            continue
    return None


@dataclass(frozen=True)
class TextColumn:
    """A column of a table on the terminal.

    Attributes:
        title: title, in one line.
        is_text: whether it holds words: aligned left, and folded where there is no room for them.
        detail: 0 for a column that is always shown; where there is no room for all columns, those
            with the largest number are left out first.
    """

    title: str
    is_text: bool = False
    detail: int = 0


def print_table(
    console: Console, columns: Sequence[TextColumn], rows: Sequence[Sequence[Text | str]]
) -> list[str]:
    """Print a table within the width of the console.

    Where there is no room, titles take two lines; then long words do; then columns are left out,
    those of the most detail first; then all words are folded; what is still too wide loses its
    last columns. No figure is cut.

    Returns:
        The titles of the columns that were left out.
    """
    texts = [[one_line(c) if isinstance(c, str) else c for c in row] for row in rows]
    shown = list(range(len(columns)))
    cells = [max((_width(row[i]) for row in texts), default=0) for i in shown]
    titles = [[columns[i].title] for i in shown]

    def widths() -> list[int]:
        return [max(cells[i], *(one_line(line).cell_len for line in titles[i])) for i in shown]

    def is_too_wide() -> bool:
        return sum(widths()) + _GAP * (len(shown) - 1) > console.width

    if is_too_wide():
        for i in shown:
            if one_line(columns[i].title).cell_len > cells[i]:
                titles[i] = _halves(columns[i].title)
    if is_too_wide():
        for i in shown:
            cells[i] = min(cells[i], _LONG) if columns[i].is_text else cells[i]
    while is_too_wide() and any(columns[i].detail for i in shown):
        shown.remove(max(shown, key=lambda i: (columns[i].detail, i)))
    room = _folded(widths(), [columns[i].is_text for i in shown], console.width)
    while sum(room) + _GAP * (len(room) - 1) > console.width and len(shown) > 2:
        shown.pop()
        room = _folded(widths(), [columns[i].is_text for i in shown], console.width)
    left_out = [column.title for i, column in enumerate(columns) if i not in shown]
    lines = max((len(titles[i]) for i in shown), default=1)
    table = Table(box=None, pad_edge=False, header_style="dim")
    for i, width in zip(shown, room, strict=True):
        padded = [""] * (lines - len(titles[i])) + titles[i]
        table.add_column(
            Text("\n").join(map(one_line, padded)),
            justify="left" if columns[i].is_text else "right",
            overflow="fold",
            min_width=min(width, console.width),
            max_width=width,
        )
    for row in texts:
        table.add_row(*(_at_joints(row[i], room[n]) for n, i in enumerate(shown)))
    print_trimmed(console, table)
    return left_out


def _width(cell: Text) -> int:
    return max((line.cell_len for line in cell.split("\n")), default=0)


def _at_joints(cell: Text, width: int) -> Text:
    """Break what is longer than a line behind the last mark in it that joins words, if any."""
    lines = Text("\n")
    folded: list[Text] = []
    for line in cell.split("\n"):
        while line.cell_len > width and " " not in line.plain:
            fits = len(set_cell_size(line.plain, width).rstrip())
            joints = [match.end() for match in _JOINTS.finditer(line.plain, 0, fits)]
            if not joints or joints[-1] < fits // 2:
                break
            first, line = line.divide([joints[-1]])
            folded.append(first)
        folded.append(line)
    return lines.join(folded)


def _halves(title: str) -> list[str]:
    """A title in the two lines that are shortest, or in one if it is one word."""
    words = title.split(" ")
    if len(words) < 2:
        return [title]
    halves = [(" ".join(words[:i]), " ".join(words[i:])) for i in range(1, len(words))]
    return list(min(halves, key=lambda both: max(map(len, both))))


def _folded(widths: list[int], is_text: list[bool], room: int) -> list[int]:
    """The widths of columns after the widest ones of words have given up what has no room."""
    widths = list(widths)
    excess = sum(widths) + _GAP * (len(widths) - 1) - room
    while excess > 0:
        texts = [i for i, words in enumerate(is_text) if words and widths[i] > _LEAST_FOLDED]
        if not texts:
            break
        widest = max(texts, key=lambda i: widths[i])
        widths[widest] -= 1
        excess -= 1
    return widths
