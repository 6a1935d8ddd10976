"""No regular expression can be tried in exponentially many ways.

Many are matched with bytes of strangers. An unbounded repetition within another one is exponential
unless its parts can be told apart: each inner repetition must be beside a part that always matches
something, and nothing that the repetition does.
"""

import ast
import re
import re._constants as c
import re._parser as parser

import pytest
from conftest import ROOT

_CATEGORIES = {
    c.CATEGORY_DIGIT: r"\d",
    c.CATEGORY_NOT_DIGIT: r"\D",
    c.CATEGORY_SPACE: r"\s",
    c.CATEGORY_NOT_SPACE: r"\S",
    c.CATEGORY_WORD: r"\w",
    c.CATEGORY_NOT_WORD: r"\W",
}
_ALL = frozenset(map(chr, range(256)))
_REPEATS = (c.MAX_REPEAT, c.MIN_REPEAT)


def characters(op, value) -> frozenset[str]:
    """The characters of Latin-1 that an item can match first or anywhere; it overestimates."""
    if op is c.LITERAL:
        return frozenset(chr(value)) if value < 256 else frozenset()
    if op is c.NOT_LITERAL:
        return _ALL - {chr(value)}
    if op is c.RANGE:
        return frozenset(chr(code) for code in range(value[0], min(value[1], 255) + 1))
    if op is c.CATEGORY:
        return frozenset(re.findall(_CATEGORIES[value], "".join(_ALL)))
    if op is c.IN:
        negated = value[0][0] is c.NEGATE
        members = frozenset().union(*(characters(*item) for item in value[negated:]))
        return _ALL - members if negated else members
    if op is c.ANY:
        return _ALL
    return frozenset().union(*(characters(*item) for item in items(op, value)))


def items(op, value) -> list:
    """The items that an item consists of."""
    if op in (*_REPEATS, c.POSSESSIVE_REPEAT):
        return list(value[2])
    if op is c.SUBPATTERN:
        return list(value[3])
    if op is c.ATOMIC_GROUP:
        return list(value)
    if op is c.BRANCH:
        return [item for branch in value[1] for item in branch]
    return []


def unbounded_in(sequence) -> list:
    """The unbounded repetitions in a sequence, at any depth, which can give back what they took."""
    repetitions = []
    for op, value in sequence:
        if op in _REPEATS and value[1] is c.MAXREPEAT:
            repetitions.append((op, value))
        if op not in (c.ATOMIC_GROUP, c.POSSESSIVE_REPEAT):
            repetitions += unbounded_in(items(op, value))
    return repetitions


def separates(sequence, taken: frozenset[str]) -> bool:
    """Whether a part of a sequence always matches, and no character that is taken elsewhere."""
    for op, value in sequence:
        if op in (c.LITERAL, c.NOT_LITERAL, c.IN, c.ANY):
            if not characters(op, value) & taken:
                return True
        elif op is c.SUBPATTERN or (op in _REPEATS and value[0] > 0):
            if separates(items(op, value), taken):
                return True
        elif op is c.BRANCH and all(separates(branch, taken) for branch in value[1]):
            return True
    return False


def is_exponential(pattern, flags=0) -> bool:
    """Whether a repetition holds another one that nothing separates from itself."""
    for _, (_, _, body) in unbounded_in(parser.parse(pattern, flags)):
        for inner in unbounded_in(body):
            if not separates(body, characters(*inner)):
                return True
    return False


def patterns():
    """Place, text and flags of each regular expression of the package."""
    for file in sorted((ROOT / "infer").rglob("*.py")):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        known = {
            target.id: node.value
            for node in ast.walk(tree)
            if isinstance(node, ast.Assign)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        for node in ast.walk(tree):
            if not (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and isinstance(node.func.value, ast.Name)
                and node.func.value.id == "re"
                and node.func.attr not in ("escape", "purge")
            ):
                continue
            place = f"{file.relative_to(ROOT)}:{node.lineno}"
            pattern = text_of(node.args[0], known)
            yield pytest.param(pattern, id=place)


def text_of(node, known):
    """The text of an expression; what is put into it is taken for a letter."""
    if isinstance(node, ast.Name):
        return text_of(known[node.id], known) if node.id in known else None
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(
            part.value if isinstance(part, ast.Constant) else "9" for part in node.values
        )
    if isinstance(node, ast.BinOp):
        parts = text_of(node.left, known), text_of(node.right, known)
        return parts[0] + parts[1] if all(isinstance(part, str) for part in parts) else None
    return None


@pytest.mark.parametrize("pattern", list(patterns()))
def test_a_pattern_is_not_exponential(pattern):
    assert pattern is not None, "write the pattern where it is used"
    assert not is_exponential(pattern)


@pytest.mark.parametrize(
    "pattern",
    [r"(a+)+b", r"(?:<!--.*?-->\s*)*<net", r"(\w+\s*)*:", r"(a|b+)*c", r"((a*)b?)*c", rb"(\d+,?)*"],
)
def test_what_is_exponential_is_found(pattern):
    assert is_exponential(pattern)


@pytest.mark.parametrize("pattern", [r"(?:\w+\.)*\w+", r"(a+,)*", r"\s*\w+\s*", r"(?>a+)*b"])
def test_what_can_be_told_apart_is_accepted(pattern):
    assert not is_exponential(pattern)
