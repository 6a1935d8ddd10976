"""Text from files, workers and paths, made harmless for each form of output.

Names and messages of artifacts come from strangers. Records and JSON keep them exactly; whatever is
shown goes through the function of its form here. HTML has none: the template escapes it.
"""

from __future__ import annotations

import re
import shlex

# Characters that begin Markdown, wherever they stand. Underscores within a word and brackets that
# make no link are left alone, so that a report can be read unrendered.
_MARKDOWN = str.maketrans({c: f"\\{c}" for c in "\\`*<|~$"} | {"&": "&amp;"})
# What a page of GitHub makes of plain text: a mention, a reference, a link. An invisible space
# after the first character of each ends it.
_MARKDOWN_NAMES = re.compile(
    r"@(?=\w)|#(?=\d)|:(?=//|(?!\d:)[\w+-]+:)|\bwww(?=\.)|\bmailto(?=:)|\bGH(?=-\d)"
)
_MARKDOWN_LINK = re.compile(r"\](?=[(:\[])|\[(?=\^)|!(?=\[)")
_UNDERSCORE = re.compile(r"(?<![^\W_])_|_(?![^\W_])")
# A heading, quotation, list, rule, or box to tick, at the start of a line.
_MARKDOWN_BLOCK = re.compile(r"#{1,6}(?=\s|$)|>|[-+](?=[\s+-])|=|\[(?=[ xX]\])")
_MARKDOWN_NUMBER = re.compile(r"(\d{1,9})(?=[.)](?:\s|$))")
_FORMULA = re.compile(r"(^|;)([\s'\"]*)(?=[=+\-@\uff1d\uff0b\uff0d\uff20])")
# Lines that services of CI take for commands: "::error::", "##[group]", "##vso[".
_COMMAND = re.compile(r"(?<!\S)(?=::|##)")


def printable(text: str) -> str:
    r"""One line without control characters.

    Control characters, line ends, marks of writing direction and surrogates become escapes as in
    Python's literals: `\x1b`, `\n`, `\u202e`.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def terminal(text: str) -> str:
    """One line for a terminal or the log of a CI job, which takes no command from it."""
    return _COMMAND.sub(r"\\", printable(text))


def markdown(text: str) -> str:
    """Text within a line or a cell of GitHub's Markdown.

    It is shown as it is: no emphasis, link, image, HTML, mention or formula comes of it.
    """
    text = printable(text).strip()
    if number := _MARKDOWN_NUMBER.match(text):
        start, text = number[0] + "\\", text[number.end() :]
    else:
        start = "\\" if _MARKDOWN_BLOCK.match(text) else ""
    text = text.translate(_MARKDOWN)
    text = _MARKDOWN_LINK.sub(r"\\\g<0>", text)
    text = _UNDERSCORE.sub(r"\\_", text)
    return start + _MARKDOWN_NAMES.sub(r"\g<0>&#8203;", text)


def markdown_code(text: str, *, in_table: bool = False) -> str:
    """Text as code within a line of Markdown, for commands that are copied."""
    text = printable(text)
    longest = max(map(len, re.findall("`+", text)), default=0)
    fence = "`" * (longest + 1)
    space = " " if text.startswith("`") or text.endswith("`") else ""
    if in_table:
        text = text.replace("|", "\\|")
    return f"{fence}{space}{text}{space}{fence}"


def csv_cell(text: str) -> str:
    """Text of a cell of CSV, which no spreadsheet takes for a formula.

    An apostrophe is put before what begins one, after semicolons too, which separate cells where
    the comma is the decimal sign. See OWASP, "CSV Injection".
    """
    return _FORMULA.sub(r"\1'\2", printable(text))


def xml(text: str) -> str:
    """Text of XML, whose lines are kept; XML cannot hold control characters."""
    return "\n".join(map(printable, text.split("\n")))


def shell_word(text: str) -> str:
    r"""A word for a POSIX shell, and for what is printed: control characters as `$'\x1b'`."""
    if text.isprintable():
        return shlex.quote(text)
    escaped = "".join(
        {"\\": "\\\\", "'": "\\'"}.get(c, c)
        if c.isprintable()
        else "".join(f"\\x{byte:02x}" for byte in _bytes(c))
        for c in text
    )
    return f"$'{escaped}'"


def _bytes(character: str) -> bytes:
    """A byte of a path that is no UTF-8, or the character, which JSON lets be half of a pair."""
    is_byte = "\udc80" <= character <= "\udcff"
    return character.encode("utf-8", "surrogateescape" if is_byte else "surrogatepass")
