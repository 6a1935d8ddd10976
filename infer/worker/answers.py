"""The controller's side of the answers of a worker: what one may say, whoever writes it.

An artifact's own program may write to the pipe. So an answer must be of the type that the request
asks for (responses.py), and fit what was asked and what the worker has said before
(answer_checks.py).
"""

from __future__ import annotations

from typing import Any

import msgspec

from ..outcome import Failure, Outcome
from ..system.answer_pipe import LONGEST_ANSWER
from . import messages
from .answer_checks import Known, check_fits
from .error_text import shorten
from .message_codec import FAILURE, RESPONSE, STORAGE_ERROR, MessageError, StorageError, check_type
from .messages import Request, Response
from .responses import FailureResponse

# What a worker may say of its artifact; the other outcomes are the controller's to find.
_OUTCOMES = frozenset(
    {
        Outcome.UNSUPPORTED,
        Outcome.LOAD_ERROR,
        Outcome.BAD_INPUT,
        Outcome.OUT_OF_MEMORY,
        Outcome.CRASH,
    }
)
_LONGEST_NUMBER = 32  # bytes
_LONGEST_CAUSE = 100


def longest_answer(request: Request[Any], known: Known) -> int:
    """The most bytes that the answer to a request may have."""
    values = 0
    if isinstance(request, messages.Burst):
        values = known.calls(request.batch) if request.calls is None else request.calls
        values += request.batch
    return LONGEST_ANSWER + _LONGEST_NUMBER * values


def decode_response(
    request: Request[Response], line: bytes, known: Known, waited_s: float
) -> Response:
    """Decode a worker's answer to a request.

    Args:
        request: the request.
        line: the answer.
        known: what the worker has said before.
        waited_s: seconds since the request was sent, or, to `Start`, since the process was started.

    Raises:
        Failure: the worker says that the artifact failed.
        StorageError: the worker says that outputs cannot be written.
        MessageError: the line is no answer, or no answer to this request.
    """
    try:
        answer = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise MessageError("not JSON") from None
    if not isinstance(answer, dict):
        raise MessageError("not an object")
    if answer.keys() == {RESPONSE}:
        response: Response = answer[RESPONSE]
        check_type(request.response, response, RESPONSE)
        check_fits(request, response, known, waited_s)
        known.learn(request, response)
        return response
    if answer.keys() == {STORAGE_ERROR}:
        check_type(str, answer[STORAGE_ERROR], STORAGE_ERROR)
        raise StorageError(_line(answer[STORAGE_ERROR]))
    if answer.keys() == {FAILURE}:
        check_type(FailureResponse, answer[FAILURE], FAILURE)
        failure: FailureResponse = answer[FAILURE]
        if failure["outcome"] not in _OUTCOMES:
            raise MessageError(f"no outcome of a worker '{failure['outcome'][:40]}'")
        raise Failure(
            Outcome(failure["outcome"]),
            _line(failure["reason"]),
            is_shortened=failure["is_shortened"],
            index_limit=failure["index_limit"],
            cause=_line(failure["cause"])[:_LONGEST_CAUSE],
        )
    raise MessageError("neither a response nor a failure")


def _line(text: str) -> str:
    return shorten(" ".join(text.split()))
