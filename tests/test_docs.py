"""The pages: every command that they show is one that the programs take, and every link leads on.

What the commands do is tested elsewhere; a page that shows an option of former times fails here.
"""

import re
import shlex
from pathlib import Path

import pytest

import export.__main__
import infer.cli
import study.__main__
import train.__main__

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/*/*.md")])
_PARSERS = {
    "exportbench": infer.cli._parser,
    "python -m infer": infer.cli._parser,
    "python -m train": train.__main__._parser,
    "python -m export": export.__main__._parser,
    "python -m study": study.__main__._parser,
}
_COMMAND = re.compile(rf"(?:{'|'.join(map(re.escape, _PARSERS))}|python tools/\w+\.py)(?= |$)")
# Where the shell takes over.
_SHELL = {">", "|", "||", "&&"}
_LINK = re.compile(r"\]\(([^)#]+?)(#[^)]*)?\)")


def _lines(page: Path) -> list[str]:
    """Each command of a page as one line, from its blocks and from its running text."""
    text = page.read_text()
    blocks = re.sub(r"\\\n\s*", "", text)
    shown = [line.strip() for line in blocks.splitlines() if line.startswith("    ")]
    fenced = [
        line for part in re.findall(r"```\w*\n(.*?)```", blocks, re.S) for line in part.splitlines()
    ]
    prose = re.sub(r"```.*?```|^    .*$", "", text, flags=re.S | re.M)
    spans = [" ".join(span.split()) for span in re.findall(r"`([^`]+)`", prose)]
    return [line for line in [*shown, *fenced, *spans] if _COMMAND.match(line)]


COMMANDS = [(page, line) for page in PAGES for line in _lines(page)]


def _words(line: str) -> list[str]:
    words = shlex.split(line, comments=True)
    end = next((n for n, word in enumerate(words) if word in _SHELL), len(words))
    return [word for word in words[:end] if word != "..."]


def test_commands_are_found():
    assert len(COMMANDS) > 60
    assert {line.split()[0] for _, line in COMMANDS} == {"exportbench", "python"}


@pytest.mark.parametrize(
    ("page", "line"), COMMANDS, ids=[f"{page.name}: {line}" for page, line in COMMANDS]
)
def test_command_is_taken(page, line, capsys):
    program = _COMMAND.match(line)[0]
    words = _words(line.removeprefix(program))
    if program not in _PARSERS:
        source = (ROOT / program.removeprefix("python ")).read_text()
        assert [word for word in words if word.startswith("--") and f'"{word}"' not in source] == []
        return
    if len(words) == 1 and not words[0].startswith("-"):
        words.append("--help")  # the text names a command, and does not show how it is called
    try:
        _PARSERS[program]().parse_args(words)
    except SystemExit as ended:
        assert ended.code == 0, capsys.readouterr().err


@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES])
def test_links_lead_somewhere(page):
    links = [m[1] for m in _LINK.finditer(page.read_text()) if "://" not in m[1]]

    assert [link for link in links if not (page.parent / link).exists()] == []
