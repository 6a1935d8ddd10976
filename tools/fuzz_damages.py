"""What tools/fuzz.py does to the files of an artifact."""

from __future__ import annotations

import os
import random
import re
from collections.abc import Callable
from pathlib import Path

_HUGE = (b"\xff" * 4, b"\xff\xff\xff\x7f", b"\xff" * 8, b"\xff" * 9 + b"\x01", b"\x00\x00\x00\x80")
Damage = Callable[[random.Random, Path, list[bytes]], None]


def _altered(change: Callable[[random.Random, bytearray], None]) -> Damage:
    def damage(draw: random.Random, path: Path, others: list[bytes]) -> None:
        content = bytearray(path.read_bytes())
        if content:
            change(draw, content)
            path.write_bytes(content)

    return damage


def _truncate(draw: random.Random, content: bytearray) -> None:
    del content[draw.randrange(len(content)) :]


def _flip_bits(draw: random.Random, content: bytearray) -> None:
    for _ in range(draw.choice((1, 1, 2, 8, 64))):
        content[draw.randrange(len(content))] ^= 1 << draw.randrange(8)


def _flip_early_bits(draw: random.Random, content: bytearray) -> None:
    content[draw.randrange(min(len(content), 256))] ^= 1 << draw.randrange(8)


def _declare_huge(draw: random.Random, content: bytearray) -> None:
    value = draw.choice(_HUGE)
    start = draw.randrange(len(content))
    start -= start % draw.choice((1, 4))
    content[start : start + len(value)] = value


def _huge_numbers(draw: random.Random, content: bytearray) -> None:
    numbers = list(re.finditer(rb"\d+", bytes(content)))
    if numbers:
        number = draw.choice(numbers)
        content[number.start() : number.end()] = draw.choice(
            (b"9" * 30, b"-1", b"0", b"1e999", b"")
        )


def _blank(draw: random.Random, content: bytearray) -> None:
    start = draw.randrange(len(content))
    count = min(draw.choice((4, 64, 4096)), len(content) - start)
    content[start : start + count] = bytes(count)


def _repeat(draw: random.Random, content: bytearray) -> None:
    start, end = sorted(draw.randrange(len(content) + 1) for _ in range(2))
    content[end:end] = bytes(content[start:end]) * draw.choice((1, 1, 20))


def _noise(draw: random.Random, content: bytearray) -> None:
    start = draw.randrange(len(content))
    content[start : start + 16] = draw.randbytes(draw.choice((1, 16, 100)))


def _nest(draw: random.Random, content: bytearray) -> None:
    start = draw.randrange(len(content))
    content[start:start] = draw.choice((b"[", b"(", b'{"a":', b"<a>", b"\x0a\x7f")) * 3000


def _empty(draw: random.Random, path: Path, others: list[bytes]) -> None:
    path.write_bytes(b"")


def _swap(draw: random.Random, path: Path, others: list[bytes]) -> None:
    path.write_bytes(draw.choice(others))


def _graft(draw: random.Random, path: Path, others: list[bytes]) -> None:
    content, other = path.read_bytes(), draw.choice(others)
    path.write_bytes(
        content[: draw.randrange(len(content) + 1)] + other[draw.randrange(len(other) + 1) :]
    )


def _random(draw: random.Random, path: Path, others: list[bytes]) -> None:
    path.write_bytes(draw.randbytes(draw.choice((1, 100, 10000))))


def _folder(draw: random.Random, path: Path, others: list[bytes]) -> None:
    path.unlink()
    path.mkdir()


def _pipe(draw: random.Random, path: Path, others: list[bytes]) -> None:
    path.unlink()
    os.mkfifo(path)


def _loop(draw: random.Random, path: Path, others: list[bytes]) -> None:
    path.unlink()
    path.symlink_to(path.name)


def _remove(draw: random.Random, path: Path, others: list[bytes]) -> None:
    path.unlink()


# What is done to a file, and how often.
DAMAGES: dict[str, tuple[int, Damage]] = {
    "truncated": (4, _altered(_truncate)),
    "bits flipped": (6, _altered(_flip_bits)),
    "bits flipped early": (4, _altered(_flip_early_bits)),
    "huge sizes": (5, _altered(_declare_huge)),
    "huge numbers in text": (3, _altered(_huge_numbers)),
    "blanked": (2, _altered(_blank)),
    "repeated": (2, _altered(_repeat)),
    "noise": (3, _altered(_noise)),
    "nested": (1, _altered(_nest)),
    "empty": (1, _empty),
    "another file": (2, _swap),
    "half another file": (2, _graft),
    "random bytes": (1, _random),
    "a folder": (1, _folder),
    "a pipe": (1, _pipe),
    "a link to itself": (1, _loop),
    "removed": (1, _remove),
}
