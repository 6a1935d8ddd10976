"""The events of a run: strict types, and the JSON Schema that tells others of them."""

import json
import math

import pytest
from events import ORDINARY, event

from infer.codec import DecodeError, decode, encode, from_json, to_json
from infer.records.events import AnyEvent
from infer.results import schema

BURST = {
    "artifact": "one",
    "generation": 0,
    "workload": {"batch": 4},
    "seconds": [0.5],
    "samples": 4,
}


def test_every_kind_has_an_ordinary_event():
    kinds = {kind.__struct_config__.tag for kind in AnyEvent.__args__}

    assert kinds == ORDINARY.keys()


def test_an_event_comes_back_from_its_line():
    burst = event("burst", **BURST, gpu={"sm_mhz": [345.0, None], "throttle": ["hw_thermal"]})

    assert decode(AnyEvent, encode(burst), "results.jsonl") == burst
    assert b"\n" not in encode(burst)


def test_numbers_without_end_come_back():
    differences = {"a": math.inf, "b": -math.inf, "c": None}
    rounding = event("rounding", artifact="one", differences=differences)

    assert decode(AnyEvent, encode(rounding), "") == rounding


@pytest.mark.parametrize(
    ("alter", "message"),
    [
        ({"kind": "brust"}, "'kind': invalid value 'brust'"),
        ({"turn": "first"}, "'turn': expected `int`, got `str`"),
        ({"seconds": [0.5, None]}, "'seconds[1]': expected `float`, got `null`"),
        ({"moon": "full"}, "unknown field `moon`"),
        ({"gpu": {"fan": 3}}, "'gpu': object contains unknown field `fan`"),
        ({"workload": {"batch": 4, "pause": 1}}, "unknown field 'workload.pause'"),
        ({"workload": {"batch": None}}, "'workload.batch': expected `int`, got `null`"),
        ({"schema_version": 2}, "'schema_version': invalid enum value 2"),
    ],
)
def test_what_is_no_event_is_refused_with_the_field(alter, message):
    value = to_json(event("burst", **BURST)) | alter

    with pytest.raises(DecodeError) as caught:
        from_json(AnyEvent, value)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_unknown_fields_of_a_list_of_dataclasses_are_refused():
    value = to_json(event("preflight", artifact="one"))
    spec = {"name": "a", "shape": [1], "dtype": "float32"}
    value["load"]["signature"]["inputs"] = [spec, spec | {"colour": "red"}]

    with pytest.raises(DecodeError, match=r"load\.signature\.inputs\.1\.colour"):
        from_json(AnyEvent, value)


def test_a_message_begins_with_the_file(tmp_path):
    with pytest.raises(DecodeError, match=r"^here\.json: is not JSON"):
        decode(AnyEvent, "{", "here.json")
    with pytest.raises(DecodeError, match=r"^here\.json: 'kind': "):
        decode(AnyEvent, '{"kind": 3}', "here.json")


@pytest.mark.parametrize("name", schema.SCHEMAS)
def test_the_schema_in_docs_is_that_of_the_types(root, name):
    written = (root / "docs/schema" / name).read_text()

    assert json.loads(written) == schema.SCHEMAS[name](), "write it: python -m infer.results.schema"


def test_no_object_of_the_schema_takes_other_fields(tmp_path):
    schema.main(tmp_path)
    written = json.loads((tmp_path / "results.json").read_text())

    assert all(
        part["additionalProperties"] is False
        for part in written["$defs"].values()
        if "enum" not in part
    )
    assert "schema_version" in written["$defs"]["BurstTimed"]["properties"]
