"""Runs whose artifacts can all be measured: what is compared, timed and said of them."""

import json
import shlex
from pathlib import Path

import numpy as np
import pytest
from measured_runs import GENERATIONS, TURNS, strict_json

from infer.artifacts.manifest import MANIFEST, EvaluationInputs
from infer.outcome import Outcome

pytest_plugins = ("measured_run_fixtures",)


@pytest.fixture(scope="module")
def differing(tmp_path_factory, fake_artifact, measure):
    """A run in which every artifact can be measured, and two give other numbers."""
    folder = tmp_path_factory.mktemp("my artifacts")
    fake_artifact(folder, "a model")
    fake_artifact(folder, "a_model", bias=0.01)
    fake_artifact(folder, "far", bias=0.5)
    return measure(folder, "--reference", "a model")


def test_status_says_that_outputs_differ(differing):
    assert differing.done.returncode == 1
    assert differing.rows["far"]["outcome"] == Outcome.PARITY_FAIL
    timings = differing.rows["far"]["timings"]
    assert {timing["ratio"]["generations"] for timing in timings.values()} == {GENERATIONS}
    assert "Traceback" not in differing.done.stderr


def test_similar_names_are_not_mixed_up(differing):
    outcomes = {name: differing.rows[name]["outcome"] for name in ("a model", "a_model")}

    assert outcomes == {"a model": Outcome.OK, "a_model": Outcome.PARITY_FAIL}


def test_command_that_measures_one_alone_can_be_pasted(differing):
    words = shlex.split(differing.rows["a model"]["command"])

    assert words[:4] == ["python", "-m", "infer", "run"]
    assert (Path(words[4]) / MANIFEST).is_file()


def test_command_that_measures_one_alone_has_the_inputs(differing):
    words = differing.rows["far"]["command"].split()

    assert "--inputs" in words
    assert words[words.index("--inputs") + 1] == str(differing.inputs)


SAMPLES = 300  # two batches of 128, and a smaller one


@pytest.fixture(scope="module")
def agreeing(tmp_path_factory, fake_artifact, inputs_file, measure):
    """A run that is well: one of the artifacts differs by less than is allowed."""
    folder = tmp_path_factory.mktemp("artifacts")
    fake_artifact(folder, "near", bias=0.01)
    fake_artifact(folder, "slow", call_s=0.004)
    images = np.random.default_rng(0).random((SAMPLES, 4, 4, 3), dtype=np.float32)
    inputs = inputs_file(folder / "inputs.npz", image=images, labels=np.arange(len(images)) % 3)
    return measure(
        folder, "--tolerance", "0.02", "--reference", "slow", "--save-outputs", inputs=inputs
    )


def test_status_says_that_all_is_well(agreeing):
    assert agreeing.done.returncode == 0
    assert {row["outcome"] for row in agreeing.rows.values()} == {"ok"}
    assert "Traceback" not in agreeing.done.stderr


def of_kind(done, kind):
    return [record for record in done.records if record["kind"] == kind]


def test_preflight_predicts_all_samples_and_bursts_are_of_full_batches(agreeing):
    assert [record["predict"]["samples"] for record in of_kind(agreeing, "preflight")] == [
        SAMPLES
    ] * 2
    for record in of_kind(agreeing, "burst"):
        assert record["samples"] == record["workload"]["batch"] * len(record["seconds"])
    assert len(of_kind(agreeing, "burst")) == 2 * 2 * GENERATIONS * TURNS
    assert agreeing.rows["near"]["samples"] == SAMPLES
    assert agreeing.rows["near"]["largest_difference"] == pytest.approx(0.01, abs=1e-5)


def test_outputs_go_when_they_are_judged_and_are_kept_where_the_user_says_so(agreeing):
    assert not (agreeing.run / ".outputs").exists()
    folder = agreeing.run / "outputs" / "near"
    assert f"outputs: {folder.parent}" in agreeing.done.stderr
    (output,) = json.loads((folder / "outputs.json").read_text())["outputs"]
    assert np.load(folder / output["files"][0]).shape == (SAMPLES, 3)


def test_outputs_of_the_last_turn_are_compared_with_those_of_preflight(agreeing):
    for record in of_kind(agreeing, "burst"):
        assert (record["difference"] is not None) == (record["turn"] == TURNS - 1)
        assert not record["difference"]


def test_run_ends_with_the_generations_of_its_protocol(agreeing):
    assert len(of_kind(agreeing, "generation")) == GENERATIONS
    assert agreeing.summary["ended"] == f"all {GENERATIONS} generations were measured"


def test_paper_protocol_predicts_all_samples_ten_times(tmp_path, fake_artifact, measure):
    fake_artifact(tmp_path, "artifact")

    done = measure(tmp_path / "artifact", "--protocol", "paper", "--batch", 4)

    passes = [record for record in of_kind(done, "burst") if record["workload"]["batch"] == 4]
    # Batches of 4, 4 and 2 samples.
    assert [(record["samples"], len(record["seconds"])) for record in passes] == [(10, 3)] * 10
    # Their last calls are compared with the same samples of preflight.
    assert {record["difference"] for record in passes} == {None, 0}
    assert {record["generation"] for record in passes} == set(range(5))
    assert done.done.returncode == 0


def test_reference_can_be_chosen(agreeing):
    assert agreeing.summary["speed_references"] == {"near": "slow", "slow": "slow"}
    assert {row["reference"] for row in agreeing.rows.values()} == {"slow"}


def test_ratio_shows_what_is_faster(agreeing):
    near, slow = (agreeing.rows[name]["timings"]["batch 1"] for name in ("near", "slow"))

    assert near["ratio"]["value"] < 1
    assert slow["call_s"] >= 0.004
    assert slow["ratio"] is None


def test_workers_import_no_framework_of_another_runtime(agreeing):
    preflights = of_kind(agreeing, "preflight")

    assert [record["predict"]["frameworks"] for record in preflights] == [[]] * 2


def test_labels_that_no_output_can_mean_are_bad_input(
    tmp_path, fake_artifact, inputs_file, measure
):
    images = np.zeros((4, 4, 4, 3), np.float32)
    inputs = inputs_file(tmp_path / "inputs.npz", image=images, labels=np.array([0, 1, 2, 3]))
    fake_artifact(tmp_path / "artifacts", "artifact")

    done = measure(tmp_path / "artifacts", inputs=inputs)

    row = done.rows["artifact"]
    assert row["outcome"] == Outcome.BAD_INPUT
    assert str(inputs) in row["reason"] and "labels up to 3" in row["reason"]
    assert done.done.returncode == 3


def test_inputs_that_a_manifest_names_must_be_there_and_unaltered(
    tmp_path, fake_artifact, inputs_file, run_cli
):
    inputs_file(tmp_path / "inputs.npz")
    with (tmp_path / "endless.npz").open("wb") as file:
        file.truncate(1 << 43)  # a hole, which would be hashed for hours
    for name, file in (
        *(("altered", "../../inputs.npz"), ("missing", "nothing.npz"), ("long", "x" * 5000)),
        *(("endless", "../../endless.npz"), ("error", "/proc/self/mem")),
    ):
        stated = {"evaluation": EvaluationInputs(file, "0" * 64)}
        fake_artifact(tmp_path / "artifacts", name, manifest=stated)
    fake_artifact(tmp_path / "artifacts", "unnamed")

    done = run_cli("run", "artifacts", tmp_path / "nowhere", "--json", "-", cwd=tmp_path)

    rows = {row["artifact"]: row for row in strict_json(done.stdout)["rows"]}
    assert done.returncode == 3
    assert "Traceback" not in done.stderr
    assert {name: row["outcome"] for name, row in rows.items()} == {
        **dict.fromkeys(("altered", "missing", "unnamed"), Outcome.BAD_INPUT),
        **dict.fromkeys(("long", "endless", "error"), Outcome.BAD_INPUT),
        "nowhere": Outcome.LOAD_ERROR,
    }
    assert str(tmp_path / "inputs.npz") in rows["altered"]["reason"]
    assert "export again" in rows["altered"]["reason"]
    assert "nothing.npz" in rows["missing"]["reason"]
    assert "hardly any" in rows["endless"]["reason"]
    assert "--inputs" in rows["missing"]["reason"]
    assert "--inputs" in rows["unnamed"]["reason"]
    assert "no such file" in rows["nowhere"]["reason"]


def test_json_file_that_cannot_be_written(agreeing, tmp_path, refused):
    file = tmp_path / "nothing" / "out.json"

    assert str(file) in refused("show", agreeing.run, "--json", file)
