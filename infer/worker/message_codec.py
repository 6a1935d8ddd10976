"""Messages as lines of JSON, checked against their types. Uses only the standard library."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import MISSING, fields
from types import NoneType, UnionType
from typing import Any, NotRequired, get_args, get_origin

from ..outcome import Failure, Outcome
from .messages import REQUESTS, Request, Response
from .responses import FailureResponse

_RESPONSE, _FAILURE, _STORAGE_ERROR = "response", "failure", "storage_error"


class MessageError(ValueError):
    """A line is not the expected message."""


class StorageError(Exception):
    """Outputs cannot be written, which is not the artifact's fault."""


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


def encode_response(request: Request[Response], response: Response) -> str:
    """Encode the answer to a request as a line.

    Raises:
        MessageError: the response has not the request's response type.
    """
    _check(request.response, response, request.action)
    return json.dumps({_RESPONSE: response}) + "\n"


def encode_failure(failed: Failure) -> str:
    """Encode the answer that the artifact failed."""
    failure: FailureResponse = {
        "outcome": failed.outcome,
        "reason": failed.reason,
        "is_shortened": failed.is_shortened,
        "index_limit": failed.index_limit,
        "cause": failed.cause,
    }
    return json.dumps({_FAILURE: failure}) + "\n"


def encode_storage_error(reason: str) -> str:
    """Encode the answer that outputs cannot be written."""
    return json.dumps({_STORAGE_ERROR: reason}) + "\n"


def decode_response(request: Request[Response], line: bytes) -> Response:
    """Decode a worker's answer to a request.

    Raises:
        Failure: the worker says that the artifact failed.
        StorageError: the worker says that outputs cannot be written.
        MessageError: the line is no answer, or no answer to this request.
    """
    answer = _object(line)
    if answer.keys() == {_RESPONSE}:
        _check(request.response, answer[_RESPONSE], _RESPONSE)
        response: Response = answer[_RESPONSE]
        return response
    if answer.keys() == {_STORAGE_ERROR}:
        raise StorageError(str(answer[_STORAGE_ERROR]))
    if answer.keys() == {_FAILURE}:
        _check(FailureResponse, answer[_FAILURE], _FAILURE)
        failure: FailureResponse = answer[_FAILURE]
        if failure["outcome"] in list(Outcome):
            raise Failure(
                Outcome(failure["outcome"]),
                failure["reason"],
                is_shortened=failure["is_shortened"],
                index_limit=failure["index_limit"],
                cause=failure["cause"],
            )
        raise MessageError(f"no outcome '{failure['outcome']}'")
    raise MessageError("neither a response nor a failure")


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
            _check(field.type, values[name], f"{kind.action}.{name}")
        elif field.default is MISSING and field.default_factory is MISSING:
            raise MessageError(f"{kind.action}: no '{name}'")


def _check(kind: Any, value: Any, where: str) -> None:
    """Check that a JSON value has a type.

    Args:
        kind: a plain type, a TypedDict, `list[...]`, `dict[str, ...]`, a union of these, or Any.
        value: value to be checked.
        where: name of the value, for errors.

    Raises:
        MessageError: it has another type.
    """
    origin = get_origin(kind)
    if kind is Any:
        return
    if origin is UnionType:
        parts = get_args(kind)
        for part in parts:
            if part is NoneType and value is None:
                return
            try:
                _check(part, value, where)
            except MessageError:
                continue
            return
        raise MessageError(f"'{where}' is {_name(value)}")
    if origin is list:
        if not isinstance(value, list | tuple):  # a tuple becomes a list in JSON
            raise MessageError(f"'{where}' is {_name(value)}, not a list")
        for index, item in enumerate(value):
            _check(get_args(kind)[0], item, f"{where}[{index}]")
    elif origin is dict:
        if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
            raise MessageError(f"'{where}' is {_name(value)}, not an object")
        for key, item in value.items():
            _check(get_args(kind)[1], item, f"{where}.{key}")
    elif hasattr(kind, "__required_keys__"):
        _check_typed_dict(kind, value, where)
    elif kind is float:
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise MessageError(f"'{where}' is {_name(value)}, not a number")
    elif not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise MessageError(f"'{where}' is {_name(value)}, not {kind.__name__}")


def _check_typed_dict(kind: Any, value: Any, where: str) -> None:
    if not isinstance(value, dict):
        raise MessageError(f"'{where}' is {_name(value)}, not an object")
    if missing := kind.__required_keys__ - value.keys():
        raise MessageError(f"'{where}' has no '{min(missing)}'")
    for key, inner in kind.__annotations__.items():
        if key in value:
            if get_origin(inner) is NotRequired:
                (inner,) = get_args(inner)
            _check(inner, value[key], f"{where}.{key}")


def _name(value: Any) -> str:
    return type(value).__name__
