"""A plan and what a run's first event says of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from infer.codec import DecodeError, encode, from_json, to_json
from infer.inputs.options import InputOptions, StateBinding
from infer.inputs.random import Random
from infer.measure.plan import Plan
from infer.records.events import AnyEvent
from infer.records.protocol import PROTOCOLS
from infer.system import machine
from infer.tensors.rules import Rule
from infer.variant import Variant

VARIANTS = {
    "m": Variant(runtime="openvino", signature="serve"),
    "m (defaults)": Variant(untuned=True),
    "m (graph=none)": Variant(settings={"graph": "none"}),
    "m (old)": Variant(python="/old/bin/python", interpreter="old"),
}


@pytest.fixture
def plan(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return Plan(
        artifacts=tuple((label, Path("m.onnx")) for label in VARIANTS),
        inputs=Path("inputs.npz"),
        protocol=PROTOCOLS["paper"],
        device="cpu",
        threads=2,
        timeout_s=60.0,
        variants=VARIANTS,
        random=Random(3, 16),
        input_options=InputOptions(
            (Rule("a", "b"),), {"n": 4}, {"x": (0.0, 1.0)}, (StateBinding("out", "in"),)
        ),
        ignored=("noise",),
        pairs={"m": "m (old)"},
    )


def record(plan):
    """The line of the run, as it is written."""
    values = {"kind": "run", "command": ["run"], "environment": machine.describe()}
    event = from_json(AnyEvent, to_json(values | plan.describe() | {"inputs_sha256": "a" * 64}))
    return json.loads(encode(event))


def test_a_plan_is_read_back_from_the_record_of_its_run(plan, tmp_path):
    again = Plan.from_run(from_json(AnyEvent, record(plan)))

    assert again.variants == VARIANTS
    assert again.inputs == tmp_path / "inputs.npz"
    assert [path for _, path in again.artifacts] == [tmp_path / "m.onnx"] * len(VARIANTS)
    assert again.describe() == plan.describe() | {
        "artifacts": [[label, str(path)] for label, path in again.artifacts],
        "inputs": str(again.inputs),
    }


@pytest.mark.parametrize(
    ("variant", "message"),
    [
        ({"untuned": "yes"}, "'variants[...].untuned': expected `bool`, got `str`"),
        ({"bare": True}, "unknown field 'variants.m.bare'"),
        ({"settings": {"graph": 1}}, "'variants[...].settings[...]': expected `str`, got `int`"),
    ],
)
def test_a_variant_that_no_plan_has_is_refused_with_its_field(plan, variant, message):
    values = record(plan)
    values["variants"]["m"] = variant

    with pytest.raises(DecodeError) as caught:
        from_json(AnyEvent, values)

    assert str(caught.value) == message
