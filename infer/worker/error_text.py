"""Errors of runtimes as one line: without places in source code, and with the end, the cause."""

from __future__ import annotations

import re

# The longest line, and how much of the beginning it keeps where it is cut.
_LONGEST, _BEGINNING = 300, 80

_ERROR_LINE = re.compile(r"\s*(?:\w+\.)*\w*(?:Error|Exception): ")
_FRAME = re.compile(r'\s*File ".*", line \d+|\s*frame #\d+')
_NOISE = re.compile(
    r"\s*[~^]+(?: <--- HERE)?\s*$|.*<--- HERE$"
    r"|\s*Traceback .*\(most recent call last\):\s*$"
    r"|\s*Exception raised from .*\(most recent call first\):\s*$"
)
# Names and depths have limits, so that the time does not grow with the square of the text.
_FILE = (
    r"(?:[\w.+-]{0,255}/){0,64}[\w.+-]{1,255}"
    r"\.(?:cc|cpp|cxx|c|h|hpp|inc|inl|cu|cuh|mm|py):\d+(?::\d+)?"
)
_LOCATION = re.compile(
    rf"""
    (?:\b(?:Exception\ from|at|from|in)\s+)?
    {_FILE}:?
    # The function there: with its arguments, or just its name.
    (?:\s+\(function\ [^()]*(?:\(\))?\))?
    (?:\s+(?:[\w:<>,*&]+\s+)?[\w<>]+(?:::~?\w+)+\([^()]*\)(?:\s+const)?
      |\s+[A-Z][a-z]+[A-Z]\w*(?=\s[A-Z]))?
    """,
    re.VERBOSE,
)
_NUMBERED = re.compile(r"\[ONNXRuntimeError\] : \d+ : [A-Z_]+ : ")


def without_locations(text: str) -> str:
    """Write an error's text in one line, without stack frames and places in source code."""
    lines = text.splitlines()
    if any("<--- HERE" in line for line in lines):
        # TorchScript shows the program first; the error follows.
        at = max((i for i, line in enumerate(lines) if _ERROR_LINE.match(line)), default=0)
        lines = lines[at:]
    kept: list[str] = []
    in_frame = False
    for line in lines:
        if _FRAME.match(line):
            in_frame = True
        elif in_frame and line[:1].isspace():
            in_frame = False  # the line of the program
        elif not _NOISE.match(line):
            in_frame = False
            kept.append(line)
    short = _LOCATION.sub(" ", _NUMBERED.sub("", " ".join(kept)))
    short = re.sub(r"\s+([:,;.])(?=\s|$)", r"\1", " ".join(short.split())).strip(" :")
    return short or " ".join(text.split())


def shorten(text: str) -> str:
    """Shorten a line that is too long: of an error the end says most."""
    if len(text) <= _LONGEST:
        return text
    return f"{text[:_BEGINNING].rstrip()} ... {text[_BEGINNING - _LONGEST + 5 :].lstrip()}"


def with_type(error: BaseException, text: str) -> str:
    """Put the type of an error before its text, unless the text begins with one."""
    return text if _ERROR_LINE.match(text) else f"{type(error).__name__}: {text}"


def one_line(error: BaseException) -> str:
    """Write an error in one line, its type first."""
    return with_type(error, shorten(without_locations(str(error)) or "no message"))
