"""The pages: every command that they show is one that the programs take, and every link leads on.

test_page_commands.py runs them. Here a page that shows an option of former times fails at once.
"""

import re
import shlex

import pytest
from pages import COMMANDS, PAGES, PARSERS, PROGRAM, ROOT, TOX, of_tox, words_of

_LINK = re.compile(r"\]\(([^)#]+?)(#[^)]*)?\)")


def test_commands_are_found():
    assert len(COMMANDS) > 60
    assert {line.split()[0] for _, line in COMMANDS} == {"exportbench", "python"}
    assert len(TOX) > 10


@pytest.mark.parametrize(
    ("page", "line"), COMMANDS, ids=[f"{page.name}: {line}" for page, line in COMMANDS]
)
def test_command_is_taken(page, line, capsys):
    program = PROGRAM.match(line)[0]
    words = words_of(line.removeprefix(program))
    if program not in PARSERS:
        source = (ROOT / program.removeprefix("python ")).read_text()
        assert [word for word in words if word.startswith("--") and f'"{word}"' not in source] == []
        return
    if len(words) == 1 and not words[0].startswith("-"):
        words.append("--help")  # the text names a command, and does not show how it is called
    try:
        PARSERS[program]().parse_args(words)
    except SystemExit as ended:
        assert ended.code == 0, capsys.readouterr().err


@pytest.mark.parametrize(("page", "line"), TOX, ids=[f"{page.name}: {line}" for page, line in TOX])
def test_tox_has_the_environment_and_its_commands_take_what_follows(page, line, capsys):
    commands = of_tox(line)
    given = shlex.join(words_of(line)[4:])
    assert any(command.endswith(given) for command in commands)
    for command in commands:
        if PROGRAM.match(command):
            test_command_is_taken(page, command, capsys)


@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES])
def test_links_lead_somewhere(page):
    links = [m[1] for m in _LINK.finditer(page.read_text()) if "://" not in m[1]]

    assert [link for link in links if not (page.parent / link).exists()] == []
