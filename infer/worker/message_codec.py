"""Messages as lines of JSON, checked against their types. Uses only the standard library.

The controller decodes the answers of workers in answers.py.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Mapping
from dataclasses import MISSING, fields
from types import NoneType, UnionType
from typing import Annotated, Any, NotRequired, Union, get_args, get_origin

from ..outcome import Failure
from .messages import REQUESTS, Request, Response
from .responses import OPEN_TYPES, FailureResponse

RESPONSE, FAILURE, STORAGE_ERROR = "response", "failure", "storage_error"
# Limits of what a value may be: characters of a text, a whole number, and how deep what is of no
# type is nested.
_LONGEST_TEXT = 1 << 16
_LARGEST = 1 << 64
_DEEPEST = 8
_SHOWN = 40  # characters of a key in messages


class MessageError(ValueError):
    """A line is not the expected message."""


class StorageError(Exception):
    """Outputs cannot be written, which need not be the artifact's fault."""


def encode_request(request: Request[Any]) -> bytes:
    """Encode a request as a line.

    Raises:
        MessageError: a field has the wrong type.
    """
    values = {field.name: getattr(request, field.name) for field in fields(request)}  # type: ignore[arg-type]
    _check_fields(type(request), values)
    return json.dumps({"request": request.action, **values}).encode() + b"\n"


def decode_request(line: str) -> Request[Any]:
    """Decode a request from a line.

    Raises:
        MessageError: the line is no request.
    """
    values = _object(line)
    name = values.pop("request", None)
    kind = REQUESTS.get(name) if isinstance(name, str) else None
    if kind is None:
        raise MessageError(f"no request '{name}'")
    _check_fields(kind, values)
    return kind(**values)


def encode_response(request: Request[Response], response: Response) -> bytes:
    """Encode the answer to a request as a line.

    Raises:
        MessageError: the response has not the request's response type.
    """
    check_type(request.response, response, request.action)
    return _line({RESPONSE: response})


def encode_failure(failed: Failure) -> bytes:
    """Encode the answer that the artifact failed."""
    failure: FailureResponse = {
        "outcome": failed.outcome,
        "reason": failed.reason,
        "is_shortened": failed.is_shortened,
        "index_limit": failed.index_limit,
        "cause": failed.cause,
    }
    return _line({FAILURE: failure})


def encode_storage_error(reason: str) -> bytes:
    """Encode the answer that outputs cannot be written."""
    return _line({STORAGE_ERROR: reason})


def _line(value: Any) -> bytes:
    # Halves of characters, as in names that are no UTF-8, are not valid in JSON.
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "replace") + b"\n"


def _object(line: str | bytes) -> dict[str, Any]:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        raise MessageError("not JSON") from None
    if not isinstance(value, dict):
        raise MessageError("not an object")
    return value


def _check_fields(kind: type[Request[Any]], values: Mapping[str, Any]) -> None:
    """Check that a request has the fields of its type, each of the right type."""
    known = {field.name: field for field in fields(kind)}  # type: ignore[arg-type]
    if unknown := values.keys() - known.keys():
        raise MessageError(f"{kind.action}: no field '{min(unknown)}'")
    for name, field in known.items():
        if name in values:
            check_type(field.type, values[name], f"{kind.action}.{name}")
        elif field.default is MISSING and field.default_factory is MISSING:
            raise MessageError(f"{kind.action}: no '{name}'")


def check_type(kind: Any, value: Any, where: str) -> None:
    """Check that a JSON value has a type, and that its numbers are finite and in their range.

    Args:
        kind: a plain type, a TypedDict, `list[...]`, `dict[str, ...]`, a union of these with None,
            a number with `AtLeast`, or Any.
        value: value to be checked.
        where: name of the value, for errors.

    Raises:
        MessageError: it has another type.
    """
    origin = get_origin(kind)
    if kind is Any:
        _check_any(value, where)
    elif origin in (UnionType, Union):
        _check_union(get_args(kind), value, where)
    elif origin is list:
        if not isinstance(value, list | tuple):  # a tuple becomes a list in JSON
            raise MessageError(f"'{where}' is {_name(value)}, not a list")
        _check_items(get_args(kind)[0], value, where)
    elif origin is dict:
        if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
            raise MessageError(f"'{where}' is {_name(value)}, not an object")
        for key, item in value.items():
            check_type(str, key, f"{where}.{key[:_SHOWN]}")
            check_type(get_args(kind)[1], item, f"{where}.{key[:_SHOWN]}")
    elif hasattr(kind, "__required_keys__"):
        _check_typed_dict(kind, value, where)
    else:
        _check_plain(*_plain(kind), value, where)


def _check_union(parts: tuple[Any, ...], value: Any, where: str) -> None:
    others = [part for part in parts if part is not NoneType]
    if value is None and len(others) < len(parts):
        return
    for part in others:
        try:
            check_type(part, value, where)
        except MessageError:
            if part is others[-1] and len(others) == 1:
                raise
            continue
        return
    raise MessageError(f"'{where}' is {_name(value)}")


def _check_items(kind: Any, values: list[Any] | tuple[Any, ...], where: str) -> None:
    number, least = _plain(kind)
    for index, item in enumerate(values):
        # A burst has thousands of times, which are checked within its turn.
        if type(item) is not float or number is not float or not least <= item < math.inf:
            check_type(kind, item, f"{where}[{index}]")


def _plain(kind: Any) -> tuple[Any, float]:
    """A type without its smallest value, and that value."""
    if get_origin(kind) is Annotated:
        plain, at_least = get_args(kind)
        return plain, at_least.value
    return kind, -sys.float_info.max


def _check_plain(kind: Any, least: float, value: Any, where: str) -> None:
    if kind is float:
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise MessageError(f"'{where}' is {_name(value)}, not a number")
    elif not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise MessageError(f"'{where}' is {_name(value)}, not {kind.__name__}")
    if isinstance(value, str) and len(value) > _LONGEST_TEXT:
        raise MessageError(f"'{where}' has {len(value):,} characters")
    if isinstance(value, int) and not max(least, -_LARGEST) <= value <= _LARGEST:
        raise MessageError(f"'{where}' is {value if abs(value) < _LARGEST else 'a huge number'}")
    if isinstance(value, float) and not (value >= least and math.isfinite(value)):
        raise MessageError(f"'{where}' is {value}")


def _check_any(value: Any, where: str, depth: int = 0) -> None:
    """Check what may be of any type: it is finite, and not nested deeply."""
    if depth > _DEEPEST:
        raise MessageError(f"'{where}' is nested too deeply")
    if isinstance(value, dict):
        for key, item in value.items():
            check_type(str, key, where)
            _check_any(item, where, depth + 1)
    elif isinstance(value, list | tuple):
        for item in value:
            _check_any(item, where, depth + 1)
    elif value is not None and not isinstance(value, bool):
        kind = type(value)
        _check_plain(kind if kind in (int, float) else str, -_LARGEST, value, where)


def _check_typed_dict(kind: Any, value: Any, where: str) -> None:
    if not isinstance(value, dict):
        raise MessageError(f"'{where}' is {_name(value)}, not an object")
    if missing := kind.__required_keys__ - value.keys():
        raise MessageError(f"'{where}' has no '{min(missing)}'")
    if unknown := value.keys() - kind.__annotations__.keys():
        if kind not in OPEN_TYPES:
            raise MessageError(f"'{where}' has an unknown '{min(unknown)[:_SHOWN]}'")
        _check_any({key: value[key] for key in unknown}, where)
    for key, inner in kind.__annotations__.items():
        if key in value:
            if get_origin(inner) is NotRequired:
                (inner,) = get_args(inner)
            check_type(inner, value[key], f"{where}.{key}")


def _name(value: Any) -> str:
    return type(value).__name__
