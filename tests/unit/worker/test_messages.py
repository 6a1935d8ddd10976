"""The messages between controller and worker, checked on both sides."""

import json

import pytest

from infer.outcome import Failure, Outcome
from infer.worker import messages
from infer.worker.answer_checks import Known
from infer.worker.answers import decode_response
from infer.worker.message_codec import (
    MessageError,
    StorageError,
    decode_request,
    encode_failure,
    encode_request,
    encode_response,
    encode_storage_error,
)

LOADED = {
    "seconds": 1.5,
    "signature": {
        "inputs": [{"name": "x", "shape": [None, "n", 3], "dtype": "float32", "range": None}],
        "outputs": [],
    },
    "notes": [],
}
BURST = {"seconds": [1, 0.5], "cpu_s": 0.5, "samples": 2, "untimed_samples": 1}


KNOWN = Known([], samples=8)


def decoded(request, line, known=KNOWN, waited_s=60.0):
    """What the controller makes of a line."""
    return decode_response(request, line, known, waited_s)


def answer(request, response, **how):
    """What the controller makes of a response."""
    return decoded(request, json.dumps({"response": response}).encode(), **how)


def test_requests_come_back_as_they_were():
    for request in (messages.Load(), messages.Burst(4, None, 0), messages.DeviceTime([4, 1])):
        again = decode_request(encode_request(request).decode())

        assert type(again) is type(request)
        assert vars(again) == vars(request)


def test_every_request_has_a_name_and_a_type_of_response():
    assert len(messages.REQUESTS) == 23
    for name, request in messages.REQUESTS.items():
        assert request.action == name
        assert request.response.__required_keys__


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("garbage", "not JSON"),
        ("[1]", "not an object"),
        ('{"batch": 1}', "no request 'None'"),
        ('{"request": "__init__"}', "no request '__init__'"),
        ('{"request": ["load"]}', "no request"),
        ('{"request": "load", "x": 1}', "load: no field 'x'"),
        ('{"request": "first_call"}', "first_call: no 'batch'"),
        ('{"request": "first_call", "batch": "4"}', "'first_call.batch' is str, not int"),
        ('{"request": "first_call", "batch": true}', "'first_call.batch' is bool, not int"),
        ('{"request": "device_time", "batches": [1, null]}', r"batches\[1\]' is NoneType"),
        ('{"request": "sweep", "limit_s": "1", "patience_s": 1}', "limit_s' is str, not a number"),
        ('{"request": "predict", "batch": 1, "outputs": "o", "samples": 1.5}', "samples' is float"),
    ],
)
def test_what_is_no_request_is_refused(line, says):
    with pytest.raises(MessageError, match=says):
        decode_request(line)


def test_a_request_is_checked_before_it_is_sent():
    with pytest.raises(MessageError, match="is float, not int"):
        encode_request(messages.FirstCall(batch=1.0))


def test_responses_come_back_as_they_were():
    assert answer(messages.Load(), LOADED) == LOADED
    line = encode_response(messages.Burst(1, 2, 0), BURST | {"rows": [0]})
    assert decoded(messages.Burst(1, 2, 0, outputs="o"), line) == BURST | {"rows": [0]}


@pytest.mark.parametrize(
    ("response", "says"),
    [
        ({}, "'response' has no '"),
        ([], "'response' is list, not an object"),
        (LOADED | {"seconds": "1"}, "'response.seconds' is str, not a number"),
        (LOADED | {"notes": "none"}, "'response.notes' is str, not a list"),
        (LOADED | {"notes": [1]}, r"'response.notes\[0\]' is int, not str"),
        (LOADED | {"signature": {"inputs": []}}, "'response.signature' has no 'outputs'"),
        (
            LOADED | {"signature": {"inputs": [{"name": "x"}], "outputs": []}},
            r"'response.signature.inputs\[0\]' has no '",
        ),
    ],
)
def test_a_response_of_another_type_is_refused(response, says):
    with pytest.raises(MessageError, match=says):
        answer(messages.Load(), response)


def test_what_need_not_be_there_is_checked_where_it_is():
    placement = {"device": "cpu", "of_a_plug_in": {}}
    response = {"seconds": 1, "placement": placement}
    assert answer(messages.FirstCall(1), response) == response

    placement["tf32"] = "no"
    with pytest.raises(MessageError, match=r"'response.placement.tf32' is str"):
        answer(messages.FirstCall(1), response)


def test_a_worker_does_not_send_what_is_not_of_the_type():
    with pytest.raises(MessageError, match="has no 'device'"):
        encode_response(messages.FirstCall(1), {"seconds": 1.0, "placement": {}})


def test_failures_are_raised_and_must_have_an_outcome():
    failed = Failure(Outcome.BAD_INPUT, "no 'x'", is_shortened=True, index_limit=3)
    line = encode_failure(failed)
    with pytest.raises(Failure) as caught:
        decoded(messages.Load(), line)
    assert vars(caught.value) == vars(failed)

    with pytest.raises(StorageError, match="disk full"):
        decoded(messages.Load(), encode_storage_error("disk full"))
    for failure in ({"outcome": "splendid", "reason": ""}, {"outcome": "crash"}, None):
        with pytest.raises(MessageError):
            decoded(messages.Load(), json.dumps({"failure": failure}).encode())
