"""Answers that are not what was asked for."""

import json

import pytest
from worker_answers import DEVICE_TIME, RIGHT, SIGNATURE, SPEC, known

from infer.outcome import Failure
from infer.worker import messages as m
from infer.worker.answer_checks import Known
from infer.worker.answers import decode_response, longest_answer
from infer.worker.message_codec import MessageError

OPERATOR = RIGHT["profile"][1]["operators"][0]
EVENT = RIGHT["profile"][1]["trace"][0]


def decoded(request, response, waited_s=1.0):
    return decode_response(request, json.dumps({"response": response}).encode(), known(), waited_s)


def test_right_answers_are_taken():
    assert RIGHT.keys() == m.REQUESTS.keys()
    for request, response in RIGHT.values():
        assert decoded(request, response) == response


def changes(value, path=()):
    """The paths to all parts of a value."""
    yield path
    if isinstance(value, dict | list):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from changes(item, (*path, key))


def with_part(value, path, part):
    """A copy with another part."""
    if not path:
        return part
    copy = value.copy()
    copy[path[0]] = with_part(copy[path[0]], path[1:], part)
    return copy


@pytest.mark.parametrize("action", RIGHT)
def test_no_part_of_an_answer_may_be_of_another_kind(action):
    request, response = RIGHT[action]
    tried = 0
    for path in changes(response):
        if "own" in path:  # of a plug-in's runtime
            continue
        for part in (object, float("nan"), float("-inf"), -1, 10**30, {}, [[]], True):
            value = "\ud800" if part is object else part
            try:
                same = decoded(request, with_part(response, path, value))
            except MessageError as error:
                assert "\n" not in str(error) and len(str(error)) < 200
                tried += 1
            else:  # a number in place of another, no value where there may be none
                assert value in (-1, {}, True) and same is not None, path
    assert tried > 4


@pytest.mark.parametrize(
    ("action", "change", "says"),
    [
        ("start", {"seconds": 2.0}, "2 s within 1 s"),
        ("start", {"more": 1}, "unknown 'more'"),
        ("load", {"seconds": 9.0}, "9 s within"),
        ("load", {"signature": {"inputs": [SPEC, SPEC], "outputs": []}}, "twice"),
        ("load", {"signature": SIGNATURE | {"outputs": [SPEC | {"range": [1.0]}]}}, "range"),
        ("load", {"signature": SIGNATURE | {"outputs": [SPEC | {"shape": [1] * 99}]}}, "shape"),
        ("load", {"notes": ["x" * 10**6]}, "1,000,000 characters"),
        ("inputs", {"samples": 2**60}, "samples of"),
        ("inputs", {"fixed": 0}, "'response.fixed' is 0"),
        ("call", {"placement": {"device": "cpu", "own": float("nan")}}, "not JSON"),
        ("call", {"placement": {"device": "cpu", "own": json.loads("[" * 50 + "]" * 50)}}, "deep"),
        ("call", {"seconds": 1.0}, "unknown 'seconds'"),
        ("repeat", {"changed_samples": 5}, "more changed"),
        ("repeat", {"changed_labels": 3}, "more labels"),
        ("batch_probe", {"outputs": {"y": {"axes": [10**6], "difference": 0.0}}}, "an axis"),
        ("call_again", {"cosines": {"y": 7.0}}, "cosine"),
        ("check", {"seconds": {"1": 0.1}}, "not all sizes"),
        ("check", {"seconds": {"1": 0.1, "4": 0.0}}, "no time"),
        ("check", {"seconds": {"1": 0.1, "5": 0.1}}, "a size of 5"),
        ("warm_up", {"calls": 0}, "calls' is 0"),
        ("warm_up", {"call_s": 0}, "no time"),
        ("device_time", {"batches": {"7": DEVICE_TIME}}, "a size of 7"),
        ("device_time", {"batches": {"4": DEVICE_TIME | {"bound": "<b>"}}}, "bound"),
        ("predict", {"samples": 7}, "7 samples, 8 were asked for"),
        ("predict", {"reset": {"how": "magic", "seconds": 0.1}}, "reset"),
        ("find_batch", {"limits": {"multiple": 4, "least": 5, "most": 7}}, "no number"),
        ("find_batch", {"failed": None}, "without a number"),
        ("find_ranges", {"ranges": {"x": [5, 2]}}, "two ends"),
        ("find_ranges", {"ranges": {"x": [5]}}, "two ends"),
        ("sweep", {"samples_per_s": {"16": 1.0}}, "batch of 16"),
        ("sweep", {"samples_per_s": {"01": 1.0}}, "no number"),
        ("sweep", {"samples_per_s": {"\u0663": 1.0}}, "no number"),
        ("sweep", {"samples_per_s": {"1": 0}}, "rate of 0"),
        ("burst", {"seconds": [0.1]}, "1 times, 2 calls"),
        ("burst", {"seconds": [0.1, 0]}, "no time"),
        ("burst", {"seconds": [0.1, 1.5]}, "1.6 s within"),
        ("burst", {"cpu_s": 1e5}, "1e"),
        ("burst", {"samples": 0}, "0 samples"),
        ("burst", {"samples": 9}, "9 samples"),
        ("burst", {"rows": [8]}, "a sample 8 of 8"),
        ("burst", {"rows": []}, "rows of no call"),
        ("overhead", {"raw_s": [0.1]}, "1 rounds"),
        ("overhead", {"calls": 10**6}, "s within"),
        ("profile", {"calls_s": [0.1]}, "1 calls of 3"),
        ("profile", {"calls_s": [1e3] * 3, "call_s": 1e3}, "s within"),
        ("profile", {"call_s": 0.5}, "another call"),
        ("profile", {"operators": [OPERATOR | {"seconds": 1.0}]}, "operators of 1 s"),
        ("profile", {"operators": [OPERATOR | {"name": "x" * 200}]}, "a name of an operator"),
        ("profile", {"operators": [OPERATOR] * 5000}, "5000 operators"),
        ("profile", {"trace": [EVENT | {"operator": 7}]}, "no operator"),
        ("profile", {"trace": [EVENT | {"seconds": 9.0}]}, "after its call"),
        ("profile", {"profiler": None}, "without a profiler"),
        ("profile", {"notes": ["x"] * 100}, "texts"),
        ("profile", {"shapes": {"image": [1] * 100}}, "a shape of an input"),
        ("profile", {"problem": "x" * 5000}, "texts"),
    ],
)
def test_an_answer_fits_what_was_asked(action, change, says):
    request, response = RIGHT[action]
    with pytest.raises(MessageError, match=says):
        decoded(request, response | change)


def test_rows_are_told_where_they_are_asked_for():
    _, response = RIGHT["burst"]
    with pytest.raises(MessageError, match="rows"):
        decoded(m.Burst(4, 2, 0), response)
    with pytest.raises(MessageError, match="rows"):
        decoded(RIGHT["burst"][0], {k: v for k, v in response.items() if k != "rows"})


@pytest.mark.parametrize(
    "line",
    [
        *(b"", b"garbage", b"\xff", b"[1]", b"7", b"null", b"[" * 10**5, b'{"a":' * 10**4),
        *(b'{"response": NaN}', b'{"response": "\\ud800"}', b'{"response": {}, "failure": {}}'),
        b'{"storage_error": 1}',
        b'{"failure": {"outcome": "ok", "reason": "", "is_shortened": false, "index_limit": null,'
        b' "cause": ""}}',
        b'{"failure": {"outcome": "hang", "reason": "", "is_shortened": false, "index_limit": -1,'
        b' "cause": ""}}',
    ],
)
def test_a_line_that_is_no_answer_is_refused(line):
    with pytest.raises(MessageError):
        decode_response(m.Load(), line, known(), 1.0)


def test_a_reason_is_one_short_line():
    failure = {
        "outcome": "crash",
        "reason": "first\nsecond " + "x" * 1000,
        "is_shortened": False,
        "index_limit": None,
        "cause": "x\n" * 1000,
    }
    with pytest.raises(Failure) as caught:
        decode_response(m.Load(), json.dumps({"failure": failure}).encode(), known(), 1.0)

    assert caught.value.reason.startswith("first second") and len(caught.value.reason) <= 300
    assert len(caught.value.cause) <= 100


def test_an_answer_may_be_as_long_as_what_was_asked_for():
    state = Known([SPEC], samples=10**6)
    assert longest_answer(m.Burst(1, None, 0), state) > 32 * 10**6
    assert longest_answer(m.Load(), state) < 32 << 20
