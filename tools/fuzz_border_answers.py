"""What tools/fuzz_border.py does to an answer of a worker."""

from __future__ import annotations

import copy
import json
import random
from typing import Any

from infer.outcome import Outcome

NUMBERS = (0, -1, 1, 2, 0.5, -0.0, 1e-300, 1e300, -1e300, 2**31, 2**53, 2**64, 10**40, 1e9)
TEXTS = ("", "\ud800", "\x00", "\x1b[2J", "[/evil]", "x" * 70_000, "../" * 9, "nan", "é" * 99)
RAW = (b"NaN", b"Infinity", b"1e999", b"-", b"", b"\xff", b"[" * 3000, b'"\\ud800"', b"1" * 5000)


def altered_line(draw: random.Random, answer: dict[str, Any]) -> bytes:
    """A line that is a bit, or nothing at all, like an answer."""
    answer = copy.deepcopy(answer)
    if draw.random() < 0.1:
        answer = {"failure": dict(_failure(draw))}
    if draw.random() < 0.05:
        answer = {"storage_error": draw.choice((*TEXTS, *NUMBERS))}
    for _ in range(draw.choice((1, 1, 2, 5))):
        alter(draw, answer)
    line = json.dumps(answer).encode()
    if draw.random() < 0.2:  # a part that is no JSON
        places = [i for i, byte in enumerate(line) if byte in b":,["]
        at = draw.choice(places) + 1 if places else 0
        line = line[:at] + draw.choice(RAW) + line[draw.randrange(at, len(line) + 1) :]
    if draw.random() < 0.1:
        line = line[: draw.randrange(len(line) + 1)]
    if draw.random() < 0.05:
        line = bytes(draw.randrange(256) for _ in range(draw.randrange(60)))
    return line


def _failure(draw: random.Random) -> dict[str, Any]:
    return {
        "outcome": draw.choice([*Outcome, "splendid", "", 7]),
        "reason": draw.choice((*TEXTS, "why\nand how")),
        "is_shortened": False,
        "index_limit": draw.choice((None, 3, -3)),
        "cause": draw.choice(("", *TEXTS)),
    }


def alter(draw: random.Random, value: Any) -> None:
    """Alter one part of a value, in place."""
    while isinstance(value, dict | list) and value:
        keys = list(value) if isinstance(value, dict) else range(len(value))
        key = draw.choice(list(keys))
        inner = value[key]
        if isinstance(inner, dict | list) and inner and draw.random() < 0.8:
            value = inner
            continue
        kind = draw.randrange(6)
        if kind == 0:
            del value[key]
        elif kind == 1 and isinstance(value, dict):
            value[draw.choice(TEXTS)] = inner
        elif kind == 2 and isinstance(value, list):
            value.extend([inner] * draw.choice((1, 9, 2000)))
        else:
            value[key] = _part(draw)
        return


def _part(draw: random.Random) -> Any:
    whole: tuple[Any, ...] = (*NUMBERS, *TEXTS, None, True, [], {}, [[]], {"": {}})
    part = draw.choice(whole)
    for _ in range(draw.choice((0, 0, 0, 1, 40))):
        part = [part] if draw.random() < 0.5 else {"a": part}
    return part
