"""Convert JSON files to typed values and back, with errors of one line.

Whoever reads a file decodes it here: a field that the type does not have is refused at every
level, and so is a value of another type. JSON has no numbers without end and no NaN; ours has
both, spelled as Python's `json` module does.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any, TypeVar

import msgspec

Value = TypeVar("Value")


class DecodeError(ValueError):
    """A value has the wrong type; the message is one line that names the field."""


class Record(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A part of what is recorded: it cannot be altered, and takes no other fields."""


def to_json(value: object) -> Any:
    """Convert a value to dictionaries, lists, text and numbers."""
    return msgspec.to_builtins(value, str_keys=True)


def encode(value: object) -> bytes:
    """Encode a value as a line of JSON, without the end of the line."""
    return json.dumps(to_json(value)).encode()


def from_json(kind: Any, value: Any) -> Any:
    """Convert decoded JSON to a value of a type.

    Args:
        kind: a type, or a union of tagged ones.
        value: dictionaries, lists, text and numbers.

    Raises:
        DecodeError: it is not of that type.
    """
    try:
        result = msgspec.convert(value, kind, str_keys=True)
        unknown = _unknown(value, result)
    except msgspec.ValidationError as error:
        raise DecodeError(_readable(str(error))) from None
    except RecursionError:
        raise DecodeError("is nested too deeply") from None
    if unknown:
        raise DecodeError(f"unknown field '{unknown}'")
    return result


def parse_json(text: str | bytes) -> Any:
    """What a text of JSON holds: dictionaries, lists, text and numbers.

    Raises:
        DecodeError: it is not JSON.
    """
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DecodeError(f"is not JSON ({error})") from None


def decode(kind: Any, text: str | bytes, where: str) -> Any:
    """Decode the text of a file or of a line in it to a value of a type.

    Args:
        kind: a type, or a union of tagged ones.
        text: JSON.
        where: the file, and the line in it, that messages begin with.

    Raises:
        DecodeError: it is not JSON, or not of that type.
    """
    try:
        return from_json(kind, parse_json(text))
    except DecodeError as error:
        raise DecodeError(f"{where}: {error}") from None


def _readable(message: str) -> str:
    """Put the field first: "Expected `int`, got `str` - at `$.turn`" is "'turn': expected ..."."""
    what, _, path = message.partition(" - at ")
    field = path.strip("`").removeprefix("$").removeprefix(".")
    what = what[:1].lower() + what[1:]
    return f"'{field}': {what}" if field else what


def _unknown(given: Any, value: Any, path: str = "") -> str | None:
    """Find the path of the first field that a dataclass lacks, which msgspec ignores.

    Args:
        given: as JSON has it.
        value: what it became.
        path: of the value.
    """
    if isinstance(given, Mapping):
        if is_dataclass(value) and (
            extra := given.keys() - {field.name for field in fields(value)}
        ):
            return f"{path}{min(extra)}"
        inner = [
            (given[name], value[name] if isinstance(value, Mapping) else getattr(value, name), name)
            for name in given
            if (isinstance(value, Mapping) and name in value) or hasattr(value, name)
        ]
    elif isinstance(given, list | tuple) and given and isinstance(given[0], Mapping):
        inner = [
            (part, part_value, str(i))
            for i, (part, part_value) in enumerate(zip(given, value, strict=True))
        ]
    else:
        return None
    paths = (_unknown(part, part_value, f"{path}{name}.") for part, part_value, name in inner)
    return next(filter(None, paths), None)
