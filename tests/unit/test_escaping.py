"""Text of strangers in each form of output."""

import csv
import io
import subprocess
import xml.etree.ElementTree as ElementTree

import pytest
from markdown_it import MarkdownIt
from rich.table import Table
from untrusted_texts import UNTRUSTED, controls

from infer import escaping
from infer.console import Terminal, one_line

NAMED = [pytest.param(text, id=name) for name, text in UNTRUSTED.items()]


@pytest.mark.parametrize("text", NAMED)
def test_a_printable_text_is_one_line_that_tells_every_character(text):
    shown = escaping.printable(text)

    assert shown.isprintable()
    shown.encode("utf-8")
    if "\\" not in text:
        bare = shown.encode("utf-16", "surrogatepass").decode("utf-16")
        assert bare.encode("latin-1", "backslashreplace").decode("unicode_escape") == text


def test_what_is_printable_is_left_alone():
    for text in ("onnx-torch (2)", "größe", "模型", "a_b*c", "C:\\x", "👍"):
        assert escaping.printable(text) == text


@pytest.mark.parametrize("text", NAMED)
def test_a_terminal_gets_neither_control_nor_markup(text):
    file = io.StringIO()
    console = Terminal(file=file, width=400)
    console.print(text)
    console.print(one_line(text))
    table = Table(box=None, title=text)
    table.add_column(text)
    table.add_column(one_line(text))
    table.add_row(text, one_line(text))
    console.print(table)

    lines = file.getvalue().splitlines()
    assert not controls(file.getvalue())
    assert len(lines) == 5
    assert not any(line.lstrip().startswith(("::", "##")) for line in lines)
    assert all(escaping.terminal(text) in line for line in lines)


def test_colours_are_those_of_the_program_alone():
    file = io.StringIO()
    console = Terminal(file=file, width=80, force_terminal=True, color_system="standard")
    console.print(one_line("a\x1b", "red"))

    assert file.getvalue() == "\x1b[31ma\\x1b\x1b[0m\n"


@pytest.mark.parametrize("text", NAMED)
@pytest.mark.parametrize("place", ["{}", "> **{}**", "- {}", "## {}", "| a |\n| --- |\n| {} |"])
def test_markdown_shows_it_and_makes_nothing_of_it(text, place):
    source = place.format(escaping.markdown(text))
    parser = MarkdownIt("commonmark", {"linkify": False}).enable(["table", "strikethrough"])

    tokens = parser.parse(source)
    inline = [child for token in tokens for child in token.children or ()]

    expected = {token.type for token in parser.parse(place.format("word"))}
    assert {token.type for token in tokens} == expected
    assert {token.type for token in inline} <= {
        "text",
        "text_special",
        "strong_open",
        "strong_close",
    }
    shown = "".join(token.content for token in inline)
    assert shown.replace("\u200b", "").endswith(escaping.printable(text).strip())
    # What GitHub makes of plain text.
    for mark in ("@octocat", "#1", "://", "www.", ":smile:"):
        assert mark not in shown


@pytest.mark.parametrize("text", [*NAMED, "`", "a``b", "a|b"])
def test_markdown_code_is_one_span(text):
    for in_table, place in ((False, "run ({})"), (True, "| a |\n| --- |\n| {} |")):
        source = place.format(escaping.markdown_code(text, in_table=in_table))
        parser = MarkdownIt("commonmark").enable("table")
        inline = [child for token in parser.parse(source) for child in token.children or ()]
        (code,) = (token for token in inline if token.type == "code_inline")
        assert code.content == escaping.printable(text)


@pytest.mark.parametrize("text", NAMED)
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_csv_has_no_formula_whatever_separates_cells(text, separator):
    file = io.StringIO()
    csv.writer(file).writerow(["name", escaping.csv_cell(text), "end"])

    assert file.getvalue().count("\n") == 1
    for cell in file.getvalue().rstrip().split(separator):
        assert not cell.lstrip("\"' \t").startswith(("=", "+", "@")) or "'" in cell[:3]


@pytest.mark.parametrize("text", NAMED)
def test_xml_holds_it(text):
    element = ElementTree.Element("failure", message=escaping.xml(text))
    element.text = escaping.xml(text)

    read = ElementTree.fromstring(ElementTree.tostring(element, encoding="unicode"))

    assert read.text == escaping.xml(text)
    assert not controls(read.text)


@pytest.mark.parametrize("text", NAMED)
def test_a_shell_reads_the_word_that_was_meant(text):
    word = escaping.shell_word(text)

    assert word.isprintable()
    if "\0" not in text:  # which no argument can hold
        done = subprocess.run(["bash", "-c", f"printf %s {word}"], capture_output=True, check=True)
        assert done.stdout == text.encode("utf-8", "surrogateescape")


@pytest.mark.parametrize(
    "form",
    [
        *(escaping.printable, escaping.terminal, escaping.markdown, escaping.markdown_code),
        *(escaping.csv_cell, escaping.xml, escaping.shell_word),
    ],
)
def test_half_of_a_pair_of_surrogates_can_be_written(form):
    """JSON may hold one, a file that is UTF-8 may not."""
    assert form("a\ud800").encode("utf-8")
