"""The pages and the commands that they show."""

from __future__ import annotations

import configparser
import re
import shlex
from pathlib import Path

import export.__main__
import infer.cli.main
import study.__main__
import train.__main__
import train.benchmark

ROOT = Path(__file__).parents[2]
# Reports of runs on another machine name what was there.
_REPORTS = set(ROOT.glob("docs/study/gpu*/[!R]*.md"))
PAGES = sorted(
    {*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/*/*.md")} - _REPORTS
)
PARSERS = {
    "exportbench": infer.cli.main._parser,
    "python -m infer": infer.cli.main._parser,
    "python -m train": train.__main__._parser,
    "python -m train.benchmark": train.benchmark._parser,
    "python -m export": export.__main__._parser,
    "python -m study": study.__main__._parser,
}
PROGRAM = re.compile(rf"(?:{'|'.join(map(re.escape, PARSERS))}|python tools/\w+\.py)(?= |$)")
# Where the shell takes over.
_SHELL = {">", "|", "||", "&&"}


def _is_command(line: str) -> bool:
    return bool(PROGRAM.match(line)) and line not in PARSERS


_TOX = re.compile(r".*\b(tox -e .*)")


def _lines(page: Path) -> list[str]:
    """Everything that may be a command, as one line, from a page's blocks and its running text."""
    text = page.read_text()
    blocks = re.sub(r"\\\n\s*", "", text)
    shown = [line.strip() for line in blocks.splitlines() if line.startswith("    ")]
    fenced = [
        line for part in re.findall(r"```\w*\n(.*?)```", blocks, re.S) for line in part.splitlines()
    ]
    prose = re.sub(r"```.*?```|^    [^\n]*$", "", text, flags=re.S | re.M)
    spans = [" ".join(span.split()) for span in re.findall(r"`([^`]+)`", prose)]
    return [*shown, *fenced, *spans]


LINES = [(page, re.sub(r"\s+#.*", "", line)) for page in PAGES for line in _lines(page)]
COMMANDS = [(page, line) for page, line in LINES if _is_command(line)]
TOX = [(page, match[1]) for page, line in LINES if (match := _TOX.match(line))]
PYTEST = [(page, line) for page, line in LINES if line.startswith("pytest ")]
GIT = [(page, line) for page, line in LINES if re.match("git |pre-commit ", line)]
PIP = [(page, line) for page, line in LINES if re.search(r"\bpip ", line)]


def of_tox(line: str) -> list[str]:
    """The commands that a line of tox runs, as one types them."""
    config = configparser.ConfigParser()
    config.read(ROOT / "tox.ini")
    _, _, names, *words = words_of(line)
    assert words[:1] in ([], ["--"])
    given = {"{tox_root}/.tox/all/bin/": "", "{posargs}": shlex.join(words[1:])}
    commands = "\n".join(config[f"testenv:{name}"]["commands"] for name in names.split(","))
    for name, value in given.items():
        commands = commands.replace(name, value)
    return [command.strip() for command in commands.strip().splitlines()]


def words_of(line: str) -> list[str]:
    """What the program is given, without what is the shell's."""
    words = shlex.split(line)
    end = next((n for n, word in enumerate(words) if word in _SHELL), len(words))
    return [word for word in words[:end] if word != "..."]
