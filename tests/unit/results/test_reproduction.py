"""The command that measures one artifact of a run again."""

import shlex

import pytest
from run_records import complete_run, row_of, run, summarize


def test_command_measures_one_artifact_alone_as_it_was_measured():
    records = complete_run(("my model", [1.0]))
    records[0] = run() | {"inputs": "test set.npz", "tolerance": 0.5}

    words = shlex.split(row_of(summarize(records), "my model").command)

    assert words[:5] == ["python", "-m", "infer", "run", "models/my model"]
    assert dict(zip(words[5::2], words[6::2], strict=True)) == {
        "--protocol": "paper",
        "--inputs": "test set.npz",
        "--tolerance": "0.5",
        "--batch": "32",
        "--device": "cpu",
        "--threads": "2",
    }


@pytest.mark.parametrize(
    ("variant", "options"),
    [
        ({"untuned": True}, ["--defaults"]),
        ({"settings": {"graph": "none", "arena": "off"}}, ["fake:graph=none", "fake:arena=off"]),
    ],
)
def test_command_names_what_a_variant_is_run_with(variant, options):
    records = complete_run(("base", [1.0]), ("variant", [1.0]))
    records[0] = run() | {"variants": {"variant": variant}}

    summary = summarize(records)

    words = row_of(summary, "variant").command.split()
    assert [word for word in words if word in options] == options
    assert words.count("--set") == len(variant.get("settings", {}))
    assert not {"--defaults", "--set"} & set(row_of(summary, "base").command.split())


def test_command_names_the_end_of_a_run_that_had_a_budget():
    records = complete_run(("base", [1.0]))
    records[0] = run(name="until", generations=None, budget_s=90.0, resolve=0.03)

    words = row_of(summarize(records), "base").command.split()

    assert "--protocol" not in words  # the command line knows none of that name
    assert words[words.index("--budget") + 1] == "90.0"
    assert words[words.index("--resolve") + 1] == "0.03"


def test_command_names_scenarios_and_a_time_limit_of_its_own():
    records = complete_run(("base", [1.0]))
    records[0] = run(scenarios=["single", "paced"]) | {"timeout_s": 7.0}

    command = row_of(summarize(records), "base").command

    assert command.endswith("--timeout 7.0 --scenario single paced")


def test_the_command_of_what_differs_has_its_reference_and_rules_by_their_names_there():
    records = complete_run(("good/net.pt", [1.0]), ("bad/net.onnx", [1.0]))
    rule = {"name": "y", "other": "output_0", "artifact": "bad/net.onnx"}
    records[0] = run() | {"input_options": {"rules": [rule]}, "allowed": {"output_0": 0.01}}
    differing = {"outcome": "parity_fail", "reason": "differs", "early": False}
    records = [
        record | differing
        if record["kind"] == "outcome" and record["artifact"] == "bad/net.onnx"
        else record
        for record in records
    ]

    summary = summarize(records)

    words = shlex.split(row_of(summary, "bad/net.onnx").command)
    assert words[4:8] == ["models/good/net.pt", "models/bad/net.onnx", "--reference", "net.pt"]
    assert words[words.index("--map") + 1] == "net.onnx:y=output_0"
    assert words[words.index("--allow") + 1] == "output_0=0.01"
    assert "models/bad/net.onnx" not in row_of(summary, "good/net.pt").command
